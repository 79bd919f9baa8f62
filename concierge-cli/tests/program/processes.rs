//! The real program: signals, and a pipe that is closed.

use std::{
    ffi::OsStr,
    fs::OpenOptions,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    process::{Child, Output, Stdio},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

use crate::gateway::{Gateway, program};

pub(crate) fn start(gateway: &Gateway, arguments: &[&str]) -> Child {
    program()
        .args(arguments)
        .env("CONCIERGE_URL", &gateway.url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built")
}

/// What becomes of a command that goes by the name `ear`, writes there, and is sent a message.
pub(crate) fn sent_a_message(arguments: &[&str], stdout: impl Into<Stdio>) -> Output {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let child = program()
        .args([&["--url", &gateway.url, "-N", "ear"], arguments].concat())
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    bob.see_join("ear");
    bob.wait(async { bob.client.to("ear").json("hi").await }).expect("it listens");
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_closed_pipe_ends_a_stream_quietly() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let mut child = start(&gateway, &["-N", "eye", "events", "--json"]);
    bob.see_join("eye");
    let carol = gateway.peer("carol");
    let mut line = String::new();
    // The reader goes after one line: nothing else happens that the stream could notice it by.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("carol"), "{line}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    drop(carol);
}

#[test]
fn signals_have_their_own_exit_codes() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let name = format!("ear_{code}");
        let child = start(&gateway, &["-N", &name, "listen"]);
        bob.see_join(&name);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn a_command_that_is_stuck_in_a_full_pipe_can_be_terminated() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let child = start(&gateway, &["-N", "ear", "listen"]);
    bob.see_join("ear");
    // More than a pipe holds, and nobody reads it.
    bob.wait(async {
        for _ in 0..8 {
            bob.client.to("ear").json(&"x".repeat(100_000)).await.unwrap();
        }
    });
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let mut child = child;
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_service_is_held_open_until_interrupted() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    let mut child = start(&gateway, &["services", "create", "chat", "--hold"]);
    let mut line = String::new();
    // It stays open: a closed pipe would end the command, too.
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "created #chat\n");
    assert_eq!(bob.wait(async { bob.client.services().await }).unwrap().len(), 1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
}

/// A terminal's two ends: the one that is looked at, and the one that a program is given.
fn terminal() -> (OwnedFd, impl Fn() -> Stdio) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("terminals are to be had");
    grantpt(&screen).expect("it is ours");
    unlockpt(&screen).expect("it is ours");
    let name = ptsname(&screen, Vec::new()).expect("it has another end");
    let open = move || {
        let path = OsStr::from_bytes(name.as_bytes());
        OpenOptions::new().read(true).write(true).open(path).expect("it is unlocked").into()
    };
    (screen, open)
}

#[test]
fn a_repl_that_is_still_connecting_can_be_interrupted() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        // It takes the connection and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let (_screen, end) = terminal();
        let mut child = program()
            .args(["--url", &address, "--timeout", "60s"])
            .env("TERM", "xterm")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let connection = silent.accept().unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        drop(connection);
    }
}

#[test]
fn listen_at_a_terminal_says_under_which_name_it_waits() {
    let (_screen, end) = terminal();
    let output = sent_a_message(&["listen", "-n", "1"], end());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stderr, b"ear listens to what is sent to it\n");
}

#[test]
fn a_command_that_waits_for_its_input_can_be_interrupted() {
    let gateway = Gateway::start();
    let mut child =
        program().args(["--url", &gateway.url, "send", "all", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // More than a pipe holds: it is being read when this is written.
    input.write_all(&vec![b'x'; 200_000]).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn help_and_version_are_data() {
    for (arguments, part) in [
        (&["--help"][..], "Exit codes:"),
        (&["-V"], "concierge 0."),
        (&["send", "-h"], "Examples:"),
        (&["help"], "Help on topics:"),
        (&["help", "exit-codes"], "Exit codes:"),
        (&["help", "services", "ls"], "Examples:"),
        (&["help", "services"], "Commands:"),
    ] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(part) && text.ends_with('\n'), "{text}");
    }
}

#[test]
fn help_that_cannot_be_written_is_told() {
    for argument in ["--help", "--version"] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program().arg(argument).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(10), "{output:?}");
        assert_eq!(output.stderr, b"error: could not write: No space left on device\n");
    }
}
