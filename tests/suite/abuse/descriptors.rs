//! A gateway that may open 64 files and no more.

use std::process::Command;

use rustix::process::Signal;
use support::gateway::{GatewayProcess, server_command_by};
use support::raw::{Handshake, RawSocket};

use super::is_served;
use crate::files::until;

/// More connections than it has descriptors.
const FLOOD: usize = 100;

/// The gateway, started by a shell that has given up all but 64 descriptors.
fn gateway(settings: &[&str]) -> GatewayProcess {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]);
    let mut command = server_command_by(shell).unwrap();
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    GatewayProcess::start_by(command).unwrap()
}

/// Ends it as an operator would, which must be orderly even now.
fn stop(mut gateway: GatewayProcess) {
    gateway.program.signal(Signal::TERM).unwrap();
    gateway.program.wait_for_success().unwrap();
}

#[test]
fn a_gateway_without_descriptors_serves_who_is_in_and_recovers() {
    // Told not to count, it runs into the limit of the system.
    let gateway = gateway(&["limits.connections=unlimited", "head.timeout=1h"]);
    let mut member = RawSocket::identified(gateway.address(), "member", "").unwrap();
    let flood: Vec<_> = (0..FLOOD).map(|_| RawSocket::open(gateway.address()).unwrap()).collect();
    until("the gateway runs out of descriptors", || {
        gateway.program.stderr().contains("cannot accept connections")
    });
    is_served(&mut member);
    drop(flood);
    let mut late = RawSocket::identified(gateway.address(), "late", "").unwrap();
    is_served(&mut late);
    is_served(&mut member);
    stop(gateway);
}

#[test]
fn a_gateway_with_few_descriptors_turns_away_whom_it_has_no_place_for() {
    let mut gateway = gateway(&["head.timeout=1h", "metrics.bind=127.0.0.1:0"]);
    let line = gateway.program.next_line().unwrap();
    let metrics = line.strip_prefix("metrics on http://").unwrap().parse().unwrap();
    let mut member = RawSocket::identified(gateway.address(), "member", "").unwrap();
    let _watchers: Vec<_> = (0..FLOOD).map(|_| RawSocket::open(metrics).unwrap()).collect();
    let mut flood: Vec<_> = (0..FLOOD).map(|_| RawSocket::open(gateway.address()).unwrap()).collect();
    let refused = flood.last_mut().unwrap().read_response();
    // Told why, or closed without a word when there are too many to be told.
    assert!(refused.as_ref().map_or(true, |answer| answer.status == 503), "{refused:?}");
    is_served(&mut member);
    drop(flood);
    until("there is room again", || RawSocket::identified(gateway.address(), "late", "").is_ok());
    is_served(&mut member);
    let log = gateway.program.stderr();
    assert!(log.contains("too many connections"), "{log}");
    assert!(!log.contains("cannot accept"), "{log}");
    stop(gateway);
}

#[test]
fn nobody_new_comes_in_while_few_descriptors_are_left() {
    let gateway = gateway(&["limits.connections=unlimited", "identify_timeout=1h"]);
    let mut member = RawSocket::identified(gateway.address(), "member", "").unwrap();
    let upgrade = Handshake::upgrade("/ws", &gateway.address().to_string());
    let mut flood = Vec::new();
    let refused = (0..FLOOD).find_map(|_| {
        let mut socket = RawSocket::open(gateway.address()).unwrap();
        let answer = socket.ask(&upgrade).unwrap();
        flood.push(socket);
        (answer.status != 101).then_some(answer)
    });
    let refused = refused.expect("somebody is refused");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{refused:?}");
    is_served(&mut member);
    drop(flood);
    until("there is room again", || RawSocket::identified(gateway.address(), "late", "").is_ok());
    is_served(&mut member);
    until("it says so", || gateway.program.stderr().contains("scarce=\"descriptors\""));
    let log = gateway.program.stderr();
    assert!(!log.contains("cannot accept"), "{log}");
    stop(gateway);
}
