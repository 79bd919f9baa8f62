//! `request`: sends, and waits for what comes back.

use std::time::Duration;

use clap::Args;
use concierge_client::{
    Answered, Event, Question,
    payload::{Data, Message, Origin, SendMessage, Target},
};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Context,
    limits::{Expression, Limits},
    membership::Membership,
    missing::explain,
    send,
    stream::Stream,
};
use crate::{
    exit::Exit,
    failure::Failure,
    grammar::{parse_span, parse_target},
    output::{Record, Role, View, escape, json::object, json::with, summary},
};

const EXAMPLES: &str = r#"Examples:
  concierge request svc:weather '{"city": "Oslo"}'
  concierge request bob ping --plain --reply-timeout 10s
  concierge request svc:workers status --replies 3
  concierge request all 'who is there?' --idle 1s

The payload goes out as {"request":ID,"body":PAYLOAD}, and an answer is {"reply":ID,"body":…} or {"reply":ID,"error":…}: what the
SDK and `concierge serve` speak. With --plain it goes out as it is, and the next messages of whom it was sent to are the answers.
Too few in time: 5. An answer that is an error: 1."#;

/// `request`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RequestArgs {
    /// Whom to: `bob` or `@bob`, a uuid, `svc:NAME`, `svc:NAME/UUID`, `all`
    #[arg(value_parser = parse_target)]
    pub target: Target,
    /// JSON, `key=value key:=json`, plain text, `@FILE`, or `-` for the input
    #[arg(allow_negative_numbers = true)]
    pub payload: Vec<String>,
    /// Send the payload as it is, and take the next messages of whom it was sent to for the answers
    #[arg(long)]
    pub plain: bool,
    /// How many answers to wait for [default: 1; with --idle or --until as many as come]
    #[arg(long, value_name = "COUNT", help_heading = "Limits", value_parser = clap::value_parser!(u64).range(1..))]
    pub replies: Option<u64>,
    /// How long to wait for them
    #[arg(long, value_name = "TIME", default_value = "5s", help_heading = "Limits", value_parser = parse_span)]
    pub reply_timeout: Duration,
    /// End when no answer has come for this time; one at least must have come
    #[arg(long, value_name = "TIME", help_heading = "Limits", value_parser = parse_span)]
    pub idle: Option<Duration>,
    /// End after the answer for which this jq expression is true
    #[arg(long, value_name = "EXPR", help_heading = "Limits")]
    pub until: Option<Expression>,
    /// Exit with 8 unless this jq expression is true of an answer
    #[arg(long, value_name = "EXPR", help_heading = "Limits")]
    pub expect: Option<Expression>,
}

pub(super) async fn request(arguments: RequestArgs, context: &Context<'_>) -> Result<(), Failure> {
    let data = send::payload(&arguments.payload)?;
    let RequestArgs { target, plain, idle, until, expect, reply_timeout, .. } = arguments;
    let gathers = idle.is_some() || until.is_some();
    let wanted = arguments.replies.or(if gathers { None } else { Some(1) });
    let limits = Limits { count: wanted, span: Some(reply_timeout), idle, until, expect };
    // Before sending: an answer may be here before the gateway's own.
    let mut stream = Stream::claim(context, limits);
    let (answerers, joined) = answerers(&target, context).await?;
    let result = exchange(&mut stream, &target, data, plain, &answerers, context).await;
    if let Some(membership) = joined {
        membership.leave().await;
    }
    let refused = result?;
    let came = stream.progress().seen();
    let enough = wanted.unwrap_or(1);
    let reached = stream.progress().is_reached();
    let silence = stream.progress().silence();
    stream.end()?;
    if let Some(refused) = refused {
        return Err(refused);
    }
    if came < enough && !reached {
        return Err(too_few(came, enough, silence, reply_timeout, plain));
    }
    Ok(())
}

/// Fewer answers than were to come, because the time is up or none has come for long.
fn too_few(came: u64, enough: u64, silence: Option<Duration>, patience: Duration, plain: bool) -> Failure {
    let (span, option) = silence.map_or((patience, "--reply-timeout"), |silence| (silence, "--idle"));
    let seconds = span.as_secs_f32();
    let message = match (came, silence) {
        (0, _) => format!("no answer within {seconds} s"),
        (came, None) => format!("{came} of {enough} answers within {seconds} s"),
        (came, Some(_)) => format!("{came} of {enough} answers, and none for {seconds} s after that"),
    };
    let asks = if came > 0 || plain {
        "does the other side answer?"
    } else {
        "does the other side speak {\"request\":…,\"body\":…}? --plain asks one that does not;"
    };
    Failure::new(Exit::TimedOut, message).hint(format!("{asks} {option} waits longer"))
}

