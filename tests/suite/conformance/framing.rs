//! Class 1: frames of every form of length (RFC 6455, section 5.2) arrive whole.

use support::raw::Frame;

use super::case::{Case, ENVELOPE, Heard, Portions, hold, said};

/// The last of each form of length, and the first of the next.
const SIZES: [usize; 6] = [125, 126, 127, 128, 65_535, 65_536];

/// A whole text of that many bytes: what is said, and the data in it.
fn text(size: usize) -> (String, String) {
    let data = "*".repeat(size - ENVELOPE);
    let text = said(&data);
    assert_eq!(text.len(), size);
    (text, data)
}

#[test]
fn texts_of_every_form_of_length_arrive() {
    let mut cases = vec![Case::new("1.1.1", vec![Frame::text("")]).hears(Heard::NoRequest)];
    for (number, size) in (2..).zip(SIZES) {
        let (text, data) = text(size);
        cases.push(Case::new(format!("1.1.{number}"), vec![Frame::text(&text)]).echoes(data));
    }
    let (text, data) = text(65_536);
    let portions = Portions::Bytes(997);
    cases.push(Case::new("1.1.8", vec![Frame::text(&text)]).in_portions(portions).echoes(data));
    hold(&cases);
}

#[test]
fn binary_messages_of_every_form_of_length_are_passed_over() {
    let case = |number: &str, size| {
        Case::new(number, vec![Frame::binary(&vec![0xfe; size]), Frame::text(&said("next"))]).echoes("next")
    };
    let mut cases = vec![case("1.2.1", 0)];
    cases.extend((2..).zip(SIZES).map(|(number, size)| case(&format!("1.2.{number}"), size)));
    cases.push(case("1.2.8", 65_536).in_portions(Portions::Bytes(997)));
    hold(&cases);
}
