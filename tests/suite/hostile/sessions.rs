//! Sessions in the background, at a gateway that lies.

use support::shell::Shell;
use support::terminal::Setup;

use super::commands::shows_by;
use super::impostor::Impostor;
use super::texts::END;
use super::world::World;

fn shows(shell: &Shell, arguments: &[&str], code: i32, part: &str) {
    let start = |arguments: &[&str]| shell.terminal(Setup::default(), arguments).unwrap();
    shows_by(start, arguments, code, part);
}

#[test]
fn what_is_told_of_a_held_session_is_harmless() {
    let world = World::new();
    let impostor = Impostor::before(world.gateway.address());
    let shell = Shell::at(&impostor.url()).unwrap();
    let nickname = "\x1b]0;owned\x07\u{202e}";
    let held = shell.run(&["hold", "bot", "--nickname", nickname, "--tag", nickname]).unwrap();
    assert!(held.status.success(), "{held:?}");
    for _connected_and_not in 0..2 {
        shows(&shell, &["hold", "ls"], 0, "bot");
        shows(&shell, &["hold", "--status"], 0, "bot");
        shows(&shell, &["hold", "--status", "bot"], 0, "bot");
        shows(&shell, &["hold", "bot", nickname], 2, "error");
        shows(&shell, &["hold", "--status", nickname], 2, "error");
        impostor.send_away();
        let status = || shell.run(&["hold", "--status", "bot", "--json"]).unwrap().stdout;
        while !String::from_utf8(status()).unwrap().contains(r#""connected":false"#) {
            std::thread::yield_now();
        }
    }
    assert!(shell.run(&["hold", "--stop", "bot"]).unwrap().status.success());
}

#[test]
fn the_name_of_a_gateway_is_harmless() {
    let world = World::new();
    let impostor = Impostor::before(world.gateway.address());
    let shell = Shell::at(&impostor.url()).unwrap();
    shows(&shell, &["whoami"], 0, END);
    impostor.send_away();
    shows(&shell, &["whoami"], 3, "error");
}
