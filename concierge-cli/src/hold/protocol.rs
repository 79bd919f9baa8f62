//! What is said over the socket of a held session: a line of JSON each way, after a greeting that tells the version. No IO.
//!
//! Requests are calls of the SDK, not frames of the gateway's wire: each has a number of its own, a time it may take, and an answer
//! of its own. Payloads stand in strings, because their bytes must come through as they are, line ends included.

use std::{fmt, time::Duration};

use concierge_client::payload::{
    ClientName, Incoming, Intents, Rejection, Reply, Seq, ServiceName, encode_sequenced,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::happening::Happening;
use crate::{exit::Exit, failure::Failure};

/// The version of all this. A greeting keeps its first field in every version.
pub(super) const VERSION: u32 = 1;

/// The longest line that a session takes, in bytes; what is larger no gateway takes by default either.
pub(super) const MAX_REQUEST: usize = 32 << 20;

/// The longest line that a command takes, in bytes: the largest message that the SDK takes, each byte of it escaped.
pub(super) const MAX_ANSWER: usize = 130 << 20;

/// The first line of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Greeting {
    /// The version of the protocol.
    pub hold: u32,
    /// The version of the program that holds the session.
    pub program: String,
    /// How the session stands.
    pub session: Status,
}

/// How a session stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The session's name.
    pub session: String,
    /// The gateway.
    pub url: String,
    /// The name it joined under.
    pub name: String,
    /// Its id.
    pub uuid: Uuid,
    /// The gateway's program, when it told.
    pub server: Option<String>,
    /// Whether requests go out now.
    pub connected: bool,
    /// What is in the way when they do not.
    pub trouble: Option<String>,
    /// How often it came back after it had lost its connection.
    pub reconnects: u64,
    /// How many commands use it.
    pub commands: usize,
    /// When it began, RFC 3339.
    pub since: String,
    /// The process that holds it.
    pub pid: u32,
    /// Where that process writes what happens, when it does.
    pub log: Option<String>,
}

/// A line of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    /// The request's number: its answer has the same.
    pub id: u64,
    /// What is asked for.
    #[serde(flatten)]
    pub what: What,
}

/// What a session can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum What {
    /// A request to the gateway.
    Call {
        /// The request, as it goes over the wire.
        payload: String,
        /// How long it may take.
        timeout_ms: u64,
    },
    /// A sign of life of the gateway.
    Ping {
        /// How long it may take.
        timeout_ms: u64,
    },
    /// A subscription for as long as somebody needs it.
    Listen {
        /// To which service.
        service: ServiceName,
        /// Whether the session needs it itself, whoever else does.
        keep: bool,
        /// How long it may take.
        timeout_ms: u64,
    },
    /// What it takes to move files as the session's client, until that loses its connection.
    Files,
    /// What the gateway tells from now on, each an answer of this number.
    Events {
        /// Which of it.
        intents: Intents,
        /// How many of it may wait to be sent.
        capacity: usize,
    },
    /// No more of the events that have this number.
    Forget,
    /// The end of the session.
    Stop,
}

/// A line of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum Answer {
    /// The gateway answered a request, with a no perhaps.
    Reply {
        /// The request.
        id: u64,
        /// The answer as on the wire, with a number that means nothing.
        payload: String,
    },
    /// The gateway answered a ping.
    Pong {
        /// The request.
        id: u64,
        /// How long it took.
        rtt_us: u64,
    },
    /// By what the file store knows the session's client.
    Files {
        /// The request.
        id: u64,
        /// The name of the client, which is that of its folder.
        name: ClientName,
        /// The key.
        key: FileKey,
    },
    /// A request had no answer.
    Failed {
        /// The request; none for a line that cannot be read.
        id: Option<u64>,
        /// Why.
        fault: Fault,
    },
    /// Something happened.
    Event {
        /// The request that asked for it.
        id: u64,
        /// What.
        event: Happening,
    },
    /// The session stands otherwise than it last told.
    Status(Box<Status>),
    /// The session ends. Nothing follows.
    End {
        /// Why.
        fault: Fault,
    },
}

/// A key to the file store. It goes over the socket of a session, which is one user's alone, and nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FileKey(pub Uuid);

