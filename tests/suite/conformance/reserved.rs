//! Classes 3 and 4: reserved bits without an extension, and reserved opcodes, fail the connection at once with 1002 (RFC
//! 6455, section 5.2); what came before them is answered, what comes after them is not.

use support::raw::{Frame, Opcode};

use super::case::{Case, Portions, hold, said};

/// A text, then that frame, then a ping.
fn between(number: &str, frame: Frame) -> Case {
    Case::new(number, vec![Frame::text(&said("before")), frame, Frame::ping(b"after")])
        .echoes("before")
        .closes(1002)
}

#[test]
fn reserved_bits_fail_the_connection() {
    let text = || Frame::text("Hello, world!");
    hold(&[
        Case::new("3.1", vec![text().reserved(1)]).closes(1002),
        between("3.2", text().reserved(2)),
        between("3.3", text().reserved(3)).in_portions(Portions::Frames),
        between("3.4", text().reserved(4)).in_portions(Portions::Bytes(1)),
        Case::new("3.5", vec![Frame::binary(&[0x00, 0xff, 0xfe]).reserved(5)]).closes(1002),
        Case::new("3.6", vec![Frame::ping(b"Hello, world!").reserved(6)]).closes(1002),
        Case::new("3.7", vec![Frame::close(1000, "").reserved(7)]).closes(1002),
    ]);
}

#[test]
fn reserved_opcodes_fail_the_connection() {
    let frame = |opcode, payload: &str| Frame::new(Opcode(opcode), payload);
    hold(&[
        Case::new("4.1.1", vec![frame(3, "")]).closes(1002),
        Case::new("4.1.2", vec![frame(4, "reserved opcode payload")]).closes(1002),
        between("4.1.3", frame(5, "")),
        between("4.1.4", frame(6, "reserved opcode payload")),
        between("4.1.5", frame(7, "reserved opcode payload")).in_portions(Portions::Bytes(1)),
        Case::new("4.2.1", vec![frame(11, "")]).closes(1002),
        Case::new("4.2.2", vec![frame(12, "reserved opcode payload")]).closes(1002),
        between("4.2.3", frame(13, "")),
        between("4.2.4", frame(14, "reserved opcode payload")),
        between("4.2.5", frame(15, "reserved opcode payload")).in_portions(Portions::Bytes(1)),
    ]);
}

#[test]
fn frames_that_are_not_masked_fail_the_connection() {
    // Section 5.1; the suite cannot send them.
    hold(&[
        between("text", Frame::text(&said("unmasked")).unmasked()),
        between("ping", Frame::ping(b"unmasked").unmasked()),
        between("close", Frame::close(1000, "").unmasked()),
        between("empty text", Frame::text("").unmasked()),
    ]);
}
