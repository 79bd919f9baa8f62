//! Class 7: the closing handshake (RFC 6455, sections 5.5.1 and 7). A close is answered with its code, and nothing after it
//! counts; what cannot be a close is 1002, or 1007 when it is no text.

use support::raw::{Frame, Opcode};

use super::case::{Case, fragments, hold, said};

#[test]
fn nothing_after_a_close_counts() {
    let close = || Frame::close(1000, "");
    let text = said("Hello World!");
    let mut pieces = fragments(text.as_bytes().chunks(text.len().div_ceil(2)));
    pieces.insert(1, close());
    let large = "BAsd7&jh23".repeat(26_000);
    hold(&[
        Case::new("7.1.1", vec![Frame::text(&text), close()]).echoes("Hello World!").closes(1000),
        Case::new("7.1.2", vec![close(), close()]).closes(1000),
        Case::new("7.1.3", vec![close(), Frame::ping(b"after")]).closes(1000),
        Case::new("7.1.4", vec![close(), Frame::text(&text)]).closes(1000),
        Case::new("7.1.5", pieces).closes(1000),
        Case::new("7.1.6", vec![Frame::text(&said(&large)), Frame::text(&text), close(), Frame::ping(b"")])
            .echoes(large)
            .echoes("Hello World!")
            .closes(1000),
    ]);
}

#[test]
fn the_payload_of_a_close_is_nothing_or_a_code_and_a_reason() {
    let close = |payload: &[u8]| Frame::new(Opcode::CLOSE, payload);
    hold(&[
        Case::new("7.3.1", vec![close(b"")]).closes_without_code(),
        Case::new("7.3.2", vec![close(b"a")]).closes(1002),
        Case::new("7.3.3", vec![Frame::close(1000, "")]).closes(1000),
        Case::new("7.3.4", vec![Frame::close(1000, "Hello World!")]).closes(1000),
        Case::new("7.3.5", vec![Frame::close(1000, &"*".repeat(123))]).closes(1000),
        Case::new("7.3.6", vec![Frame::close(1000, &"*".repeat(124))]).closes(1002),
        // A reason is UTF-8 (section 8.1).
        Case::new(
            "7.5.1",
            vec![close(b"\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")],
        )
        .closes(1007),
        // A control frame is not in pieces (section 5.5).
        Case::new("in pieces", vec![Frame::close(1000, "").unfinished()]).closes(1002),
    ]);
}

#[test]
fn codes_that_may_be_sent_are_answered_and_others_are_an_error() {
    let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    let mut cases: Vec<_> = (1..)
        .zip(valid)
        .map(|(number, code)| {
            Case::new(format!("7.7.{number} ({code})"), vec![Frame::close(code, "")]).closes(code)
        })
        .collect();
    let invalid = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    cases.extend((1..).zip(invalid).map(|(number, code)| {
        Case::new(format!("7.9.{number} ({code})"), vec![Frame::close(code, "")]).closes(1002)
    }));
    // Section 7.4.2 has no range that these are of.
    cases.extend((1..).zip([5000, 65_535]).map(|(number, code)| {
        Case::new(format!("7.13.{number} ({code})"), vec![Frame::close(code, "")]).closes(1002)
    }));
    hold(&cases);
}
