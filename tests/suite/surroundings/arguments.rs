//! Arguments that are no text, or too much of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::{Place, ended, stderr};

#[test]
fn arguments_that_are_no_text_are_usage_errors() {
    let place = Place::new();
    let nonsense = OsStr::from_bytes(b"b\xffb");
    for before in [
        &[][..],
        &["whoami"],
        &["send"],
        &["send", "bob"],
        &["services", "show"],
        &["clients", "show"],
        &["listen"],
        &["--name"],
        &["--url"],
    ] {
        let output = place.shell.command(before).arg(nonsense).output().unwrap();
        ended(&output, 2, &format!("{before:?}"));
        assert!(stderr(&output).starts_with("error: "), "{output:?}");
    }
}

#[test]
fn a_file_may_have_any_name() {
    let place = Place::new();
    let path = place.shell.home().join(OsStr::from_bytes(b"b\xffb.script"));
    std::fs::write(&path, "whoami\n").unwrap();
    let output = place.shell.command(&["run"]).arg(&path).output().unwrap();
    ended(&output, 0, "run");
}

#[test]
fn variables_that_are_no_text_are_told_rather_than_passed_over() {
    let place = Place::new();
    for variable in ["CONCIERGE_URL", "CONCIERGE_NAME", "CONCIERGE_SECRET"] {
        let mut command = place.shell.command(&["whoami"]);
        let output = command.env(variable, OsStr::from_bytes(b"b\xffb")).output().unwrap();
        ended(&output, 2, variable);
        assert_eq!(stderr(&output).lines().next().unwrap(), format!("error: {variable} is not UTF-8"));
    }
    // Those that are not for it are not its business.
    let mut command = place.shell.command(&["whoami"]);
    ended(&command.env("WHATEVER", OsStr::from_bytes(b"\xff")).output().unwrap(), 0, "another's");
}

#[test]
fn an_argument_of_a_hundred_thousand_characters_is_sent_whole_and_not_repeated_in_errors() {
    let mut place = Place::new();
    let long = "x".repeat(100_000);
    ended(&place.shell.run(&["send", "bob", &long]).unwrap(), 0, "send");
    let message = place.bob.hear("MESSAGE", "xxx").unwrap();
    assert!(message.ends_with(&format!(r#""data":"{long}"}}"#)));
    for arguments in [
        &[&long[..]][..],
        &["whoami", &long],
        &["whoami", &format!("--{long}")],
        &["services", &long],
        &["services", "show", &long],
        &["--name", &long, "whoami"],
        &["--timeout", &long, "whoami"],
        &["send", &format!("svc:{long}"), "hi"],
        &["send", "bob", &format!("{{{long}")],
    ] {
        let output = place.shell.run(arguments).unwrap();
        ended(&output, 2, &format!("{:?} …", &arguments[0][..arguments[0].len().min(10)]));
        assert!(output.stderr.len() < 2_000, "{} bytes to say that", output.stderr.len());
    }
    for (arguments, code) in [(&["send", &long, "hi"][..], 6), (&["--url", &long, "whoami"], 3)] {
        let output = place.shell.run(arguments).unwrap();
        ended(&output, code, "nobody has that name");
        assert!(output.stderr.len() < 2_000, "{} bytes to say that", output.stderr.len());
    }
}
