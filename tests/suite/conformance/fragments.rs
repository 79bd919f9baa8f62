//! Class 5: messages in pieces (RFC 6455, section 5.4). Control frames may come between them, and may not be in pieces
//! themselves; a continuation continues something; no message begins within another.

use support::raw::{Frame, Opcode};

use super::case::{Case, Portions, fragments, hold, said};

const DATA: &str = "fragment1fragment2";

/// The first and the second half of a message.
fn halves() -> [Frame; 2] {
    let text = said(DATA);
    let (first, second) = text.as_bytes().split_at(text.len() / 2);
    [Frame::text("").unfinished(), Frame::continuation(second)]
        .map(|frame| if frame.finished { frame } else { Frame { payload: first.to_vec(), ..frame } })
}

/// The same case in each way to write it: whole, frame by frame, byte by byte.
fn in_every_way(numbers: [&str; 3], case: impl Fn(&str) -> Case) -> Vec<Case> {
    let ways = [Portions::One, Portions::Frames, Portions::Bytes(1)];
    numbers.into_iter().zip(ways).map(|(number, way)| case(number).in_portions(way)).collect()
}

#[test]
fn control_frames_do_not_come_in_pieces() {
    hold(&[
        Case::new("5.1", vec![Frame::ping(b"fragment1").unfinished(), Frame::continuation(b"fragment2")])
            .closes(1002),
        Case::new("5.2", vec![Frame::pong(b"fragment1").unfinished(), Frame::continuation(b"fragment2")])
            .closes(1002),
    ]);
}

#[test]
fn pieces_are_put_together_and_pings_between_them_are_answered_first() {
    let [first, second] = halves();
    let mut cases = in_every_way(["5.3", "5.4", "5.5"], |number| {
        Case::new(number, vec![first.clone(), second.clone()]).echoes(DATA)
    });
    cases.extend(in_every_way(["5.6", "5.7", "5.8"], |number| {
        let frames = vec![first.clone(), Frame::ping(b"ping payload"), second.clone()];
        Case::new(number, frames).pongs("ping payload").echoes(DATA)
    }));
    let text = said("fragment1fragment2fragment3fragment4fragment5");
    let mut frames = fragments(text.as_bytes().chunks(text.len().div_ceil(5)));
    assert_eq!(frames.len(), 5);
    frames.insert(2, Frame::ping(b"pongme 1!"));
    frames.insert(5, Frame::ping(b"pongme 2!"));
    cases.extend([("5.19", Portions::One), ("5.20", Portions::Frames)].map(|(number, portions)| {
        let case = Case::new(number, frames.clone()).in_portions(portions);
        let case = case.pongs("pongme 1!").pongs("pongme 2!");
        case.echoes("fragment1fragment2fragment3fragment4fragment5")
    }));
    hold(&cases);
}

#[test]
fn a_continuation_of_nothing_fails_the_connection() {
    let text = Frame::text(&said("after"));
    let nothing = || Frame::continuation(b"non-continuation payload");
    let mut cases = in_every_way(["5.9", "5.10", "5.11"], |number| {
        Case::new(number, vec![nothing(), text.clone()]).closes(1002)
    });
    cases.extend(in_every_way(["5.12", "5.13", "5.14"], |number| {
        Case::new(number, vec![nothing().unfinished(), text.clone()]).closes(1002)
    }));
    let [first, second] = halves();
    cases.push(
        Case::new("5.15", vec![first.clone(), second.clone(), nothing().unfinished(), text])
            .echoes(DATA)
            .closes(1002),
    );
    cases.extend([("5.16", nothing().unfinished()), ("5.17", nothing())].map(|(number, nothing)| {
        let once = [nothing, first.clone(), second.clone()];
        Case::new(number, [once.clone(), once].concat()).closes(1002)
    }));
    hold(&cases);
}

#[test]
fn a_message_within_another_fails_the_connection() {
    let [first, second] = halves();
    let again = Frame { opcode: Opcode::TEXT, ..second };
    hold(&[Case::new("5.18", vec![first, again]).closes(1002)]);
}
