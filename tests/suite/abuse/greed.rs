//! Who asks for more than it reads waits for itself: nothing is lost, nobody else notices, and it costs its outbox at most.

use std::time::Duration;

use support::gateway::GatewayProcess;
use support::process::resident_bytes;
use support::raw::{Frame, RawSocket};

use super::is_served;

/// More than the buffers of the system and an outbox hold together.
const MESSAGES: usize = 1000;

/// How long the gateway takes nothing until it counts as waiting; less than it would wait for one that does not read.
const TAKEN_WITHIN: Duration = Duration::from_secs(2);

fn data(number: usize) -> String {
    format!("{number}-{}", "x".repeat(64 * 1024))
}

#[test]
fn who_asks_for_more_than_it_reads_waits_and_loses_nothing() {
    let gateway = GatewayProcess::start(&[]).unwrap();
    let mut member = RawSocket::identified(gateway.address(), "member", "").unwrap();
    let mut greedy = RawSocket::identified(gateway.address(), "greedy", "").unwrap();
    let before = resident_bytes(gateway.program.id());
    let message = |number| {
        let data = data(number);
        let text =
            format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"greedy"}},"data":"{data}"}}"#);
        Frame::text(&text).encode()
    };
    let mut messages = (0..MESSAGES).map(message);
    let (sent, rest) = messages
        .by_ref()
        .enumerate()
        .find_map(|(number, bytes)| {
            let taken = greedy.send_within(&bytes, TAKEN_WITHIN).unwrap();
            (taken < bytes.len()).then(|| (number + 1, bytes[taken..].to_vec()))
        })
        .expect("everything was taken from a client that reads nothing");
    is_served(&mut member);
    let grown = resident_bytes(gateway.program.id()).saturating_sub(before);
    assert!(grown < 16 << 20, "{sent} messages that nobody reads take {grown} bytes");
    // Once it reads, everything is there, in order; what could not be sent meanwhile follows.
    let mut rest = Some(rest);
    for number in 0..sent {
        let message = greedy.read_text().unwrap();
        assert!(message.ends_with(&format!(r#""data":"{}"}}"#, data(number))), "message {number} of {sent}");
        assert_eq!(greedy.read_text().unwrap(), format!(r#"{{"seq":{number},"type":"OK"}}"#));
        if number > sent / 2
            && let Some(rest) = rest.take()
        {
            greedy.send_bytes(&rest).unwrap();
        }
    }
    is_served(&mut greedy);
    is_served(&mut member);
}
