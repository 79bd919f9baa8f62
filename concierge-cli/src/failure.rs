//! What went wrong, for whoever typed it: what happened and why, what to try, and the exit code that follows.

use std::error::Error;

use concierge_client::{
    CallError, CloseCause, ConnectError, GatewayUrl, Wire,
    files::FileError,
    payload::{CloseCode, Rejection},
};

use crate::{exit::Exit, hints};

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure with this exit code. The message may hold text from elsewhere; it is escaped where it is shown.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// The command line makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A file, the input or the output failed.
    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self::new(Exit::LocalIo, message)
    }

    /// There is nothing to tell: the reader closed the pipe, or somebody pressed Ctrl-C.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// With what to try, instead of what was hinted at before.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With another sentence for what happened.
    #[must_use]
    pub(crate) fn because(mut self, message: &str) -> Self {
        message.clone_into(&mut self.message);
        self
    }

    /// With the gateway it concerns.
    #[must_use]
    pub(crate) fn about(self, url: &GatewayUrl) -> Self {
        self.within(url.as_str())
    }

    /// With what it concerns before it.
    #[must_use]
    pub(crate) fn within(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// With the place in a script.
    #[must_use]
    pub(crate) fn at(self, script: &str, line: u64) -> Self {
        self.within(&format!("{script}, line {line}"))
    }

    fn hinted_by(self, hint: Option<&str>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// The exit code that follows.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What happened; empty when there is nothing to tell.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to try.
    pub(crate) fn hinted(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl From<std::io::Error> for Failure {
    /// Writing failed. A closed pipe is how `| head` says that it has seen enough.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::silent(Exit::Done),
            _ => Self::local(format!("could not write: {}", without_number(&error))),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::from(&error)
    }
}

impl From<&ConnectError> for Failure {
    fn from(error: &ConnectError) -> Self {
        let exit = match error {
            ConnectError::Build(_) => Exit::Usage,
            ConnectError::Timeout { .. } => Exit::TimedOut,
            ConnectError::Refused { code, .. } => exit_of_close(*code),
            _ => Exit::Unreachable,
        };
        Self::new(exit, with_sources(error)).hinted_by(hints::of_connect(error))
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let exit = match &error {
            FileError::NotFound { .. } => Exit::NotFound,
            FileError::Path { .. } => Exit::Usage,
            FileError::Connect(error) => Self::from(error).exit(),
            FileError::Lost { .. } => Exit::Lost,
            FileError::Stalled { .. } => Exit::TimedOut,
            FileError::Checksum => Exit::Unexpected,
            FileError::Local { .. } => Exit::LocalIo,
            _ => Exit::Rejected,
        };
        Self::new(exit, with_sources(&error)).hint(hint_of_file(&error))
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let exit = match &error {
            CallError::Rejected(rejection) => exit_of_rejection(rejection),
            CallError::Timeout { .. } => Exit::TimedOut,
            CallError::Lost { wire: Wire::MaybeSent | Wire::NotSent, cause }
            | CallError::Closed { cause } => exit_of_cause(cause),
            CallError::NotConnected { .. } => Exit::Lost,
            CallError::TooLarge { .. } | CallError::InvalidName(_) | CallError::Encode(_) => Exit::Usage,
            _ => Exit::Rejected,
        };
        Self::new(exit, with_sources(&error)).hinted_by(hints::of_call(&error))
    }
}

impl From<CloseCause> for Failure {
    fn from(cause: CloseCause) -> Self {
        Self::new(exit_of_cause(&cause), cause.to_string()).hinted_by(hints::of_cause(&cause))
    }
}

/// What a close at the door means: a name, a secret or a version that does not do, or trouble with the gateway.
fn exit_of_close(code: CloseCode) -> Exit {
    match code {
        CloseCode::DuplicateAuth | CloseCode::BadSecret | CloseCode::BadVersion | CloseCode::BadAuth => {
            Exit::NotAdmitted
        }
        CloseCode::FatalDecode | CloseCode::NoAuth | CloseCode::Kicked | CloseCode::LimitExceeded => {
            Exit::Rejected
        }
        CloseCode::AuthFailed => Exit::TimedOut,
        _ => Exit::Unreachable,
    }
}

/// What the end of a connection means for what was under way.
fn exit_of_cause(cause: &CloseCause) -> Exit {
    match cause.code().map(exit_of_close) {
        Some(exit @ (Exit::NotAdmitted | Exit::Rejected)) => exit,
        _ => Exit::Lost,
    }
}

/// What to try about a file: what the SDK says, or what only this program can say.
fn hint_of_file(error: &FileError) -> &'static str {
    if let Some(hint) = error.hint() {
        return hint;
    }
    match error {
        FileError::Folder => "`files ls` shows what is there; a / at the end of a path means a folder",
        FileError::TooLarge => "whoever runs the gateway can raise files.file_bytes",
        FileError::Busy => "try again in a moment, or with a smaller --parallel",
        FileError::Lost { .. } => "look with `files ls` what is there, and try again",
        FileError::Stalled { .. } => "`concierge ping` tells whether the gateway answers at all",
        FileError::Changed => "fetch it again",
        FileError::Checksum => "fetch it again; should that help nothing, something on the way changes it",
        FileError::MoreThanWanted { .. } => "fetch it into a file",
        FileError::Local { .. } => "is it there, is there room, and may you read and write it?",
        _ => "`concierge doctor` looks at the way to the gateway",
    }
}

fn exit_of_rejection(rejection: &Rejection) -> Exit {
    match rejection {
        Rejection::UnknownName { .. } | Rejection::UnknownUuid { .. } | Rejection::UnknownService { .. } => {
            Exit::NotFound
        }
        _ => Exit::Rejected,
    }
}

/// An error and what is behind it, each sentence once.
pub(crate) fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let sentence = without_number(error);
        if !text.ends_with(&sentence) {
            text = format!("{text}: {sentence}");
        }
        source = error.source();
    }
    text
}

