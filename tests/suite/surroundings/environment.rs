//! Variables that are missing, and folders that cannot be written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use support::terminal::Setup;

use super::{FINITE, Place, ended, stdout};

/// What a bare environment must not change.
fn works(place: &Place, what: &str) {
    for arguments in FINITE {
        ended(&place.shell.run(arguments).unwrap(), 0, &format!("{what}: {arguments:?}"));
    }
    let output = place.shell.run_with_input(&["run", "-"], b"whoami\n").unwrap();
    ended(&output, 0, what);
}

#[test]
fn an_environment_without_a_home_will_do() {
    let mut place = Place::new();
    for variable in [
        "HOME",
        "USER",
        "LANG",
        "PATH",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
    ] {
        place.shell = place.shell.without(variable);
    }
    works(&place, "a bare environment");
}

#[test]
fn a_locale_without_letters_changes_nothing() {
    let mut place = Place::new();
    let before = stdout(&place.shell.run(&["clients", "show", "bob"]).unwrap());
    for locale in ["C", "POSIX", "xx_YY.NONE", ""] {
        place.shell = place.shell.with("LANG", locale).with("LC_ALL", locale);
        assert_eq!(stdout(&place.shell.run(&["clients", "show", "bob"]).unwrap()), before, "{locale}");
    }
}

#[test]
fn folders_that_cannot_be_written_are_no_reason_to_stop() {
    let mut place = Place::new();
    // Not a folder at all: that stops whoever runs the tests as root, too.
    let file = place.shell.home().join("file");
    fs::write(&file, "").unwrap();
    let read_only = place.shell.home().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o500)).unwrap();
    for home in [file.join("home"), read_only, "/proc/nowhere".into(), "relative/home".into()] {
        let home = home.to_str().unwrap();
        for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            place.shell = place.shell.with(variable, home);
        }
        works(&place, home);
        let mut terminal = place.shell.terminal(Setup::default(), &["-N", "ear"]).unwrap();
        terminal.wait_for("● ").unwrap();
        terminal.line("whoami").unwrap();
        terminal.wait_for("nickname").unwrap();
        terminal.line("exit").unwrap();
        assert_eq!(terminal.wait().unwrap().code(), Some(0), "{home}");
    }
}
