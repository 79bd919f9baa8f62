//! Class 6: text is UTF-8 (RFC 6455, sections 5.6 and 8.1; what that is, RFC 3629), whole or in pieces that may cut a
//! character in two. All of it arrives as it is; what is not is 1007.
//!
//! When it is found has no rule in the RFC. A piece that cannot become UTF-8 any more fails the connection before the next
//! one comes; of a frame, the gateway looks at the whole.

use support::raw::{Frame, Opcode};

use super::case::{Case, Heard, fragments, hold, said, said_bytes};

/// The Greek word `kosme`, of characters of two and three bytes.
const GREEK: &str = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}";

/// Characters of every length, and those that JSON knows how to escape.
const MIXED: &str = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!\u{20ac}\u{24b62}\u{7f}";

/// Bytes that are text.
fn valid(number: &str, bytes: &[u8]) -> Case {
    let text = String::from_utf8(bytes.to_vec()).expect("the case is about text");
    Case::new(number, vec![Frame::text(&said(&text))]).echoes(text)
}

/// Bytes that are none, within a text that would be a message.
fn invalid(number: &str, bytes: &[u8]) -> Case {
    Case::new(number, vec![Frame::new(Opcode::TEXT, said_bytes(bytes))]).closes(1007)
}

/// Rows of a group, numbered from 1.
fn numbered(group: &str, case: fn(&str, &[u8]) -> Case, rows: &[&[u8]]) -> Vec<Case> {
    (1..).zip(rows).map(|(number, bytes)| case(&format!("{group}.{number}"), bytes)).collect()
}

/// These code points in UTF-8.
fn encoded(points: &[u32]) -> Vec<Vec<u8>> {
    points.iter().map(|point| char::from_u32(*point).expect("a character").to_string().into_bytes()).collect()
}

#[test]
fn empty_texts_and_empty_pieces_are_texts() {
    let text = said("middle frame payload");
    hold(&[
        Case::new("6.1.1", vec![Frame::text("")]).hears(Heard::NoRequest),
        Case::new("6.1.2", fragments([b"".as_slice(), b"", b""])).hears(Heard::NoRequest),
        Case::new("6.1.3", fragments([b"", text.as_bytes(), b""])).echoes("middle frame payload"),
    ]);
}

#[test]
fn text_arrives_wherever_it_is_cut() {
    let mixed = said(MIXED);
    let on_a_boundary = mixed.find('\u{df}').expect("it is in the text");
    let (before, after) = mixed.as_bytes().split_at(on_a_boundary);
    let mut cases = vec![
        Case::new("6.2.1", vec![Frame::text(&mixed)]).echoes(MIXED),
        Case::new("6.2.2", fragments([before, after])).echoes(MIXED),
        Case::new("6.2.3", fragments(mixed.as_bytes().chunks(1))).echoes(MIXED),
        Case::new("6.2.4", fragments(said(GREEK).as_bytes().chunks(1))).echoes(GREEK),
    ];
    // Every place, the middle of each character included.
    for cut in 1..mixed.len() {
        let (before, after) = mixed.as_bytes().split_at(cut);
        cases.push(Case::new(format!("cut at {cut}"), fragments([before, after])).echoes(MIXED));
    }
    hold(&cases);
}

#[test]
fn what_is_no_utf_8_fails_the_connection_whole_or_in_pieces() {
    let broken = [GREEK.as_bytes(), b"\xed\xa0\x80edited"].concat();
    let pieces = said_bytes(&broken);
    hold(&[
        invalid("6.3.1", &broken),
        Case::new("6.3.2", fragments(pieces.chunks(1))).closes(1007),
        // A text that ends within a character, which the next one does not continue.
        Case::new("two texts", vec![Frame::new(Opcode::TEXT, *b"\xce"), Frame::new(Opcode::TEXT, *b"\xba")])
            .closes(1007),
    ]);
}

#[test]
fn a_piece_that_cannot_become_utf_8_fails_the_connection_before_the_next_one() {
    let piece = |bytes: &[u8]| Frame::continuation(bytes).unfinished();
    let first = |bytes: &[u8]| Frame::new(Opcode::TEXT, bytes).unfinished();
    let greek_and = [GREEK.as_bytes(), b"\xf4"].concat();
    hold(&[
        Case::new("6.4.1", vec![first(GREEK.as_bytes()), piece(b"\xf4\x90\x80\x80")]).closes(1007),
        Case::new("6.4.2", vec![first(&greek_and), piece(b"\x90")]).closes(1007),
        // Both within one frame, which is looked at when it is there.
        invalid("6.4.3", &[GREEK.as_bytes(), b"\xf4\x90\x80\x80edited"].concat()),
        invalid("6.4.4", &[GREEK.as_bytes(), b"\xf4\x90\x80\x80"].concat()),
    ]);
}