impl fmt::Debug for FileKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FileKey(…)")
    }
}

/// A failure, as it is told to whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fault {
    exit: u8,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// Why a line means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misunderstood {
    /// It is of another version of this protocol.
    #[error("it speaks version {theirs} of the protocol, this program version {VERSION}")]
    Version {
        /// The version it is of.
        theirs: u32,
        /// The program it comes from.
        program: String,
    },
    /// It is no such line at all.
    #[error("{0}")]
    Nonsense(String),
}

impl Greeting {
    /// The greeting of this version.
    pub(super) fn new(session: Status) -> Self {
        Self { hold: VERSION, program: env!("CARGO_PKG_VERSION").to_owned(), session }
    }

    /// Reads a greeting, of another version perhaps: then only that is known of it.
    pub(super) fn decode(line: &str) -> Result<Self, Misunderstood> {
        #[derive(Deserialize)]
        struct Head {
            hold: u32,
            #[serde(default)]
            program: String,
        }
        let Head { hold, program } = decode(line)?;
        if hold != VERSION {
            return Err(Misunderstood::Version { theirs: hold, program });
        }
        decode(line)
    }
}

/// A line, with its end.
pub(super) fn encode(what: &impl Serialize) -> String {
    serde_json::to_string(what).expect("lines have string keys and serialize without failing") + "\n"
}

/// Reads a line.
pub(super) fn decode<T: DeserializeOwned>(line: &str) -> Result<T, Misunderstood> {
    serde_json::from_str(line).map_err(|error| Misunderstood::Nonsense(error.to_string()))
}

/// The number of a request that cannot be read otherwise.
pub(super) fn number_of(line: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        id: u64,
    }
    serde_json::from_str(line).ok().map(|Numbered { id }| id)
}

/// A time, in whole milliseconds.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The gateway's answer, as text.
pub(super) fn write_reply(reply: &Reply) -> String {
    encode_sequenced(Seq::ZERO, reply)
}

/// The gateway's answer, from text.
pub(super) fn read_reply(payload: &str) -> Result<Reply, Misunderstood> {
    match Incoming::decode(payload) {
        Ok(Incoming::Reply { reply, .. }) => Ok(reply),
        Ok(_) => Err(Misunderstood::Nonsense("it is no answer".to_owned())),
        Err(error) => Err(Misunderstood::Nonsense(error.to_string())),
    }
}

/// The answer that a refusal was; none for one that this version does not know.
pub(super) fn refusal(rejection: Rejection) -> Option<Reply> {
    Some(match rejection {
        Rejection::UnknownName { name } => Reply::InvalidName { name },
        Rejection::UnknownUuid { uuid } => Reply::InvalidUuid { uuid },
        Rejection::UnknownService { service } => Reply::InvalidService { service },
        Rejection::Refused { desc } => Reply::Bad { desc },
        Rejection::Unsupported => Reply::ErrorUnsupported,
        Rejection::Protocol { desc } => Reply::ErrorProtocol { desc },
        Rejection::Internal { desc } => Reply::ErrorInternal { desc },
        _ => return None,
    })
}

