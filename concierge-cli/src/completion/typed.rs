//! What was typed up to the cursor, as a shell reads it: a quote may still be open. Pure.

/// A line up to the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// The words without their quotes, the one under the cursor last, which may be empty.
    pub words: Vec<String>,
    /// The quote that is open at the cursor.
    pub quote: Option<char>,
    /// How many bytes of the last word the shell keeps: what it takes for a word of its own begins after them.
    pub kept: usize,
}

/// Reads a line. `breaks` are characters at which the shell begins what it completes, though not a word.
pub(super) fn split(line: &str, breaks: &str) -> Typed {
    let mut typed = Typed { words: vec![String::new()], ..Typed::default() };
    let mut within = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let end = typed.words.last().map_or(0, String::len);
        match (typed.quote, character) {
            (Some(quote), _) if quote == character => typed.quote = None,
            (Some('"') | None, '\\') => {
                within = true;
                match characters.next() {
                    Some(next) if typed.quote.is_none() || "\"\\$`".contains(next) => typed.push(next),
                    Some(next) => {
                        typed.push('\\');
                        typed.push(next);
                    }
                    None => {}
                }
            }
            (Some(_), _) => typed.push(character),
            (None, '\'' | '"') => {
                within = true;
                typed.quote = Some(character);
                typed.kept = end;
            }
            (None, _) if character.is_whitespace() => {
                if within {
                    typed.words.push(String::new());
                    typed.kept = 0;
                }
                within = false;
            }
            (None, _) => {
                within = true;
                typed.push(character);
                if breaks.contains(character) {
                    // A sign is part of what it begins.
                    typed.kept = if character == '@' { end } else { end + character.len_utf8() };
                }
            }
        }
    }
    typed
}

impl Typed {
    fn push(&mut self, character: char) {
        if let Some(word) = self.words.last_mut() {
            word.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What bash has in `COMP_WORDBREAKS`.
    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    fn read(line: &str) -> (Vec<String>, Option<char>, usize) {
        let Typed { words, quote, kept } = split(line, BREAKS);
        (words, quote, kept)
    }

    fn words(line: &str) -> Vec<String> {
        read(line).0
    }

    #[test]
    fn the_last_word_is_the_one_under_the_cursor() {
        assert_eq!(words("concierge se"), ["concierge", "se"]);
        assert_eq!(words("concierge  send "), ["concierge", "send", ""]);
        assert_eq!(words("send 'a b' c\\ d \"e\\\"f\" "), ["send", "a b", "c d", "e\"f", ""]);
        assert_eq!(words(""), [""]);
        assert_eq!(words("send ''"), ["send", ""]);
    }

    #[test]
    fn an_open_quote_is_part_of_the_line() {
        assert_eq!(read("send 'svc:a b"), (vec!["send".into(), "svc:a b".into()], Some('\''), 0));
        assert_eq!(read("send svc:\"a"), (vec!["send".into(), "svc:a".into()], Some('"'), 4));
        assert_eq!(words("send a\\"), ["send", "a"]);
    }

    #[test]
    fn what_the_shell_takes_for_a_word_begins_after_a_break() {
        assert_eq!(read("send svc:ch").2, 4);
        assert_eq!(read("send @bo").2, 0);
        assert_eq!(read("send --to=@bo").2, 5);
        assert_eq!(read("whoami --output=j").2, 9);
        assert_eq!(read("send svc:a\\:b").2, 4);
        assert_eq!(read("send svc:a b").2, 0);
        assert_eq!(split("send svc:ch", "").kept, 0);
    }
}
