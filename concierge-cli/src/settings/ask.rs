//! Asking for a secret at the terminal: what is typed is not shown, and the terminal is as it was afterwards, however it ends.

use std::io::{self, BufRead};

use concierge_client::payload::Secret;
use rustix::{
    stdio::stdin,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};

use crate::{
    console::Console,
    exit::Exit,
    failure::{Failure, without_number},
    output::escape,
};

/// How much can be typed, in bytes.
const MAX_TYPED: usize = 4096;

/// Asks for the secret of a gateway. Cancel safe in that the terminal is as it was; what was typed is lost.
pub(crate) async fn ask(console: &mut Console, gateway: &str) -> Result<Secret, Failure> {
    let input = console.stdin.take().filter(|_| console.terminals.stdin && console.is_process);
    let Some(mut input) = input else {
        return Err(Failure::usage("there is no terminal to ask for the secret at")
            .hint("--secret-file FILE reads it from a file, the variable CONCIERGE_SECRET holds it itself"));
    };
    let hidden = Hidden::start()?;
    // It may be closed: then one types blindly, as one does anyway.
    let _ = console.stderr.write_text(&format!("secret for {}: ", escape(gateway)));
    let reading = tokio::task::spawn_blocking(move || {
        let typed = read(&mut input);
        (input, typed)
    });
    let (input, typed) =
        reading.await.map_err(|error| Failure::local(format!("could not read the secret: {error}")))?;
    drop(hidden);
    let _ = console.stderr.write_text("\n");
    console.stdin = Some(input);
    let typed = typed
        .map_err(|error| Failure::local(format!("could not read the secret: {}", without_number(&error))))?;
    match typed {
        Typed::Line(line) if line.is_empty() => Err(Failure::usage("no secret was typed")),
        Typed::Line(line) => Ok(Secret::new(line)),
        Typed::Interrupted => Err(Failure::silent(Exit::Interrupted)),
        Typed::Ended => Err(Failure::usage("no secret was typed")),
    }
}

/// A terminal that shows nothing and passes every key on, until this is dropped.
struct Hidden {
    before: Termios,
}

impl Hidden {
    fn start() -> Result<Self, Failure> {
        let unusable = |error: rustix::io::Errno| {
            Failure::local(format!(
                "the terminal cannot be used: {}",
                without_number(&io::Error::from(error))
            ))
        };
        let before = tcgetattr(stdin()).map_err(unusable)?;
        let mut hidden = before.clone();
        // Signals too come as keys: one would leave the terminal hidden.
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(stdin(), OptionalActions::Drain, &hidden).map_err(unusable)?;
        Ok(Self { before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.before);
    }
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    /// A line.
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    Ended,
}

/// Reads keys up to Enter. What comes after it stays in the input.
fn read(input: &mut dyn BufRead) -> io::Result<Typed> {
    let mut line = Vec::new();
    loop {
        let Some(key) = input.fill_buf()?.first().copied() else { return Ok(Typed::Ended) };
        input.consume(1);
        match key {
            b'\r' | b'\n' => break,
            0x03 => return Ok(Typed::Interrupted),
            0x04 if line.is_empty() => return Ok(Typed::Ended),
            // Backspace takes a letter away, however many bytes it has.
            0x08 | 0x7f => while line.pop().is_some_and(|byte: u8| byte & 0xC0 == 0x80) {},
            0x15 => line.clear(),
            0..=0x1f => {}
            key if line.len() < MAX_TYPED => line.push(key),
            _ => return Err(io::Error::other(format!("it has more than {MAX_TYPED} bytes"))),
        }
    }
    String::from_utf8(line).map(Typed::Line).map_err(|_| io::Error::other("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(mut keys: &[u8]) -> Typed {
        read(&mut keys).unwrap()
    }

    #[test]
    fn keys_are_a_line_up_to_enter() {
        assert_eq!(typed(b"open sesame\rrest"), Typed::Line("open sesame".into()));
        assert_eq!(typed("größe\x7f\x7f\x7fund\n".as_bytes()), Typed::Line("grund".into()));
        assert_eq!(typed(b"wrong\x15right\x1b\n"), Typed::Line("right".into()));
        assert_eq!(typed(b"\x7f\n"), Typed::Line(String::new()));
    }

    #[test]
    fn ctrl_c_and_the_end_are_no_secret() {
        assert_eq!(typed(b"half\x03"), Typed::Interrupted);
        assert_eq!(typed(b"\x04"), Typed::Ended);
        assert_eq!(typed(b"half"), Typed::Ended);
        assert!(read(&mut "x".repeat(5000).as_bytes()).is_err());
    }

    #[test]
    fn what_follows_enter_is_left() {
        let mut keys: &[u8] = b"a\nwhoami\n";
        assert_eq!(read(&mut keys).unwrap(), Typed::Line("a".into()));
        assert_eq!(keys, b"whoami\n");
    }
}
