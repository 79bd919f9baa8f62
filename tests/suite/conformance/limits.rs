//! Classes 9 and 10: large messages, in one frame, in pieces, in portions, and many small ones. Within the limits they
//! arrive, and one byte more is 1009 (RFC 6455, section 7.4.1).

use support::raw::Frame;

use super::case::{Case, ENVELOPE, Portions, fragments, hold, holds_with, said};

const KIB: usize = 1024;

fn data(size: usize) -> String {
    "*".repeat(size - ENVELOPE)
}

/// A text of that size, in pieces of that many bytes.
fn in_pieces(number: &str, size: usize, piece: usize) -> Case {
    let data = data(size);
    Case::new(number, fragments(said(&data).as_bytes().chunks(piece))).echoes(data)
}

#[test]
fn large_messages_arrive_in_one_frame_and_one_byte_too_many_does_not() {
    let text = |number: &str, size| {
        let data = data(size);
        Case::new(number, vec![Frame::text(&said(&data))]).echoes(data)
    };
    let binary = |number: &str, size| {
        Case::new(number, vec![Frame::binary(&vec![0; size]), Frame::text(&said(""))]).echoes("")
    };
    hold(&[
        text("9.1.1", 64 * KIB),
        text("9.1.2", 256 * KIB),
        text("9.1.3", 1024 * KIB),
        binary("9.2.1", 64 * KIB),
        binary("9.2.2", 256 * KIB),
        binary("9.2.3", 1024 * KIB),
        Case::new("text, one more", vec![Frame::text(&said(&data(1024 * KIB + 1)))]).closes(1009),
        Case::new("binary, one more", vec![Frame::binary(&vec![0; 1024 * KIB + 1])]).closes(1009),
    ]);
}

#[test]
fn large_messages_arrive_in_pieces_and_one_piece_too_many_does_not() {
    hold(&[
        in_pieces("9.3.1", 64 * KIB, 64),
        in_pieces("9.3.2", 256 * KIB, 256),
        in_pieces("9.3.3", 1024 * KIB, KIB),
        in_pieces("9.3.4", 1024 * KIB, 4 * KIB),
        in_pieces("9.3.5", 1024 * KIB, 16 * KIB),
        in_pieces("9.3.6", 1024 * KIB, 64 * KIB),
        in_pieces("9.3.7", 1024 * KIB, 256 * KIB),
        in_pieces("9.3.8", 1024 * KIB, 512 * KIB),
        in_pieces("10.1.1", 64 * KIB, 1300),
        Case::new("one byte more", fragments(said(&data(1024 * KIB + 1)).as_bytes().chunks(4 * KIB)))
            .closes(1009),
        Case::new("one piece more", fragments(said(&data(1025)).as_bytes().chunks(1))).closes(1009),
    ]);
    holds_with("limits.fragments = \"unlimited\"", &[in_pieces("each byte a piece", 16 * KIB, 1)]);
}

#[test]
fn large_messages_arrive_in_portions_of_any_size() {
    let text = |number: &str, portion| {
        let data = data(1024 * KIB);
        let case = Case::new(number, vec![Frame::text(&said(&data))]).echoes(data);
        case.in_portions(Portions::Bytes(portion))
    };
    hold(&[text("9.5.1", 64), text("9.5.2", 128), text("9.5.3", 256), text("9.5.4", 512)]);
    hold(&[text("9.5.5", KIB), text("9.5.6", 2 * KIB)]);
}

#[test]
fn a_thousand_messages_of_a_size_all_arrive_in_order() {
    let thousand = |number: &str, size: usize| {
        let data = |message: usize| format!("{message}{}", "*".repeat(size));
        let frames = (0..1000).map(|message| Frame::text(&said(&data(message)))).collect();
        (0..1000).fold(Case::new(number, frames), |case, message| case.echoes(data(message)))
    };
    hold(&[thousand("9.7.1", 0), thousand("9.7.2", 16), thousand("9.7.3", 64), thousand("9.7.4", 256)]);
}