#[test]
fn valid_sequences_arrive() {
    let mut cases = numbered(
        "6.5",
        valid,
        &[
            b"hello$world",
            b"hello\xc2\xa2world",
            b"hello\xe2\x82\xacworld",
            b"hello\xf0\xa4\xad\xa2world",
            GREEK.as_bytes(),
        ],
    );
    // The first and the last of each length; zero is text, though no JSON.
    cases.push(Case::new("6.7.1", vec![Frame::text("\0")]).hears(Heard::NoRequest));
    cases.push(valid("6.7.2", b"\xc2\x80"));
    cases.push(valid("6.7.3", b"\xe0\xa0\x80"));
    cases.push(valid("6.7.4", b"\xf0\x90\x80\x80"));
    let last: [&[u8]; 4] = [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"];
    cases.extend(numbered("6.9", valid, &last));
    let beside_holes: [&[u8]; 4] = [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"];
    cases.extend(numbered("6.11", valid, &beside_holes));
    // Code points that are no characters are valid UTF-8 all the same.
    let nonchars: Vec<_> =
        (0..=0x10).flat_map(|plane| [(plane << 16) | 0xfffe, (plane << 16) | 0xffff]).collect();
    let rows = encoded(&nonchars);
    let rows: Vec<_> = rows.iter().map(Vec::as_slice).collect();
    assert_eq!(rows.len(), 34);
    cases.extend(numbered("6.22", valid, &rows));
    let rows = encoded(&[0xfff9, 0xfffa, 0xfffb, 0xfffc, 0xfffd, 0xfffe, 0xffff]);
    let rows: Vec<_> = rows.iter().map(Vec::as_slice).collect();
    cases.extend(numbered("6.23", valid, &rows));
    hold(&cases);
}

#[test]
fn a_character_that_is_cut_off_fails_the_connection() {
    // All beginnings of a word: those that end between characters are text, which is no JSON.
    let cases: Vec<_> = (1..)
        .zip(1..=GREEK.len())
        .map(|(number, length)| {
            let beginning = GREEK.as_bytes().get(..length).unwrap_or_default();
            let case = Case::new(format!("6.6.{number}"), vec![Frame::new(Opcode::TEXT, beginning)]);
            if GREEK.is_char_boundary(length) { case.hears(Heard::NoRequest) } else { case.closes(1007) }
        })
        .collect();
    hold(&cases);

    let mut cases = numbered(
        "6.13",
        invalid,
        &[
            &lonely(0xc0..=0xdf),
            &lonely(0xe0..=0xef),
            &lonely(0xf0..=0xf7),
            &lonely(0xf8..=0xfb),
            &lonely(0xfc..=0xfd),
        ],
    );
    let cut_off: [&[u8]; 10] = [
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    cases.extend(numbered("6.14", invalid, &cut_off));
    cases.push(invalid("6.15.1", &cut_off.concat()));
    hold(&cases);
}

/// First bytes of longer characters, each before a space.
fn lonely(first: std::ops::RangeInclusive<u8>) -> Vec<u8> {
    first.flat_map(|byte| [byte, b' ']).collect()
}

#[test]
fn bytes_that_continue_nothing_and_bytes_that_cannot_be_fail_the_connection() {
    let all: Vec<u8> = (0x80..=0xbf).collect();
    let mut cases = numbered(
        "6.12",
        invalid,
        &[
            b"\x80",
            b"\xbf",
            b"\x80\xbf",
            b"\x80\xbf\x80",
            b"\x80\xbf\x80\xbf",
            b"\x80\xbf\x80\xbf\x80",
            b"\x80\xbf\x80\xbf\x80\xbf",
            &all,
        ],
    );
    let impossible: [&[u8]; 3] = [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"];
    cases.extend(numbered("6.16", invalid, &impossible));
    hold(&cases);
}

#[test]
fn characters_beyond_unicode_fail_the_connection() {
    let first: [&[u8]; 2] = [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"];
    let last: [&[u8]; 3] = [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"];
    let mut cases = numbered("6.8", invalid, &first);
    cases.extend(numbered("6.10", invalid, &last));
    cases.push(invalid("6.11.5", b"\xf4\x90\x80\x80"));
    hold(&cases);
}

#[test]
fn overlong_forms_fail_the_connection() {
    let rows: [(&str, [&[u8]; 5]); 3] = [
        (
            "6.17",
            [
                b"\xc0\xaf",
                b"\xe0\x80\xaf",
                b"\xf0\x80\x80\xaf",
                b"\xf8\x80\x80\x80\xaf",
                b"\xfc\x80\x80\x80\x80\xaf",
            ],
        ),
        (
            "6.18",
            [
                b"\xc1\xbf",
                b"\xe0\x9f\xbf",
                b"\xf0\x8f\xbf\xbf",
                b"\xf8\x87\xbf\xbf\xbf",
                b"\xfc\x83\xbf\xbf\xbf\xbf",
            ],
        ),
        (
            "6.19",
            [
                b"\xc0\x80",
                b"\xe0\x80\x80",
                b"\xf0\x80\x80\x80",
                b"\xf8\x80\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80\x80",
            ],
        ),
    ];
    let cases = rows.iter().flat_map(|(group, rows)| numbered(group, invalid, rows));
    hold(&cases.collect::<Vec<_>>());
}

#[test]
fn halves_of_surrogate_pairs_fail_the_connection_alone_and_together() {
    let single: [&[u8]; 7] = [
        b"\xed\xa0\x80",
        b"\xed\xad\xbf",
        b"\xed\xae\x80",
        b"\xed\xaf\xbf",
        b"\xed\xb0\x80",
        b"\xed\xbe\x80",
        b"\xed\xbf\xbf",
    ];
    let paired: [&[u8]; 8] = [
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xed\xa0\x80\xed\xbf\xbf",
        b"\xed\xad\xbf\xed\xb0\x80",
        b"\xed\xad\xbf\xed\xbf\xbf",
        b"\xed\xae\x80\xed\xb0\x80",
        b"\xed\xae\x80\xed\xbf\xbf",
        b"\xed\xaf\xbf\xed\xb0\x80",
        b"\xed\xaf\xbf\xed\xbf\xbf",
    ];
    let mut cases = numbered("6.20", invalid, &single);
    cases.extend(numbered("6.21", invalid, &paired));
    hold(&cases);
}
