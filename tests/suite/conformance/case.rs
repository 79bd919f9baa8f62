//! One case: what is sent, in which portions, what must come back, and how it ends.

use anyhow::{Context as _, Result, bail, ensure};
use support::gateway::Gateway;
use support::raw::{Close, Frame, Opcode, RawSocket};

/// Who says something to itself.
const NAME: &str = "tester";

/// No ping of the gateway comes between what a case waits for.
const CONFIGURATION: &str = "heartbeat = { interval = \"1h\", timeout = \"2h\" }\nnames = \"ascii\"";

/// Bytes around the data of [`said`].
pub(super) const ENVELOPE: usize = 69;

/// A case of the test suite.
pub(super) struct Case {
    number: String,
    frames: Vec<Frame>,
    portions: Portions,
    heard: Vec<Heard>,
    end: End,
}

/// In which portions the bytes of the frames are written.
#[derive(Clone, Copy)]
pub(super) enum Portions {
    /// All of them at once.
    One,
    /// Each frame by itself.
    Frames,
    /// So many bytes at a time, wherever frames begin.
    Bytes(usize),
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Heard {
    /// The data of a message to oneself, and that it was delivered.
    Echo(String),
    /// That a text was received, and is no request.
    NoRequest,
    /// A pong with that payload.
    Pong(Vec<u8>),
}

/// How a case ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The connection is as good as before.
    Open,
    /// The gateway closes with this code, or with none, and ends the connection; nothing comes between.
    Closed(Option<u16>),
}

/// The text of a message to oneself with that data, which is what stands between the quotes of a JSON string.
pub(super) fn said(data: &str) -> String {
    format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"{NAME}"}},"data":"{data}"}}"#)
}

/// The bytes of a message to oneself whose data need not be text.
pub(super) fn said_bytes(data: &[u8]) -> Vec<u8> {
    let text = said("\0");
    let (before, after) = text.split_once('\0').expect("the data stands within");
    [before.as_bytes(), data, after.as_bytes()].concat()
}

/// A text in pieces of these bytes, as the frames of one message.
pub(super) fn fragments<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Frame> {
    let mut frames: Vec<_> =
        pieces.into_iter().map(|piece| Frame::continuation(piece).unfinished()).collect();
    if let Some(first) = frames.first_mut() {
        first.opcode = Opcode::TEXT;
    }
    if let Some(last) = frames.last_mut() {
        last.finished = true;
    }
    frames
}

impl Case {
    /// A case after which the connection is as good as before.
    pub(super) fn new(number: impl Into<String>, frames: Vec<Frame>) -> Self {
        let (portions, heard, end) = (Portions::One, Vec::new(), End::Open);
        Self { number: number.into(), frames, portions, heard, end }
    }

    /// The same case, written in such portions.
    pub(super) fn in_portions(self, portions: Portions) -> Self {
        Self { portions, ..self }
    }

    /// The same case, in which this is heard, after what was said so far.
    pub(super) fn hears(mut self, heard: Heard) -> Self {
        self.heard.push(heard);
        self
    }

    /// The same, for the data of a message to oneself.
    pub(super) fn echoes(self, data: impl Into<String>) -> Self {
        self.hears(Heard::Echo(data.into()))
    }

    /// The same, for the answer to a ping.
    pub(super) fn pongs(self, payload: impl Into<Vec<u8>>) -> Self {
        self.hears(Heard::Pong(payload.into()))
    }

    /// The same case, at whose end the gateway closes with that code.
    pub(super) fn closes(self, code: u16) -> Self {
        Self { end: End::Closed(Some(code)), ..self }
    }

    /// The same case, at whose end the gateway closes without a code.
    pub(super) fn closes_without_code(self) -> Self {
        Self { end: End::Closed(None), ..self }
    }

