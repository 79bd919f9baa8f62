//! One client of a transcript: its socket, and how far its sequence numbers have come.

use std::net::SocketAddr;

use serde_json::Value;

use crate::raw::{Close, Frame, Handshake, Opcode, RawSocket, Response};

/// The highest sequence number; after it comes 0.
const LAST_SEQUENCE_NUMBER: u64 = (1 << 53) - 1;

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not upgraded, or closed.
    NoWebSocket,
    /// Upgraded; no `HELLO` yet.
    Open,
    /// Has received `HELLO`.
    Identified,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: RawSocket,
    /// A request whose lines are still being collected.
    pub(super) request: Option<Handshake>,
    pub(super) response: Option<Response>,
    pub(super) phase: Phase,
    /// Is told who joins and leaves.
    pub(super) hears_presence: bool,
    answers_pings: bool,
    within_fragmented_text: bool,
    next: u64,
}

impl Client {
    pub(super) fn open(address: SocketAddr) -> Result<Self, String> {
        Ok(Self {
            socket: RawSocket::open(address).map_err(chain)?,
            request: None,
            response: None,
            phase: Phase::NoWebSocket,
            hears_presence: true,
            answers_pings: true,
            within_fragmented_text: false,
            next: 0,
        })
    }

    /// Sends the request collected so far, if it has not gone yet, and returns its answer.
    pub(super) fn answer(&mut self) -> Result<&Response, String> {
        if let Some(request) = self.request.take() {
            let response = self.socket.ask(&request).map_err(chain)?;
            if response.accepts_the_upgrade() {
                self.phase = Phase::Open;
            }
            self.response = Some(response);
        }
        self.response.as_ref().ok_or_else(|| "no request was made".to_owned())
    }

    pub(super) fn say(&mut self, text: &str) -> Result<(), String> {
        self.socket.send_text(text).map_err(chain)?;
        self.count(text);
        Ok(())
    }

    pub(super) fn send(&mut self, frame: &Frame) -> Result<(), String> {
        let is_text = frame.opcode == Opcode::TEXT
            || frame.opcode == Opcode::CONTINUATION && self.within_fragmented_text;
        if is_text {
            self.within_fragmented_text = !frame.finished;
            if frame.finished {
                self.count(&String::from_utf8_lossy(&frame.payload));
            }
        }
        self.socket.send(frame).map_err(chain)
    }

    /// Counts a text payload as the gateway should.
    fn count(&mut self, text: &str) {
        let payload: Value = serde_json::from_str(text).unwrap_or_default();
        if self.phase != Phase::Identified {
            if let Some(Value::Array(intents)) = payload.get("intents") {
                self.hears_presence = intents.iter().any(|intent| intent == "PRESENCE");
            }
            return;
        }
        let set = payload.get("seq").and_then(Value::as_u64).filter(|seq| *seq <= LAST_SEQUENCE_NUMBER);
        let current = if payload.get("type").is_some_and(|kind| kind == "SELF_SET_SEQ") { set } else { None };
        let current = current.unwrap_or(self.next);
        self.next = if current == LAST_SEQUENCE_NUMBER { 0 } else { current + 1 };
    }

    /// The next text payload.
    pub(super) fn hear(&mut self) -> Result<String, String> {
        let frame = self.frame()?;
        match frame.opcode {
            Opcode::TEXT if frame.finished => {
                let text =
                    String::from_utf8(frame.payload).map_err(|_| "text came that is not UTF-8".to_owned())?;
                if text.starts_with(r#"{"type":"HELLO","#) {
                    self.phase = Phase::Identified;
                }
                Ok(text)
            }
            _ => Err(described(&frame)),
        }
    }

    /// The next control frame.
    pub(super) fn control(&mut self) -> Result<(Opcode, Vec<u8>), String> {
        let frame = self.socket.read_frame().map_err(chain)?.ok_or("the connection ended")?;
        match frame.opcode {
            Opcode::PING | Opcode::PONG => Ok((frame.opcode, frame.payload)),
            _ => Err(described(&frame)),
        }
    }

    /// The close, which must be the next thing that comes, and the end of the connection after it.
    pub(super) fn closed(&mut self) -> Result<Close, String> {
        let frame = self.frame()?;
        if frame.opcode != Opcode::CLOSE {
            return Err(described(&frame));
        }
        let close = frame.to_close().map_err(chain)?;
        // The gateway may be gone already: it need not wait for this.
        let _unheard = self.socket.send(&Frame::new(Opcode::CLOSE, frame.payload));
        self.end()?;
        Ok(close)
    }

    pub(super) fn end(&mut self) -> Result<(), String> {
        self.phase = Phase::NoWebSocket;
        self.socket.read_end().map_err(chain)
    }

    pub(super) fn leave(&mut self) -> Result<(), String> {
        self.send(&Frame::close(1000, ""))?;
        let close = self.closed()?;
        if close.code == Some(1000) {
            Ok(())
        } else {
            Err(format!("leaving with 1000 was answered by {close:?}"))
        }
    }

    pub(super) fn fall_silent(&mut self) {
        self.answers_pings = false;
    }

    /// Asks for one answer more, which must be the next thing that comes.
    pub(super) fn fence(&mut self) -> Result<(), String> {
        if self.phase != Phase::Identified {
            self.send(&Frame::ping(b"fence"))?;
            return match self.control() {
                Ok((Opcode::PONG, payload)) if payload == b"fence" => Ok(()),
                Ok((opcode, _)) => Err(format!("{opcode:?} came at the end")),
                Err(why) => Err(format!("at the end, {why}")),
            };
        }
        let expected = format!(r#"{{"seq":{},"type":"ERROR_UNSUPPORTED"}}"#, self.next);
        self.say(r#"{"type":"A_TRANSCRIPT_ENDS"}"#)?;
        let actual = self.hear()?;
        if actual == expected {
            Ok(())
        } else {
            Err(format!("at the end came\n    {actual}\n  where only this was due\n    {expected}"))
        }
    }

    fn frame(&mut self) -> Result<Frame, String> {
        loop {
            let frame = self
                .socket
                .read_frame()
                .map_err(chain)?
                .ok_or("the connection ended without a close frame")?;
            if frame.opcode != Opcode::PING {
                return Ok(frame);
            }
            if self.answers_pings {
                self.socket.send(&Frame::pong(&frame.payload)).map_err(chain)?;
            }
        }
    }
}

fn described(frame: &Frame) -> String {
    match frame.opcode {
        Opcode::TEXT => format!("this came: {}", String::from_utf8_lossy(&frame.payload)),
        Opcode::CLOSE => match frame.to_close() {
            Ok(Close { code, reason }) => format!("the gateway closed with {code:?} {reason:?}"),
            Err(error) => chain(error),
        },
        _ => format!("this frame came: {frame:?}"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn chain(error: anyhow::Error) -> String {
    format!("{error:#}")
}