impl From<&Failure> for Fault {
    fn from(failure: &Failure) -> Self {
        Self {
            exit: failure.exit().code(),
            message: failure.message().to_owned(),
            hint: failure.hinted().map(str::to_owned),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let exit = Exit::ALL.into_iter().find(|exit| exit.code() == fault.exit).unwrap_or(Exit::Lost);
        let failure = Self::new(exit, fault.message);
        match fault.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use concierge_client::payload::Intent;

    use super::*;

    pub(super) fn status() -> Status {
        Status {
            session: "bot".into(),
            url: "ws://127.0.0.1:64209/ws".into(),
            name: "bot".into(),
            uuid: Uuid::from_u128(7),
            server: None,
            connected: true,
            trouble: None,
            reconnects: 0,
            commands: 1,
            since: "2026-11-21T11:00:00Z".into(),
            pid: 4711,
            log: None,
        }
    }

    #[test]
    fn every_request_reads_back_and_is_one_line() {
        for what in [
            What::Call { payload: "{\"type\":\n\"SELF_FETCH\"}".into(), timeout_ms: 10_000 },
            What::Ping { timeout_ms: 1 },
            What::Listen { service: "söö x".parse().unwrap(), keep: true, timeout_ms: 1 },
            What::Events { intents: Intents::NONE.with(Intent::Broadcasts), capacity: 16 },
            What::Files,
            What::Forget,
            What::Stop,
        ] {
            let asked = Asked { id: 1 << 52, what };
            let line = encode(&asked);
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{line:?}");
            assert_eq!(decode::<Asked>(&line), Ok(asked));
        }
    }

    #[test]
    fn every_answer_reads_back_and_is_one_line() {
        let fault = Fault::from(&Failure::new(Exit::Lost, "gone\n").hint("again"));
        for answer in [
            Answer::Reply { id: 0, payload: write_reply(&Reply::Ok) },
            Answer::Pong { id: 1, rtt_us: 250 },
            Answer::Files { id: 2, name: "bot".parse().unwrap(), key: FileKey(Uuid::from_u128(7)) },
            Answer::Failed { id: None, fault: fault.clone() },
            Answer::Event { id: 3, event: Happening::Lagged { missed: 2 } },
            Answer::Status(Box::new(status())),
            Answer::End { fault },
        ] {
            let line = encode(&answer);
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{line:?}");
            assert_eq!(decode::<Answer>(&line), Ok(answer));
        }
    }

    #[test]
    fn a_key_is_told_over_the_socket_and_not_in_a_log() {
        let key = FileKey(Uuid::from_u128(0xcafe_4711));
        let answer = Answer::Files { id: 2, name: "bot".parse().unwrap(), key };
        assert!(encode(&answer).contains("cafe4711"));
        assert!(!format!("{answer:?}").contains("cafe4711"));
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_number_if_it_has_one() {
        for (line, number) in [
            ("", None),
            ("[]", None),
            ("nonsense", None),
            ("{\"id\":-1,\"do\":\"stop\"}", None),
            ("{\"id\":7}", Some(7)),
            ("{\"id\":7,\"do\":\"fly\"}", Some(7)),
            ("{\"id\":7,\"do\":\"call\"}", Some(7)),
            ("{\"id\":7,\"do\":\"listen\",\"service\":\"\",\"keep\":false,\"timeout_ms\":1}", Some(7)),
            (&"[".repeat(100_000), None),
        ] {
            assert!(decode::<Asked>(line).is_err(), "{line}");
            assert_eq!(number_of(line), number, "{line}");
        }
    }

    #[test]
    fn a_greeting_of_another_version_says_which() {
        let greeting = Greeting::new(status());
        assert_eq!(Greeting::decode(&encode(&greeting)), Ok(greeting));
        let other = Greeting::decode(r#"{"hold":9,"program":"4.0.0","entirely":"different"}"#);
        assert_eq!(other, Err(Misunderstood::Version { theirs: 9, program: "4.0.0".into() }));
        assert!(matches!(Greeting::decode("SSH-2.0-x"), Err(Misunderstood::Nonsense(_))));
    }

    #[test]
    fn a_refusal_comes_through_as_it_was() {
        for rejection in [
            Rejection::UnknownName { name: "\u{1b}[2J".into() },
            Rejection::UnknownUuid { uuid: Uuid::nil() },
            Rejection::UnknownService { service: "x".into() },
            Rejection::Refused { desc: None },
            Rejection::Refused { desc: Some("too many".into()) },
            Rejection::Unsupported,
            Rejection::Protocol { desc: "field".into() },
            Rejection::Internal { desc: "out of memory".into() },
        ] {
            let reply = refusal(rejection.clone()).unwrap();
            assert_eq!(read_reply(&write_reply(&reply)).unwrap().accepted(), Err(rejection));
        }
    }

    #[test]
    fn a_failure_keeps_its_exit_code_and_its_hint() {
        for exit in Exit::ALL {
            let failure = Failure::new(exit, "x").hint("y");
            assert_eq!(Failure::from(Fault::from(&failure)), failure);
        }
        let unknown: Fault = serde_json::from_str(r#"{"exit":77,"message":"x"}"#).unwrap();
        assert_eq!(Failure::from(unknown), Failure::new(Exit::Lost, "x"));
    }
}
