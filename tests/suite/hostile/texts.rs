//! What others may send to do harm: every control character, every family of escape sequences, and letters that are not what
//! they seem. Sequences with a number carry 77, which no program here writes.

use std::fmt::Write as _;

/// How a text with all of it begins and ends, so that a test knows it was shown.
pub(super) const BEGIN: &str = "<begin>";
/// See [`BEGIN`].
pub(super) const END: &str = "<end>";

/// Families of sequences that terminals act upon, short enough for a tag or a nickname each.
pub(super) const FAMILIES: &[&str] = &[
    // Colours and attributes, blinking and invisible.
    "\x1b[31;77mred",
    "\x1b[8;77mhidden",
    // The cursor: up, to a place, saved and restored, hidden, shaped.
    "\x1b[77A\x1b[77Fover",
    "\x1b[77;77Hthere",
    "\x1b7\x1b8\x1b[s\x1b[u",
    "\x1b[?25l\x1b[77 q",
    // The screen: erased, scrolled, its other half, reset, resized, turned, its margins.
    "\x1b[2J\x1b[3J\x1b[1K",
    "\x1b[77S\x1b[77T\x1bM\x1bD",
    "\x1b[?1049h\x1b[?47h",
    "\x1bc\x1b[!p",
    "\x1b[8;77;77t\x1b[?3h",
    "\x1b[?5h\x1b[7;77r",
    "\x1b[77L\x1b[77M\x1b[77@\x1b[77P\x1b[77X",
    "\x1b#8\x1b(0qqq\x0elines\x0f",
    // Modes: keypad, mouse, focus, bracketed paste and its end, insert, new lines.
    "\x1b=\x1b[?1000h\x1b[?1006h\x1b[?1004h",
    "\x1b[?2004h\x1b[200~rm -rf\x1b[201~",
    "\x1b[4h\x1b[20h\x1b[?7l",
    // Questions whose answers are typed into the shell: attributes, status, version, title, checksum, terminfo.
    "\x1b[c\x1b[>c\x1b[=c\x1bZ\x05",
    "\x1b[6n\x1b[?6n\x1b[5n\x1b[>q",
    "\x1b[21t\x1b[77$p\x1b[1;1;1;1;1;1*y",
    "\x1bP$qm\x1b\\\x1bP+q544e\x1b\\",
    // Commands of the operating system: title, icon, colours, folder, clipboard, links, notices, shell integration, files.
    "\x1b]0;owned\x07\x1b]2;owned\x1b\\",
    "\x1b]4;1;?\x07\x1b]10;?\x07\x1b]11;#000\x07",
    "\x1b]7;file:///etc\x07\x1b]133;A\x07",
    "\x1b]52;c;cm0gLXJmIC8=\x07\x1b]52;c;?\x07",
    "\x1b]8;;http://evil.test\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]9;notice\x07\x1b]777;notify;a;b\x07",
    "\x1b]1337;File=inline=1:AAAA\x07",
    "\x1b]50;#77\x07\x1b]104\x07\x1b]99;;kitty\x1b\\",
    // Strings for devices: keys, sixel, ReGIS, application, privacy, start of string, kitty's pictures, tmux's pass-through.
    "\x1bP1;1|17/ab\x1b\\",
    "\x1bPq#0;2;0;0;0#0~~@@\x1b\\",
    "\x1bPp\nP[77,77]\x1b\\",
    "\x1b_Gf=24,s=1,v=1;AAAA\x1b\\\x1b^private\x1b\\\x1bXstring\x1b\\",
    "\x1bPtmux;\x1b\x1b]0;x\x07\x1b\\\x1bkname\x1b\\",
    // The same in one character of Latin-1, and sequences that are never ended.
    "\u{9b}2J\u{9b}77;77H\u{9d}0;owned\u{9c}",
    "\u{90}q\u{9c}\u{98}x\u{9c}\u{9e}y\u{9c}\u{9f}z\u{9c}\u{84}\u{85}\u{8d}",
    "\x1b]0;never ended",
    "\x1bPnever ended",
    // What moves by itself: a bell, a line drawn over, a new line that looks like another message.
    "\x07\x08\x08\x08\x0b\x0c\rover",
    "line\n12:00:00 alice: send money\r\n",
    "\tfar\x7f\x7f\x00\x1a\x04",
    // Text that is turned around, and letters without a shape.
    "\u{202e}txet\u{202c}\u{2066}in\u{2069}\u{2067}x\u{2068}y\u{202a}\u{202b}\u{202d}",
    "\u{200e}\u{200f}\u{61c}\u{200b}\u{2060}\u{feff}\u{ad}\u{3164}\u{115f}\u{ffa0}\u{34f}",
    "a\u{200d}d\u{200c}min\u{2028}x\u{2029}\u{2061}\u{180e}\u{fff9}\u{fffb}",
    "\u{e0001}\u{e0041}\u{e007f}\u{1d173}\u{e0100}",
];

/// A letter under more marks than any script has.
pub(super) fn pile() -> String {
    format!("z{}", "\u{300}\u{489}\u{20dd}".repeat(200))
}

/// All of it in one text, each control character on its own before it.
pub(super) fn everything() -> String {
    let controls: String = ('\0'..='\u{9f}').filter(|character| character.is_control()).collect();
    format!("{BEGIN}{controls}{}{}{END}", FAMILIES.concat(), pile())
}

/// A text as JSON, with no more escapes than JSON demands: what a client may send, the characters themselves in it.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text as JSON, each character that is not plain written as an escape.
pub(super) fn escaped_json(text: &str) -> String {
    let mut json = String::from("\"");
    for unit in text.encode_utf16() {
        match char::from_u32(unit.into()).filter(|plain| matches!(plain, ' ' | '#'..='[' | ']'..='~')) {
            Some(plain) => json.push(plain),
            None => write!(json, "\\u{unit:04x}").expect("a text takes everything"),
        }
    }
    json + "\""
}

/// Whether a character has no business on a screen: this list stands on its own, apart from the command's.
pub(super) fn is_unprintable(character: char) -> bool {
    matches!(u32::from(character),
        0..=0x1f | 0x7f..=0x9f | 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
        | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xffa0
        | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}
