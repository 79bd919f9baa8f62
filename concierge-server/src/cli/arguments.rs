//! What can be said on the command line, and how it becomes a configuration.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::{CONFIG_VARIABLE, Config, ConfigError, Sources};

const AFTER_HELP: &str = "\
Settings come from the first of these that has them: flags, variables CONCIERGE_SERVER_<KEY> (dots as __: \
CONCIERGE_SERVER_HEARTBEAT__INTERVAL=20s), the file of --config, the defaults. The secret comes from a file or from \
CONCIERGE_SERVER_SECRET, never from the command line.

Exit codes: 0 stopped, by a signal too; 2 usage; 10 cannot listen; 78 the configuration is refused.

Examples:
  concierge-server                                                # until Ctrl-C
  concierge-server --bind 127.0.0.1:0 --log debug                 # until Ctrl-C
  concierge-server --bind 0.0.0.0:64209 --secret-file ~/secret    # until Ctrl-C
  concierge-server --set limits.message=4MiB                      # until Ctrl-C
  concierge-server --set limits.message=4MiB --check
  concierge-server --print-config";

/// The arguments of the gateway. All of them are settings too, except `--config`, `--set`, `--check` and `--print-config`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Where to listen [default: 127.0.0.1:64209]; port 0 picks a free one, unix:PATH is a Unix socket; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    bind: Vec<String>,

    /// A configuration file.
    #[arg(long, value_name = "FILE", help = "A configuration file, in TOML [env: CONCIERGE_SERVER_CONFIG=]")]
    config: Option<PathBuf>,

    /// A file whose one line every client must present as its secret; only its owner and group may read it
    #[arg(long, value_name = "FILE")]
    secret_file: Option<String>,

    /// Lets clients in without a secret even from other machines
    #[arg(long)]
    allow_anonymous: bool,

    /// A web page's origin that may connect, as the browser sends it; may be given several times; * is every one
    #[arg(long = "allowed-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<String>,

    /// The folder of the files that clients share [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    files_dir: Option<String>,

    /// What to log on stderr: off, error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,

    /// How to log: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// Any other setting, by the key it has in the configuration file; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,

    /// Only check the configuration, with the files that it names, and say whether a gateway would start with it
    #[arg(long, conflicts_with = "print_config")]
    check: bool,

    /// Only print the configuration, as a file with where each setting comes from
    #[arg(long)]
    print_config: bool,
}

/// What is to be done with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Run a gateway.
    Serve,
    /// Say that it is a good one.
    Check,
    /// Print it.
    Print,
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as heartbeat.interval=20s")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Args {
    /// The configuration that these arguments make together with those environment variables.
    ///
    /// # Errors
    ///
    /// When a source cannot be read or has something that is no setting, or when the whole is refused.
    pub fn configuration(
        &self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Config, ConfigError> {
        let mut variables: Vec<_> = variables.into_iter().collect();
        // One that names the same thing twice does not exist; sorted, what is complained about is always the same.
        variables.sort();
        let named =
            variables.iter().find(|(name, _)| name == CONFIG_VARIABLE).map(|(_, path)| PathBuf::from(path));
        let mut sources = Sources::new();
        if let Some(path) = self.config.clone().or(named) {
            sources = sources.file(&path)?;
        }
        sources = sources.variables(variables)?;
        for (key, value) in &self.set {
            sources = sources.flag(key, value, "--set")?;
        }
        for (key, flag, value) in self.flags() {
            sources = sources.flag(key, &value, flag)?;
        }
        sources.resolve()
    }

    /// What is to be done with the configuration.
    pub(super) fn task(&self) -> Task {
        match self {
            Self { check: true, .. } => Task::Check,
            Self { print_config: true, .. } => Task::Print,
            _ => Task::Serve,
        }
    }

    /// The flags that were given, with the settings they stand for.
    fn flags(&self) -> impl Iterator<Item = (&'static str, &'static str, String)> {
        let list = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
        [
            ("bind", "--bind", list(&self.bind)),
            ("secret_file", "--secret-file", self.secret_file.clone()),
            ("allow_anonymous", "--allow-anonymous", self.allow_anonymous.then(|| "true".to_owned())),
            ("allowed_origins", "--allowed-origin", list(&self.allowed_origins)),
            ("files.dir", "--files-dir", self.files_dir.clone()),
            ("log.level", "--log", self.log.clone()),
            ("log.format", "--log-format", self.log_format.clone()),
        ]
        .into_iter()
        .filter_map(|(key, flag, value)| Some((key, flag, value?)))
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    fn configuration(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let program = Program::try_parse_from([&["concierge-server"], arguments].concat()).unwrap();
        program.args.configuration(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn the_arguments_are_consistent() {
        Program::command().debug_assert();
    }

    #[test]
    fn flags_become_settings_and_win_over_variables() {
        let arguments =
            ["--bind", "127.0.0.1:1", "--bind", "[::1]:2", "--log", "warn", "--set", "limits.name=10"];
        let config = configuration(&arguments, &[("CONCIERGE_SERVER_LOG__LEVEL", "trace")]).unwrap();
        assert_eq!(config.bind, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
        assert_eq!((config.log.level, config.limits.name), (crate::config::LogLevel::Warn, 10));
    }

    #[test]
    fn a_flag_is_named_in_what_is_refused() {
        let refusal = |arguments: &[&str]| configuration(arguments, &[]).unwrap_err().to_string();
        assert!(refusal(&["--bind", "nowhere"]).starts_with("`bind` in the flag --bind: expected addresses"));
        assert!(
            refusal(&["--bind", "0.0.0.0:1"])
                .starts_with("`bind` in the flag --bind: 0.0.0.0:1 can be reached")
        );
        assert!(refusal(&["--log", "loud"]).starts_with("`log.level` in the flag --log: expected"));
        assert!(refusal(&["--files-dir", ""]).starts_with("`files.dir` in the flag --files-dir: expected"));
        assert!(refusal(&["--config", "/nowhere"]).contains("cannot read the configuration file /nowhere"));
        assert!(refusal(&["--set", "secret=x"]).contains("list of processes"));
    }

    #[test]
    fn a_variable_may_name_the_file() {
        let error = configuration(&[], &[("CONCIERGE_SERVER_CONFIG", "/nowhere/a.toml")]).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the configuration file /nowhere/a.toml");
    }
}
