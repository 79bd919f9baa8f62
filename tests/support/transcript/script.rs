//! The lines of a transcript, read into steps.

use super::pattern::Pattern;
use crate::raw::{Frame, Opcode};

/// A transcript: how the gateway is configured, and what happens.
#[derive(Debug)]
pub(super) struct Script {
    /// Lines of TOML.
    pub(super) configuration: String,
    pub(super) steps: Vec<Step>,
}

/// One line: who does or receives what.
#[derive(Debug)]
pub(super) struct Step {
    /// The line's number, from 1.
    pub(super) line: usize,
    /// The line as written.
    pub(super) text: String,
    pub(super) clients: Vec<String>,
    pub(super) action: Action,
}

/// What a line says.
#[derive(Debug)]
pub(super) enum Action {
    /// `connects`: upgrades `/ws` without offering a subprotocol.
    Connects,
    /// `joins [as "nickname"] [asking {…}]`: connects and identifies; everyone is told.
    Joins { fields: String },
    /// `upgrades TARGET`: an upgrade whose headers follow.
    Upgrades { target: String },
    /// `asks METHOD TARGET`: a plain request whose headers follow.
    Asks { method: String, target: String },
    /// `+ Header: value`: a line more in that request; `- Header` takes one out.
    AddsHeader(String),
    /// See [`AddsHeader`](Self::AddsHeader).
    DropsHeader(String),
    /// `= 101`, `= Header: value`, `= without Header`, `= body TEXT`.
    Answered(Answer),
    /// `> {…}`: sends a text payload.
    Says { times: u64, payload: Pattern },
    /// `< {…}`: receives exactly this text payload next.
    Hears { times: u64, payload: Pattern },
    /// `sends KIND …`: one frame, legal or not.
    Sends(Vec<Word>, Opcode, Payload),
    /// `gets ping|pong [TEXT]`: receives this control frame next.
    Gets(Opcode, String),
    /// `x CODE "reason"`: the gateway closes.
    Closed { code: u16, reason: Pattern },
    /// `x`: the gateway ends the connection without a close frame.
    Ended,
    /// `leaves`: closes with 1000 and is answered the same.
    Leaves,
    /// `vanishes`: the TCP connection ends without a word.
    Vanishes,
    /// `falls silent`: answers no pings any more.
    FallsSilent,
}

/// What is expected of the answer to a request.
#[derive(Debug)]
pub(super) enum Answer {
    Status(u16),
    Header(String, Pattern),
    Without(String),
    Body(Pattern),
}

/// What is odd about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Unfinished,
    Unmasked,
    Reserved(u8),
}

/// What a frame carries.
#[derive(Debug)]
pub(super) enum Payload {
    Text(Pattern),
    Bytes(Vec<u8>),
}

impl Word {
    pub(super) fn apply(self, frame: Frame) -> Frame {
        match self {
            Self::Unfinished => frame.unfinished(),
            Self::Unmasked => frame.unmasked(),
            Self::Reserved(bits) => frame.reserved(bits),
        }
    }
}

impl Script {
    /// Reads a transcript.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut script = Self { configuration: String::new(), steps: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(setting) = line.strip_prefix("gateway ") {
                script.configuration.push_str(setting);
                script.configuration.push('\n');
                continue;
            }
            let step =
                Step::parse(index + 1, line).map_err(|why| format!("line {}: {why}: {line}", index + 1))?;
            script.steps.push(step);
        }
        if script.steps.is_empty() { Err("nothing happens in it".to_owned()) } else { Ok(script) }
    }
}

impl Step {
    fn parse(line: usize, text: &str) -> Result<Self, String> {
        let mut clients = Vec::new();
        let mut rest = text;
        loop {
            let (name, after) = first_word(rest);
            rest = after;
            clients.push(name.trim_end_matches(',').to_owned());
            if !name.ends_with(',') {
                break;
            }
        }
        let (verb, rest) = first_word(rest);
        Ok(Self { line, text: text.to_owned(), clients, action: Action::parse(verb, rest)? })
    }
}

