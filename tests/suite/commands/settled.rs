//! What differs from run to run, written as something that does not.

/// Patterns and what stands for them: `%` is a hexadecimal digit, `#` a decimal one, `+` some of them; anything else is itself.
const PATTERNS: &[(&str, &str)] = &[
    ("%%%%%%%%-%%%%-%%%%-%%%%-%%%%%%%%%%%%", "00000000-0000-0000-0000-000000000000"),
    ("cli_%%%%%%%%", "cli_00000000"),
    ("####-##-##T##:##:##.+Z", "2000-01-01T00:00:00.000Z"),
    ("####-##-##T##:##:##Z", "2000-01-01T00:00:00Z"),
    ("##:##:##", "00:00:00"),
    ("127.0.0.1:+", "127.0.0.1:64209"),
    ("\"rtt_us\":+", "\"rtt_us\":0"),
    ("+.+ ms", "0.0 ms"),
    ("+ µs", "0.0 ms"),
    // A held session, and how many commands use it: the one before may not have let go.
    ("process     +", "process     1"),
    ("\"pid\":+", "\"pid\":1"),
    ("\"commands\":+", "\"commands\":0"),
    ("commands    +", "commands    0"),
];

/// The text with each of them replaced, and with `~` for the home.
pub(super) fn settled(text: &str, home: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = text.replace(home, "~").replace(version, "0.0.0");
    for (pattern, stand_in) in PATTERNS {
        text = replaced(&text, pattern, stand_in);
    }
    text.replace('\x1b', "\\e")
}

fn replaced(text: &str, pattern: &str, stand_in: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = matched(rest, pattern) {
            result += stand_in;
            rest = &rest[length..];
        } else {
            result.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    result
}

/// How much of the text's beginning the pattern matches.
fn matched(text: &str, pattern: &str) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    for wanted in pattern.chars() {
        let found = characters.next()?.1;
        let fits = match wanted {
            '%' => found.is_ascii_hexdigit(),
            '#' | '+' => found.is_ascii_digit(),
            literal => found == literal,
        };
        if !fits {
            return None;
        }
        while wanted == '+' && characters.next_if(|(_, next)| next.is_ascii_digit()).is_some() {}
    }
    Some(characters.peek().map_or(text.len(), |(place, _)| *place))
}

#[test]
fn what_differs_is_replaced() {
    let text = "cli_0a1b2c3d at 127.0.0.1:4711 12:30:59 hi 2.71 ms";
    assert_eq!(settled(text, "/nowhere"), "cli_00000000 at 127.0.0.1:64209 00:00:00 hi 0.0 ms");
}
