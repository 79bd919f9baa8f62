//! `raw`: the wire by hand. Lines of the input go out as they are, what comes in goes out as it is.

use clap::Args;
use concierge_client::{CloseCause, CloseCode, RawConnection, Received};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::{
    limits::{Limits, Progress},
    stream::at,
};
use crate::{
    console::Console,
    exit::Exit,
    failure::Failure,
    input::Lines,
    output::{Output, escape_json},
    settings::Settings,
};

const EXAMPLES: &str = r#"Examples:
  concierge raw < payloads.ndjson
  concierge raw -n 2 < payloads.ndjson

Nothing is added: the first payload must be IDENTIFY, such as {"type":"IDENTIFY","name":"eve","version":"0.2.0","tags":[]}. At the end of the input, it ends when everything is answered."#;

/// `raw`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RawArgs {
    /// When to end
    #[command(flatten)]
    pub limits: Limits,
}

/// Copies payloads both ways, until everything is answered and there is nothing more to send, or until a limit.
pub(crate) async fn run(
    RawArgs { limits }: RawArgs,
    settings: &Settings,
    output: &Output,
    console: &mut Console,
) -> Result<(), Failure> {
    let Some(input) = console.stdin.take() else {
        return Err(Failure::local("there is no input to send"));
    };
    let url = settings.url_or_default();
    let connection = RawConnection::connect(&url, settings.timeout).await;
    let connection = connection.map_err(|error| Failure::from(error).about(&url))?;
    let (mut outgoing, mut incoming) = connection.split();
    if console.terminals.stdin {
        output.note("connected; the first payload must be IDENTIFY, Ctrl-D ends");
    }
    let mut lines = Lines::start("the input", input);
    let mut more = true;
    let mut unanswered = 0_u64;
    let mut progress = Progress::start(limits, Instant::now());
    // Once nothing more is sent, answers have as long as anywhere else.
    let mut patience = None;
    while (more || unanswered > 0) && !progress.is_over(Instant::now()) {
        tokio::select! {
            line = lines.next(), if more => match line? {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    unanswered += 1;
                    if outgoing.send(line).await.is_err() {
                        // What the gateway said before it closed is still to be read, its reason too.
                        more = false;
                    }
                }
                None => {
                    more = false;
                    patience = Instant::now().checked_add(settings.timeout);
                }
            },
            received = incoming.receive() => match received {
                Received::Text(text) => {
                    show(&text, output)?;
                    unanswered = unanswered.saturating_sub(u64::from(is_answer(&text)));
                    progress.count(Instant::now(), || text.clone()).await;
                    if let Some(trouble) = progress.take_trouble() {
                        output.note(&format!("{trouble}; a payload that an expression does not fit counts as not true"));
                    }
                }
                Received::Closed(cause) => return ended(&cause, output),
                _ => output.note("the gateway sent a binary message"),
            },
            () = at(progress.ends_at()) => break,
            () = at(patience) => {
                let message = format!("{unanswered} payloads were not answered within {} s", settings.timeout.as_secs_f32());
                return Err(Failure::new(Exit::TimedOut, message));
            }
        }
    }
    outgoing.close().await;
    progress.end()
}

/// A payload as it came; on a terminal, without what would act on it.
fn show(text: &str, output: &Output) -> Result<(), Failure> {
    if output.is_terminal() {
        return output.text(&(escape_json(text).into_owned() + "\n"));
    }
    output.text(&format!("{text}\n"))
}

/// Whether it answers something: `HELLO`, or whatever has a sequence number.
fn is_answer(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        r#type: Option<String>,
        #[serde(default)]
        seq: Option<IgnoredAny>,
    }
    serde_json::from_str::<Head>(text)
        .is_ok_and(|head| head.seq.is_some() || head.r#type.as_deref() == Some("HELLO"))
}

fn ended(cause: &CloseCause, output: &Output) -> Result<(), Failure> {
    if cause.code() == Some(CloseCode::Normal) {
        output.note("closed by the gateway");
        return Ok(());
    }
    Err(cause.clone().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_what_comes_unasked() {
        assert!(is_answer(r#"{"type":"HELLO","uuid":"x"}"#));
        assert!(is_answer(r#"{"seq":0,"type":"OK"}"#));
        assert!(!is_answer(r#"{"type":"CLIENT_JOINED","client":{}}"#));
        assert!(!is_answer("nonsense"));
    }
}
