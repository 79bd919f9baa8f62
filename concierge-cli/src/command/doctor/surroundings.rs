//! What is around the command on this machine: descriptors, the terminal, completions.

use std::path::{Path, PathBuf};

use rustix::{stdio::stdout, termios::tcgetwinsize};

use super::check::Check;
use crate::{console::Environment, descriptors::Descriptors, output::grouped};

/// Fewer sockets than this are few.
const FEW: u64 = 256;

/// A terminal that is narrower cuts lines.
const NARROW: u16 = 60;

/// How many sockets a command may have.
pub(super) fn descriptors(descriptors: Descriptors) -> Check {
    let shown = |limit: Option<u64>| limit.map_or_else(|| "any number".to_owned(), grouped);
    let told = format!("{} at a time, {} if asked for", shown(descriptors.soft), shown(descriptors.hard));
    match descriptors.hard {
        Some(hard) if hard < FEW => {
            Check::warn("descriptors", told, "`bench` and `serve` may need more: ulimit -n 4096")
        }
        _ => Check::ok("descriptors", told),
    }
}

/// What the terminal can show.
pub(super) fn terminal(environment: &Environment, is_terminal: bool, colored: bool) -> Check {
    if !is_terminal {
        return Check::skipped("terminal", "the output goes elsewhere");
    }
    let size = tcgetwinsize(stdout()).ok().map(|size| (size.ws_col, size.ws_row));
    describe_terminal(environment, size, colored)
}

fn describe_terminal(environment: &Environment, size: Option<(u16, u16)>, colored: bool) -> Check {
    let kind = environment.var("TERM");
    let colors = if colored { "colours" } else { "no colours" };
    let locale = if is_utf8(environment) { "UTF-8" } else { "not UTF-8" };
    let shown_size = match size {
        Some((0, _) | (_, 0)) | None => "of unknown size".to_owned(),
        Some((columns, rows)) => format!("{columns} × {rows}"),
    };
    let told = format!("{}, {shown_size}, {colors}, {locale}", kind.unwrap_or("of unknown kind"));
    let hint = match (kind, size) {
        (None | Some("dumb"), _) => {
            Some("without a cursor that moves, the REPL reads plain lines: is TERM right?")
        }
        _ if !is_utf8(environment) => {
            Some("names in other scripts may look wrong: set LANG to a UTF-8 locale")
        }
        (_, Some((1..NARROW, _))) => Some("tables are wider than this terminal"),
        _ => None,
    };
    match hint {
        Some(hint) => Check::warn("terminal", told, hint),
        None => Check::ok("terminal", told),
    }
}

/// Whether text may hold more than ASCII. The first of these that is set decides (POSIX, section 8.2).
pub(super) fn is_utf8(environment: &Environment) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|variable| environment.var(variable));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Whether the shell completes this command.
pub(super) fn completions(environment: &Environment) -> Check {
    let shell = environment
        .var("SHELL")
        .and_then(|shell| Path::new(shell).file_name())
        .and_then(|name| name.to_str());
    let Some(shell) = shell else {
        return Check::skipped("completions", "the shell is not known: SHELL is not set");
    };
    let places = places(shell, environment);
    if places.is_empty() {
        return Check::skipped("completions", format!("{shell} is a shell this command knows nothing of"));
    }
    match places.iter().find(|place| place.is_file()) {
        Some(place) => Check::ok("completions", place.display().to_string()),
        None => Check::skipped(
            "completions",
            format!("none for {shell} in the usual places; `concierge completion {shell}` makes them"),
        ),
    }
}

/// Where completions of a shell usually are.
fn places(shell: &str, environment: &Environment) -> Vec<PathBuf> {
    let home = environment.var("HOME").unwrap_or("/");
    let base = |variable: &str, default: &str| {
        environment.var(variable).map_or_else(|| Path::new(home).join(default), PathBuf::from)
    };
    let (data, config) = (base("XDG_DATA_HOME", ".local/share"), base("XDG_CONFIG_HOME", ".config"));
    match shell {
        "bash" => vec![
            data.join("bash-completion/completions/concierge"),
            "/usr/local/share/bash-completion/completions/concierge".into(),
            "/usr/share/bash-completion/completions/concierge".into(),
            "/etc/bash_completion.d/concierge".into(),
        ],
        "zsh" => vec![
            Path::new(home).join(".zfunc/_concierge"),
            data.join("zsh/site-functions/_concierge"),
            "/usr/local/share/zsh/site-functions/_concierge".into(),
            "/usr/share/zsh/site-functions/_concierge".into(),
            "/usr/share/zsh/vendor-completions/_concierge".into(),
        ],
        "fish" => vec![
            config.join("fish/completions/concierge.fish"),
            data.join("fish/vendor_completions.d/concierge.fish"),
            "/usr/share/fish/vendor_completions.d/concierge.fish".into(),
        ],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command::doctor::check::Verdict, console::Console};

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Console::in_memory("", variables.iter().copied()).0.environment
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        assert!(is_utf8(&environment(&[("LANG", "de_DE.UTF-8")])));
        assert!(is_utf8(&environment(&[("LC_CTYPE", "C.utf8"), ("LANG", "C")])));
        assert!(!is_utf8(&environment(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")])));
        assert!(!is_utf8(&environment(&[])));
    }

    #[test]
    fn what_a_terminal_lacks_is_told() {
        let utf8 = ("LANG", "C.UTF-8");
        for (variables, size, verdict, part) in [
            (&[("TERM", "xterm"), utf8][..], Some((120, 40)), Verdict::Ok, "xterm, 120 × 40, colours, UTF-8"),
            (&[utf8], Some((120, 40)), Verdict::Warn, "of unknown kind"),
            (&[("TERM", "dumb"), utf8], Some((120, 40)), Verdict::Warn, "dumb"),
            (&[("TERM", "xterm")], Some((120, 40)), Verdict::Warn, "not UTF-8"),
            (&[("TERM", "xterm"), utf8], Some((20, 5)), Verdict::Warn, "20 × 5"),
            (&[("TERM", "xterm"), utf8], Some((0, 0)), Verdict::Ok, "of unknown size"),
        ] {
            let check = describe_terminal(&environment(variables), size, true);
            assert_eq!(check.verdict, verdict, "{check:?}");
            assert!(check.told.contains(part), "{check:?}");
        }
        assert_eq!(terminal(&environment(&[]), false, false).verdict, Verdict::Skipped);
    }

    #[test]
    fn few_descriptors_are_told() {
        let few = descriptors(Descriptors { soft: Some(64), hard: Some(128) });
        assert_eq!((few.verdict, few.told.as_str()), (Verdict::Warn, "64 at a time, 128 if asked for"));
        assert_eq!(descriptors(Descriptors { soft: Some(1024), hard: None }).verdict, Verdict::Ok);
    }

    #[test]
    fn completions_are_looked_for_where_they_usually_are() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".config/fish/completions");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("concierge.fish"), "").unwrap();
        let home = home.path().to_str().unwrap();
        let of = |shell: &str| completions(&environment(&[("HOME", home), ("SHELL", shell)]));
        assert_eq!(of("/usr/bin/fish").verdict, Verdict::Ok);
        assert!(of("/bin/tcsh").told.contains("knows nothing of"));
        assert_eq!(completions(&environment(&[])).verdict, Verdict::Skipped);
    }
}