/// Sends, and shows the answers. The first one that is an error is told in the end.
async fn exchange(
    stream: &mut Stream<'_>,
    target: &Target,
    data: Data,
    plain: bool,
    answerers: &Answerers,
    context: &Context<'_>,
) -> Result<Option<Failure>, Failure> {
    let request = Uuid::new_v4();
    let data = if plain { data } else { question(request, &data)? };
    let begun = Instant::now();
    if let Err(error) = context.link.call(SendMessage::new(target.clone(), data)).await {
        return Err(explain(error, context.link).await);
    }
    stream.progress().keep_alive(Instant::now());
    let mut refused = None;
    while let Some(event) = stream.next().await? {
        let own = context.link.who().uuid;
        match answer(&event, plain, request, answerers, own) {
            Some((origin, outcome)) => {
                if let Err(error) = &outcome {
                    let message = format!("{} answered with an error: {error}", origin.name.as_str());
                    refused.get_or_insert(Failure::new(Exit::Rejected, message));
                }
                let request = if plain { None } else { Some(request) };
                stream.record(&Reply { request, origin, outcome, took: begun.elapsed() }).await?;
            }
            None => stream.pass_over(&event),
        }
        if matches!(event, Event::Disconnected { .. }) {
            let failure = Failure::new(Exit::Lost, "the connection was lost before the answer came");
            return Err(failure.hint("look whether it was done before asking again"));
        }
    }
    Ok(refused)
}

fn question(request: Uuid, body: &Data) -> Result<Data, Failure> {
    Data::from_value(&Question { request, body }).map_err(|error| Failure::usage(error.to_string()))
}

/// Whose messages are answers to a plain request.
#[derive(Debug, PartialEq, Eq)]
enum Answerers {
    /// Everybody's but this client's own.
    Others,
    Named(String),
    Known(Uuid),
}

/// Who will answer. A service is subscribed to meanwhile; unless it is this client's.
async fn answerers(
    target: &Target,
    context: &Context<'_>,
) -> Result<(Answerers, Option<Membership>), Failure> {
    match target {
        Target::Name { name } => Ok((Answerers::Named(name.to_string()), None)),
        Target::Uuid { uuid } | Target::ServiceClientUuid { uuid, .. } => Ok((Answerers::Known(*uuid), None)),
        Target::All => Ok((Answerers::Others, None)),
        Target::Service { service } => {
            let membership = Membership::join(service, context.link).await?;
            let is_own = membership.owner == context.link.who().uuid;
            let answerers = if is_own { Answerers::Others } else { Answerers::Known(membership.owner) };
            Ok((answerers, Some(membership)))
        }
    }
}

/// Who answers in an event, and what, if it is an answer.
fn answer(
    event: &Event,
    plain: bool,
    request: Uuid,
    answerers: &Answerers,
    own: Uuid,
) -> Option<(Origin, Result<Data, String>)> {
    let Event::Message(Message { origin, data, .. }) = event else { return None };
    if !plain {
        let answered = Answered::read(data).filter(|answered| answered.reply == request)?;
        return Some((origin.clone(), answered.into_result()));
    }
    let expected = match answerers {
        Answerers::Others => origin.uuid != own,
        Answerers::Named(name) => origin.name == **name,
        Answerers::Known(uuid) => origin.uuid == *uuid,
    };
    expected.then(|| (origin.clone(), Ok(data.clone())))
}

/// What came back.
#[derive(Debug, Clone)]
struct Reply {
    /// The request's own id, unless it was a plain one.
    request: Option<Uuid>,
    origin: Origin,
    outcome: Result<Data, String>,
    /// How long it took, from the moment the request was sent.
    took: Duration,
}

impl Reply {
    fn microseconds(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }
}

impl Record for Reply {
    fn object(&self) -> String {
        let head = object(
            "reply",
            &[
                ("request", json!(self.request)),
                ("origin", json!(self.origin)),
                ("took_us", json!(self.microseconds())),
            ],
        );
        match &self.outcome {
            // Byte for byte as it came.
            Ok(data) => format!("{},\"data\":{}}}", head.strip_suffix('}').unwrap_or(&head), data.as_str()),
            Err(error) => with(&head, &[("error", json!(error))]),
        }
    }

    fn human(&self, view: View) -> String {
        let name = view.palette.paint(Role::Client, &escape(&self.origin.name));
        let took = view.palette.paint(Role::Dim, &format!("({:.1} ms)", self.took.as_secs_f64() * 1000.0));
        match &self.outcome {
            Ok(data) => format!("{name}: {} {took}\n", summary(data)),
            Err(error) => {
                let error = view.palette.paint(Role::Error, &escape(error));
                format!("{name}: {error} {took}\n")
            }
        }
    }

    /// Whose it is (name and id), how many microseconds it took, what was answered, and what went wrong.
    fn rows(&self) -> Vec<Vec<String>> {
        let data = self.outcome.as_ref().map(|data| data.as_str().to_owned()).unwrap_or_default();
        let error = self.outcome.as_ref().err().cloned().unwrap_or_default();
        let (name, uuid) = (self.origin.name.to_string(), self.origin.uuid.to_string());
        vec![vec![name, uuid, self.microseconds().to_string(), data, error]]
    }

    fn raw(&self) -> Vec<String> {
        let data = self.outcome.iter();
        data.map(|data| data.parse().unwrap_or_else(|_| data.as_str().to_owned())).collect()
    }
}
