//! Class 2: pings are answered with what they carry, pongs nobody asked for are not (RFC 6455, sections 5.5.2 and 5.5.3).

use support::raw::Frame;

use super::case::{Case, Portions, hold};

/// Bytes that are no UTF-8: a ping need not be text.
const BINARY: [u8; 8] = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];

#[test]
fn pings_are_answered_and_pongs_are_not() {
    let longest = [0xfe; 125];
    let one_more = [0xfe; 126];
    let ten = || (0..10).map(|number| Frame::ping(format!("payload-{number}").as_bytes())).collect();
    let each = |case: Case| (0..10).fold(case, |case, number| case.pongs(format!("payload-{number}")));
    hold(&[
        Case::new("2.1", vec![Frame::ping(b"")]).pongs(""),
        Case::new("2.2", vec![Frame::ping(b"Hello, world!")]).pongs("Hello, world!"),
        Case::new("2.3", vec![Frame::ping(&BINARY)]).pongs(BINARY),
        Case::new("2.4", vec![Frame::ping(&longest)]).pongs(longest),
        Case::new("2.5", vec![Frame::ping(&one_more)]).closes(1002),
        Case::new("2.6", vec![Frame::ping(&longest)]).in_portions(Portions::Bytes(1)).pongs(longest),
        Case::new("2.7", vec![Frame::pong(b"")]),
        Case::new("2.8", vec![Frame::pong(b"unsolicited pong payload")]),
        Case::new("2.9", vec![Frame::pong(b"unsolicited pong payload"), Frame::ping(b"ping payload")])
            .pongs("ping payload"),
        each(Case::new("2.10", ten())),
        each(Case::new("2.11", ten()).in_portions(Portions::Bytes(1))),
    ]);
}