/// What the operating system said, without the number that says it again.
pub(crate) fn without_number(error: &dyn Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error ").map_or(text.clone(), |(sentence, _)| sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use concierge_client::Stage;

    use super::*;

    fn refused(code: CloseCode) -> Exit {
        Failure::from(ConnectError::Refused { code, reason: String::new() }).exit()
    }

    #[test]
    fn what_the_gateway_refuses_at_the_door_is_4() {
        for code in
            [CloseCode::DuplicateAuth, CloseCode::BadSecret, CloseCode::BadVersion, CloseCode::BadAuth]
        {
            assert_eq!(refused(code), Exit::NotAdmitted, "{code}");
        }
        assert_eq!(refused(CloseCode::GoingAway), Exit::Unreachable);
        assert_eq!(refused(CloseCode::AuthFailed), Exit::TimedOut);
    }

    #[test]
    fn no_connection_is_3_and_none_in_time_is_5() {
        let timeout = ConnectError::Timeout { stage: Stage::Connect, after: Duration::from_secs(1) };
        assert_eq!(Failure::from(timeout).exit(), Exit::TimedOut);
        let refused = ConnectError::Unreachable {
            address: "127.0.0.1:1".parse().unwrap(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        };
        let failure = Failure::from(refused);
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert_eq!(failure.message(), "cannot connect to 127.0.0.1:1: connection refused");
        assert!(failure.hinted().is_some());
        assert_eq!(
            Failure::from(ConnectError::Http { status: 404, retry_after: None }).exit(),
            Exit::Unreachable
        );
    }

    #[test]
    fn a_no_is_1_and_nobody_there_is_6() {
        let exit = |rejection: Rejection| Failure::from(CallError::from(rejection)).exit();
        assert_eq!(exit(Rejection::Refused { desc: None }), Exit::Rejected);
        assert_eq!(exit(Rejection::Unsupported), Exit::Rejected);
        assert_eq!(exit(Rejection::Protocol { desc: "x".into() }), Exit::Rejected);
        assert_eq!(exit(Rejection::Internal { desc: "x".into() }), Exit::Rejected);
        assert_eq!(exit(Rejection::UnknownName { name: "x".into() }), Exit::NotFound);
        assert_eq!(exit(Rejection::UnknownService { service: "x".into() }), Exit::NotFound);
    }

    #[test]
    fn a_lost_connection_is_7_and_no_answer_in_time_is_5() {
        let cause = CloseCause::Lost { detail: "reset".into() };
        for wire in [Wire::NotSent, Wire::MaybeSent] {
            assert_eq!(Failure::from(CallError::Lost { wire, cause: cause.clone() }).exit(), Exit::Lost);
        }
        assert_eq!(Failure::from(CallError::Closed { cause }).exit(), Exit::Lost);
        let timeout = CallError::Timeout { after: Duration::from_secs(1) };
        assert_eq!(Failure::from(timeout).exit(), Exit::TimedOut);
    }

    #[test]
    fn a_closed_pipe_is_a_quiet_success() {
        let failure = Failure::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit(), failure.message()), (Exit::Done, ""));
        let failure = Failure::from(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert_eq!(failure.exit(), Exit::LocalIo);
    }
}
