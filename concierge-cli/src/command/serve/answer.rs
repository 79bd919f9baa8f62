//! What a service answers with: what was sent, always the same, or what a program writes.

use concierge_client::payload::{Data, Origin, ServiceName};

use super::{ServeArgs, program::Program};
use crate::{command::send, failure::Failure};

/// What becomes of a message: an answer, none, or what went wrong.
pub(super) type Outcome = Result<Option<Data>, String>;

/// Who makes answers.
#[derive(Debug)]
pub(super) enum Answerer {
    /// What was sent is the answer.
    Echo,
    /// This is the answer.
    Reply(Data),
    /// A program makes it.
    Program(Program),
}

impl Answerer {
    /// The one that was asked for.
    pub(super) fn of(arguments: &ServeArgs) -> Result<Self, Failure> {
        if let Some(words) = &arguments.reply {
            return send::payload(words).map(Self::Reply);
        }
        match arguments.exec.as_deref() {
            Some([program, rest @ ..]) => {
                Ok(Self::Program(Program::new(program, rest, arguments.answer_timeout)))
            }
            _ => Ok(Self::Echo),
        }
    }

    /// Whether each answer is a process.
    pub(super) fn runs_a_program(&self) -> bool {
        matches!(self, Self::Program(_))
    }

    /// Makes an answer. The second is what a program told besides.
    pub(super) async fn answer(
        &self,
        body: &Data,
        origin: &Origin,
        service: &ServiceName,
    ) -> (Outcome, Option<String>) {
        match self {
            Self::Echo => (Ok(Some(body.clone())), None),
            Self::Reply(data) => (Ok(Some(data.clone())), None),
            Self::Program(program) => program.run(body, origin, service).await,
        }
    }
}
