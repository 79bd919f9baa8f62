//! Whether what a program wrote on a terminal is harmless: by its bytes, and by what an emulator makes of them.

use vt100::{Callbacks, Parser, Screen};

use super::texts::is_unprintable;

/// The most marks that may stand on one letter.
const MARKS: usize = 8;

/// Fails when a byte does anything but show a character, end a line or, in a table, a field.
pub(super) fn plain(written: &[u8], table: bool, what: &str) {
    let text = text(written, what);
    if table {
        printable(&text.replace('\t', " "), what);
    } else {
        printable(text, what);
    }
    emulated(written, what);
}

/// Fails when a sequence is anything but one of those a line editor needs, or of those that colour. It may ring the bell so many
/// times, which is how it says that there is more than one way to complete a word.
pub(super) fn edited(written: &[u8], bells: usize, what: &str) {
    let (rung, written): (Vec<u8>, Vec<u8>) = written.iter().partition(|byte| **byte == 0x07);
    assert!(rung.len() <= bells, "{what}: {} bells", rung.len());
    let written = written.as_slice();
    let text = text(written, what);
    let mut pieces = text.split('\x1b');
    printable(pieces.next().unwrap_or_default(), what);
    for piece in pieces {
        let body = piece.strip_prefix('[').unwrap_or_else(|| panic!("{what}: ESC before {:?}", head(piece)));
        let end = body.find(|character: char| character.is_ascii_alphabetic() || character == '~');
        let end = end.unwrap_or_else(|| panic!("{what}: a sequence without an end: {:?}", head(body)));
        let (parameters, rest) = body.split_at(end);
        let mut letters = rest.chars();
        let letter = letters.next().unwrap_or_default();
        let allowed = match parameters.strip_prefix('?') {
            // Bracketed paste, the cursor's sight, and output that is shown at once.
            Some(mode) => matches!(mode, "2004" | "25" | "2026") && matches!(letter, 'h' | 'l'),
            None => {
                "ABCDGHJKm".contains(letter)
                    && parameters.chars().all(|character| matches!(character, '0'..='9' | ';'))
                    && !parameters.contains("77")
            }
        };
        assert!(allowed, "{what}: the sequence {parameters:?} {letter:?}");
        printable(letters.as_str(), what);
    }
    emulated(written, what);
}

fn text<'w>(written: &'w [u8], what: &str) -> &'w str {
    std::str::from_utf8(written).unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn head(text: &str) -> String {
    text.chars().take(20).collect()
}

fn printable(text: &str, what: &str) {
    let before = |place: usize| {
        let last: Vec<_> = text[..place].chars().rev().take(30).collect();
        last.into_iter().rev().collect::<String>()
    };
    let mut marks = 0;
    for (place, character) in text.char_indices() {
        // The terminal puts a return before each line end.
        let plain = matches!(character, '\r' | '\n') || !is_unprintable(character);
        assert!(plain, "{what}: {character:?} after {:?}", before(place));
        marks = if matches!(u32::from(character), 0x300..=0x36f | 0x489 | 0x20dd) { marks + 1 } else { 0 };
        assert!(marks <= MARKS, "{what}: a pile of marks after {:?}", before(place));
    }
}

/// What must never be asked of a terminal.
#[derive(Default)]
struct Deeds(Vec<String>);

impl Callbacks for Deeds {
    fn audible_bell(&mut self, _: &mut Screen) {
        self.0.push("rang the bell".to_owned());
    }
    fn visual_bell(&mut self, _: &mut Screen) {
        self.0.push("flashed".to_owned());
    }
    fn resize(&mut self, _: &mut Screen, size: (u16, u16)) {
        self.0.push(format!("resized to {size:?}"));
    }
    fn set_window_icon_name(&mut self, _: &mut Screen, name: &[u8]) {
        self.0.push(format!("named the icon {:?}", String::from_utf8_lossy(name)));
    }
    fn set_window_title(&mut self, _: &mut Screen, title: &[u8]) {
        self.0.push(format!("set the title {:?}", String::from_utf8_lossy(title)));
    }
    fn copy_to_clipboard(&mut self, _: &mut Screen, _: &[u8], _: &[u8]) {
        self.0.push("wrote the clipboard".to_owned());
    }
    fn paste_from_clipboard(&mut self, _: &mut Screen, _: &[u8]) {
        self.0.push("read the clipboard".to_owned());
    }
    fn unhandled_control(&mut self, _: &mut Screen, byte: u8) {
        self.0.push(format!("sent the control character {byte:#x}"));
    }
    fn unhandled_escape(&mut self, _: &mut Screen, _: Option<u8>, _: Option<u8>, byte: u8) {
        self.0.push(format!("sent ESC and {:?}", char::from(byte)));
    }
    fn unhandled_osc(&mut self, _: &mut Screen, _: &[&[u8]]) {
        self.0.push("sent a command of the operating system".to_owned());
    }
}

fn emulated(written: &[u8], what: &str) {
    let (rows, columns) = (50.try_into().unwrap(), 240.try_into().unwrap());
    let mut parser = Parser::new_with_callbacks(rows, columns, 0, Deeds::default());
    parser.process(written);
    let deeds = &parser.callbacks().0;
    assert!(deeds.is_empty(), "{what}: the terminal {}", deeds.join(", "));
    let screen = parser.screen();
    assert!(!screen.alternate_screen(), "{what}: the other screen is shown");
    assert!(!screen.hide_cursor(), "{what}: the cursor is hidden");
    assert!(!screen.application_keypad() && !screen.application_cursor(), "{what}: keys mean something else");
    assert_eq!(
        screen.mouse_protocol_mode(),
        vt100::MouseProtocolMode::None,
        "{what}: the mouse is listened to"
    );
}
