//! Files: their names and paths come from others, and the disk may have what somebody else put there.

use support::shell::Shell;
use support::terminal::Setup;

use super::commands::shows_by;
use super::impostor::Impostor;
use super::judge;
use super::texts::{END, FAMILIES};
use super::world::World;

/// What may stand in the name of a file here, of which no gateway would have any.
const NAME: &str = "\x1b]0;owned\x07\u{202e}\u{9b}2J\x7f\x1b[2J";

/// A terminal that no bar is drawn on, however long files take.
fn simple() -> Setup {
    Setup::default().variable("TERM", "dumb")
}

/// A shell at a gateway that lies.
fn with_impostor(test: impl FnOnce(&Impostor, &Shell)) {
    let world = World::new();
    let impostor = Impostor::before(world.gateway.address());
    let shell = Shell::at(&impostor.url()).unwrap();
    test(&impostor, &shell);
}

fn shows(shell: &Shell, arguments: &[&str], code: i32, part: &str) {
    let start = |arguments: &[&str]| shell.terminal(simple(), arguments).unwrap();
    shows_by(start, arguments, code, part);
}

/// A path in the shell's home.
fn here(shell: &Shell, name: &str) -> String {
    shell.home().join(name).to_string_lossy().into_owned()
}

#[test]
fn lists_of_files_are_harmless() {
    with_impostor(|_, shell| {
        shows(shell, &["files", "ls", "bad_0"], 0, END);
        shows(shell, &["files", "ls", "bad_0/\x1b]0;x"], 6, "no files in");
        shows(shell, &["files", "rm", "\x1b]0;x"], 0, "]0;x");
    });
}

#[test]
fn files_that_are_fetched_are_harmless() {
    with_impostor(|_, shell| {
        // Names that cannot be names here are told, and the rest is fetched.
        let all = here(shell, "all");
        shows(shell, &["files", "get", "bad_0", "--into", &all, "-f"], 9, "cannot have its name here");
        assert_eq!(std::fs::read_dir(all).unwrap().count(), 1);
        shows(shell, &["files", "get", "bad_0/refused"], 1, END);
        for family in FAMILIES.iter().filter(|family| !family.contains('/')).take(8) {
            let path = format!("bad_0/{family}");
            let mut terminal = shell.terminal(simple(), &["files", "get", &path]).unwrap();
            terminal.wait().unwrap();
            judge::plain(terminal.written(), false, &path);
        }
    });
}

#[test]
fn files_that_are_stored_are_harmless() {
    with_impostor(|_, shell| {
        let folder = here(shell, "folder");
        std::fs::create_dir(&folder).unwrap();
        for family in FAMILIES.iter().filter(|family| !family.contains(['/', '\0'])) {
            std::fs::write(format!("{folder}/{family}"), "x").unwrap();
            std::os::unix::fs::symlink("nowhere", format!("{folder}/link {family}")).unwrap();
        }
        shows(shell, &["files", "put", &folder], 1, END);
        shows(shell, &["files", "put", &format!("{folder}/{NAME}")], 10, "could not read");
        let file = here(shell, NAME);
        std::fs::write(&file, "x").unwrap();
        shows(shell, &["files", "put", &file], 1, END);
        shows(shell, &["files", "put", &file, "--as", NAME], 1, END);
    });
}

#[test]
fn bars_beside_which_names_stand_are_harmless() {
    with_impostor(|impostor, shell| {
        let (file, fetched) = (here(shell, NAME), here(shell, "fetched"));
        std::fs::write(&file, vec![b'x'; 16 << 20]).unwrap();
        let path = format!("bad_0/{NAME}");
        for arguments in [&["files", "put", &file][..], &["files", "get", &path, "-O", &fetched]] {
            impostor.hold_up();
            let mut terminal = shell.terminal(Setup::default(), arguments).unwrap();
            terminal.wait_for("B/s").unwrap();
            impostor.go_on();
            terminal.wait().unwrap();
            judge::edited(terminal.written(), 0, &format!("{arguments:?}"));
        }
    });
}
