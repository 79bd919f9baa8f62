//! The program's log: on stderr, for people or as JSON.

use std::io::{self, IsTerminal as _};

use std::panic::PanicHookInfo;

use tracing::error;
use tracing::level_filters::LevelFilter;

use crate::config::{Log, LogFormat, LogLevel};

/// Starts logging. A program that logs already, because it embeds this one, keeps its own way.
pub(super) fn start(log: Log) {
    let level = match log.level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let colours =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let logger = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(colours);
    let started = match log.format {
        LogFormat::Text => logger.with_target(false).try_init(),
        LogFormat::Json => logger.json().flatten_event(true).try_init(),
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(tell_of_panic));
    }
}

/// A panic is a line of the log as any other. What it says is in it only if it stands so in the program: what was put together may
/// have something of a client's in it.
fn tell_of_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(tracing::field::display);
    let why = panic.payload().downcast_ref::<&str>();
    error!(place, why, "something failed within this program; this is a bug");
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Set for a process in which panics are to be logged.
    const FORMAT: &str = "CONCIERGE_TEST_OF_PANICS";

    fn panic_twice() {
        let literally = std::thread::spawn(|| panic!("as the program has it"));
        let put_together = std::thread::spawn(|| panic!("{}", "what a client sent".to_owned()));
        assert!(literally.join().is_err() && put_together.join().is_err());
    }

    #[test]
    fn a_panic_is_one_line_of_the_log_and_has_nothing_of_a_client_in_it() {
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        if let Ok(asked) = std::env::var(FORMAT) {
            let (_, format) = formats.into_iter().find(|(name, _)| *name == asked).unwrap();
            start(Log { level: LogLevel::Info, format });
            return panic_twice();
        }
        for (format, _) in formats {
            let mut command = Command::new(std::env::current_exe().unwrap());
            let test =
                "cli::logging::tests::a_panic_is_one_line_of_the_log_and_has_nothing_of_a_client_in_it";
            let output = command.args([test, "--exact", "--nocapture"]).env(FORMAT, format).output().unwrap();
            let log = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{log}");
            let lines: Vec<_> = log.lines().collect();
            assert_eq!(lines.len(), 2, "{log}");
            assert!(lines.iter().all(|line| line.contains("this is a bug") && line.contains("logging.rs:")));
            assert_eq!(log.matches("as the program has it").count(), 1, "{log}");
            assert!(!log.contains("what a client sent"), "{log}");
            let are_json = lines.iter().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
            assert_eq!(are_json, format == "json", "{log}");
        }
    }
}