impl Action {
    fn parse(verb: &str, rest: &str) -> Result<Self, String> {
        Ok(match verb {
            "connects" if rest.is_empty() => Self::Connects,
            "joins" | "join" if rest.is_empty() => Self::Joins { fields: String::new() },
            "joins" | "join" => {
                let fields = rest.strip_prefix("with {").and_then(|fields| fields.strip_suffix('}'));
                Self::Joins { fields: format!(",{}", fields.ok_or("`joins with` takes an object")?) }
            }
            "upgrades" => Self::Upgrades { target: rest.to_owned() },
            "asks" => {
                let (method, target) = first_word(rest);
                Self::Asks { method: method.to_owned(), target: target.to_owned() }
            }
            "+" => Self::AddsHeader(rest.to_owned()),
            "-" => Self::DropsHeader(rest.to_owned()),
            "=" => Self::Answered(Answer::parse(rest)?),
            ">" => {
                let (times, payload) = times(rest);
                Self::Says { times, payload: Pattern::parse(payload) }
            }
            "<" => {
                let (times, payload) = times(rest);
                Self::Hears { times, payload: Pattern::parse(payload) }
            }
            "sends" => return Self::parse_frame(rest),
            "gets" => {
                let (kind, text) = first_word(rest);
                Self::Gets(opcode(kind)?, text.to_owned())
            }
            "x" if rest.is_empty() => Self::Ended,
            "x" => {
                let (code, reason) = first_word(rest);
                let reason = reason.strip_prefix('"').and_then(|reason| reason.strip_suffix('"'));
                Self::Closed {
                    code: code.parse().map_err(|_| "a close has a code")?,
                    reason: Pattern::parse(reason.ok_or("a close has a reason in quotes")?),
                }
            }
            "leaves" if rest.is_empty() => Self::Leaves,
            "vanishes" if rest.is_empty() => Self::Vanishes,
            "falls" if rest == "silent" => Self::FallsSilent,
            _ => return Err(format!("nobody can {verb:?} like that")),
        })
    }

    /// `sends [unfinished] [unmasked] [rsv1] KIND [TEXT | hex BYTES | code CODE REASON]`
    fn parse_frame(mut rest: &str) -> Result<Self, String> {
        let mut words = Vec::new();
        loop {
            let (word, after) = first_word(rest);
            rest = after;
            words.push(match word {
                "unfinished" => Word::Unfinished,
                "unmasked" => Word::Unmasked,
                "rsv1" => Word::Reserved(0b100),
                "rsv2" => Word::Reserved(0b010),
                "rsv3" => Word::Reserved(0b001),
                kind => return Ok(Self::Sends(words, opcode(kind)?, Payload::parse(rest)?)),
            });
        }
    }
}

impl Payload {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(bytes) = text.strip_prefix("hex ") {
            let byte = |word| u8::from_str_radix(word, 16).map_err(|_| format!("{word:?} is no byte"));
            return bytes.split_whitespace().map(byte).collect::<Result<_, _>>().map(Self::Bytes);
        }
        if let Some(close) = text.strip_prefix("code ") {
            let (code, reason) = first_word(close);
            let code: u16 = code.parse().map_err(|_| format!("{code:?} is no close code"))?;
            return Ok(Self::Bytes(Frame::close(code, reason).payload));
        }
        Ok(Self::Text(Pattern::parse(text)))
    }
}

impl Answer {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(status) = text.parse() {
            return Ok(Self::Status(status));
        }
        if let Some(name) = text.strip_prefix("without ") {
            return Ok(Self::Without(name.to_owned()));
        }
        if let Some(body) = text.strip_prefix("body ") {
            return Ok(Self::Body(Pattern::parse(body)));
        }
        let (name, value) = text.split_once(": ").ok_or("an answer has a status, headers and a body")?;
        Ok(Self::Header(name.to_owned(), Pattern::parse(value)))
    }
}

fn opcode(word: &str) -> Result<Opcode, String> {
    Ok(match word {
        "text" => Opcode::TEXT,
        "binary" => Opcode::BINARY,
        "continuation" => Opcode::CONTINUATION,
        "close" => Opcode::CLOSE,
        "ping" => Opcode::PING,
        "pong" => Opcode::PONG,
        other => {
            let digit = other.strip_prefix("opcode").and_then(|digit| u8::from_str_radix(digit, 16).ok());
            Opcode(digit.ok_or_else(|| format!("there is no frame {other:?}"))?)
        }
    })
}

/// Splits `99 times {…}` into 99 and the payload; once, when it does not say.
fn times(text: &str) -> (u64, &str) {
    let repeated =
        text.split_once(" times ").and_then(|(count, payload)| Some((count.parse().ok()?, payload)));
    repeated.unwrap_or((1, text))
}

fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}