    fn play(&self, gateway: &Gateway) -> Result<()> {
        let mut socket = RawSocket::identified(gateway.address(), NAME, "")?;
        self.send(&mut socket)?;
        let mut seq = 0;
        for heard in &self.heard {
            match heard {
                Heard::Echo(data) => {
                    let text = socket.read_text().with_context(|| format!("waiting for {}", shown(heard)))?;
                    let (_, found) = text.split_once(r#""data":"#).with_context(|| short(&text))?;
                    ensure!(found == format!("\"{data}\"}}"), "another text came back: {}", short(&text));
                    ensure!(socket.read_text()? == format!(r#"{{"seq":{seq},"type":"OK"}}"#));
                    seq += 1;
                }
                Heard::NoRequest => {
                    let text = socket.read_text().context("waiting for the error")?;
                    let expected = format!(r#"{{"seq":{seq},"type":"ERROR_PROTOCOL","#);
                    ensure!(text.starts_with(&expected), "where an error should be came {}", short(&text));
                    seq += 1;
                }
                Heard::Pong(payload) => {
                    let frame = socket.read_frame()?.context("the connection ended before a pong")?;
                    let expected = Frame::pong(payload).unmasked();
                    ensure!(frame == expected, "where {} should be came {frame:?}", shown(heard));
                }
            }
        }
        match self.end {
            End::Open => {
                socket.send(&Frame::ping(b"as before?"))?;
                socket.send(&Frame::close(1000, ""))?;
                let pong = socket.read_frame()?.context("the connection ended")?;
                ensure!(pong == Frame::pong(b"as before?").unmasked(), "at the end came {pong:?}");
                closed(&mut socket, Some(1000))
            }
            End::Closed(code) => closed(&mut socket, code),
        }
    }

    fn send(&self, socket: &mut RawSocket) -> Result<()> {
        let frames = self.frames.iter().map(Frame::encode);
        match self.portions {
            Portions::One => socket.send_bytes(&frames.collect::<Vec<_>>().concat()),
            Portions::Frames => frames.into_iter().try_for_each(|frame| socket.send_bytes(&frame)),
            Portions::Bytes(count) => {
                let bytes = frames.collect::<Vec<_>>().concat();
                bytes.chunks(count).try_for_each(|portion| socket.send_bytes(portion))
            }
        }
    }
}

/// The next frame is a close with that code, and nothing comes after it.
fn closed(socket: &mut RawSocket, code: Option<u16>) -> Result<()> {
    let Some(frame) = socket.read_frame()? else { bail!("the connection ended without a close frame") };
    ensure!(frame.opcode == Opcode::CLOSE, "where a close should be came {frame:?}");
    let Close { code: found, .. } = frame.to_close()?;
    ensure!(found == code, "closed with {found:?} instead of {code:?}");
    socket.read_end()
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

fn shown(heard: &Heard) -> String {
    short(&format!("{heard:?}"))
}

/// Plays cases one after another, and fails with all that do not hold.
pub(super) fn hold(cases: &[Case]) {
    holds_with("", cases);
}

/// The same with settings of the gateway.
pub(super) fn holds_with(settings: &str, cases: &[Case]) {
    let failed = failures(settings, cases);
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), cases.len(), failed.join("\n"));
    println!("{} cases hold", cases.len());
}

fn failures(settings: &str, cases: &[Case]) -> Vec<String> {
    let gateway = Gateway::configured(&format!("{CONFIGURATION}\n{settings}")).unwrap();
    let fail = |case: &Case| case.play(&gateway).err().map(|error| format!("{}: {error:#}", case.number));
    cases.iter().filter_map(fail).collect()
}

/// What all of this rests on.
#[test]
fn a_case_that_does_not_hold_fails() {
    let text = || vec![Frame::text(&said("this"))];
    let wrong = [
        Case::new("another text", text()).echoes("that"),
        Case::new("a text nobody listed", text()),
        Case::new("a text that never comes", vec![Frame::close(1000, "")]).echoes("this"),
        Case::new("another pong", vec![Frame::ping(b"this")]).pongs("that"),
        Case::new("another code", vec![Frame::close(1000, "")]).closes(1001),
        Case::new("no code", vec![Frame::close(1000, "")]).closes_without_code(),
        Case::new("no close", vec![Frame::ping(b""), Frame::ping(b"")]).pongs("").closes(1002),
        Case::new("a close", vec![Frame::close(1000, "")]),
        Case::new("a text before the close", [text(), vec![Frame::close(1000, "")]].concat()).closes(1000),
    ];
    let failed = failures("", &wrong);
    assert_eq!(failed.len(), wrong.len(), "these failed, and no others:\n{}", failed.join("\n"));
}
