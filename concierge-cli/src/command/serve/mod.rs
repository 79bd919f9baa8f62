//! `serve`: opens a service, and answers what is sent to it. Messages wait and are answered at the `desk.rs`; what an answer is made
//! of is in `answer.rs`, programs are in `program.rs`, and what is told of each answer in `served.rs`.

mod answer;
mod desk;
mod opened;
mod program;
mod served;

use std::time::Duration;

use clap::{ArgGroup, Args};
use concierge_client::payload::ServiceName;

use self::{answer::Answerer, desk::Desk, opened::Opened};
use super::{
    Context,
    limits::Limits,
    stream::{Persistence, Stream},
};
use crate::{
    failure::Failure,
    grammar::{parse_service, parse_span},
    signals::FINISH,
};

const EXAMPLES: &str = "\
Examples:
  concierge serve echo --echo                          # until Ctrl-C
  concierge serve clock --exec date +%T                # until Ctrl-C
  concierge serve shout --jobs 8 --exec tr a-z A-Z     # until Ctrl-C
  concierge serve status -n 1 --reply state=up load:=0.5

An answer goes to whom the message came from. A request of the SDK or of `concierge request` is answered in its form, and is told
what went wrong; other messages are answered with what they are answered with, or not at all. Options of its own stand before
--exec: all that follows belongs to the program. It finds CONCIERGE_FROM_NAME, CONCIERGE_FROM_UUID and CONCIERGE_SERVICE in
its environment. After a signal what was begun is finished, for at most 5 seconds; a second signal ends it at once.";

/// How many answers that need no program are on their way at a time.
const AT_ONCE: usize = 32;

/// `serve`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("answer").required(true))]
pub(crate) struct ServeArgs {
    /// The service to open
    #[arg(value_parser = parse_service)]
    pub service: ServiceName,
    /// Answer with what was sent
    #[arg(long, group = "answer")]
    pub echo: bool,
    /// Answer with what a program writes, which is given the message on its input: no shell, and nothing written is no answer
    #[arg(long, group = "answer", value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
    pub exec: Option<Vec<String>>,
    /// Answer with this: JSON, `key=value key:=json`, plain text, `@FILE`, or `-` for the input
    #[arg(long, group = "answer", value_name = "PAYLOAD", num_args = 1.., allow_negative_numbers = true)]
    pub reply: Option<Vec<String>>,
    /// How many programs may run at a time
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: u16,
    /// How long a program may take for an answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_span)]
    pub answer_timeout: Duration,
    /// When to end
    #[command(flatten)]
    pub limits: Limits,
    /// What becomes of it when the connection is lost
    #[command(flatten)]
    pub persistence: Persistence,
}

pub(super) async fn serve(arguments: ServeArgs, context: &Context<'_>) -> Result<(), Failure> {
    let answerer = Answerer::of(&arguments)?;
    let ServeArgs { service, jobs, answer_timeout, limits, .. } = arguments;
    let pace = if answerer.runs_a_program() { (jobs.into(), answer_timeout) } else { (AT_ONCE, FINISH) };
    let most = limits.count;
    // Before opening: a message may come right behind the answer.
    let mut stream = Stream::claim(context, limits);
    let opened = Opened::open(service, context).await?;
    let mut desk = Desk::new(&opened.service, &answerer, context, pace, most);
    let result = desk.attend(&mut stream).await;
    context.output.note(&desk.summary());
    drop(desk);
    opened.close().await;
    match result? {
        Some(exit) => {
            // The signal is why it ends, whatever had been expected.
            let _ = stream.end();
            Err(Failure::silent(exit))
        }
        None => stream.end(),
    }
}
