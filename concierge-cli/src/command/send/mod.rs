//! `send`: a message, or many, done when the gateway has answered each. What is sent is read in `payload.rs`, filled in by
//! `template.rs` and handed out by `messages.rs`; many at a time are sent by `many.rs`.

mod many;
mod messages;
mod payload;
mod template;

pub(super) use payload::{payload, read_ahead, text_of_file, whole_input};

use std::time::Duration;

use clap::Args;
use concierge_client::payload::{Data, Rejection, SendMessage, Target};

use self::messages::Messages;
use super::{Context, Place, membership::Membership, missing::explain};
use crate::{
    failure::Failure,
    grammar::{parse_span, parse_target},
    link::{CallFailure, Link},
    output::Sent,
};

const EXAMPLES: &str = r#"Examples:
  concierge send bob '{"text": "hi"}'    # JSON, byte for byte
  concierge send all text=hello n:=1     # the object {"text":"hello","n":1}
  concierge send @bob good morning       # other text is sent as a JSON string
  concierge send bob @message.json       # from a file
  date | concierge send bob -            # from the input
  concierge send svc:chat hello --subscribe
  concierge send bob 'n:={{ n }}' at={{now}} --template -n 3 --interval 1s
  seq 100 | concierge send bob --each-line

To a service, only its owner and its subscribers may send: --subscribe makes this client one for as long as it takes. Of several
messages some are on their way at a time, in order; the first that fails is the last but for those. In the REPL, `@bob hi` and
`#chat {"text":"hi"}` are short for `send`."#;

/// `send`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SendArgs {
    /// Whom to: `bob` or `@bob`, a uuid, `svc:NAME`, `svc:NAME/UUID`, `all`
    #[arg(value_parser = parse_target)]
    pub target: Target,
    /// JSON, `key=value key:=json`, plain text, `@FILE`, or `-` for the input
    #[arg(allow_negative_numbers = true)]
    pub payload: Vec<String>,
    /// Subscribe to the service meanwhile, unless this client does or owns it
    #[arg(long)]
    pub subscribe: bool,
    /// How many, and how often
    #[command(flatten)]
    pub repeats: Repeats,
}

/// How many messages are sent, and how they differ.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Several messages")]
pub(crate) struct Repeats {
    /// Send this many; at most, with --each-line
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Wait this long between two; without -n, until it is interrupted
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub interval: Option<Duration>,
    /// Fill in {{ n }}, {{uuid}} and {{now}} in the payload, anew for each message
    #[arg(long)]
    pub template: bool,
    /// Send each line of the input, or of @FILE, as a message
    #[arg(long)]
    pub each_line: bool,
    /// Go on after a message that failed; exit with 9 if others were sent
    #[arg(long)]
    pub keep_going: bool,
}

impl SendArgs {
    /// One message.
    pub(crate) fn one(target: Target, payload: Vec<String>) -> Self {
        Self { target, payload, subscribe: false, repeats: Repeats::default() }
    }

    /// Whether the payload is read while messages are sent, and not before.
    pub(crate) fn reads_for_itself(&self) -> bool {
        self.repeats.template || self.repeats.each_line
    }

    /// Whether there may be more than one message.
    pub(crate) fn is_many(&self) -> bool {
        let Repeats { count, interval, each_line, keep_going, .. } = self.repeats;
        count.is_some() || interval.is_some() || each_line || keep_going
    }

    /// What is wrong whatever the gateway says.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.subscribe && !matches!(self.target, Target::Service { .. }) {
            return Err(Failure::usage("--subscribe is for what is sent to a service")
                .hint("only a service's owner may send to one of its clients: svc:NAME/UUID"));
        }
        Messages::check(&self.payload, &self.repeats)
    }
}

pub(super) async fn send(arguments: SendArgs, context: &Context<'_>) -> Result<(), Failure> {
    arguments.check()?;
    let mut messages = Messages::open(&arguments.payload, &arguments.repeats, context).await?;
    let membership = match &arguments.target {
        Target::Service { service } if arguments.subscribe => {
            Some(Membership::join(service, context.link).await?)
        }
        _ => None,
    };
    let result = if arguments.is_many() {
        many::send(messages, &arguments, context).await
    } else {
        match messages.next().await {
            Ok(Some(data)) => send_one(data?, arguments.target, context).await,
            Ok(None) => Ok(()),
            Err(failure) => Err(failure),
        }
    };
    if let Some(membership) = membership {
        membership.leave().await;
    }
    result
}

async fn send_one(data: Data, target: Target, context: &Context<'_>) -> Result<(), Failure> {
    match context.link.call(SendMessage::new(target.clone(), data)).await {
        Ok(_) => context.output.record(&Sent { target }),
        Err(error) => Err(refused(error, &target, context).await),
    }
}

/// Why a message was not taken. A bare no has only the reasons that the target leaves.
async fn refused(error: CallFailure, target: &Target, context: &Context<'_>) -> Failure {
    let Context { link, place, .. } = context;
    let failure = match error {
        CallFailure::Rejected(rejection @ Rejection::Refused { desc: None }) => {
            Failure::from(CallFailure::Rejected(rejection))
        }
        error => return explain(error, link).await,
    };
    match target {
        Target::Service { service } => {
            let message =
                format!("only the owner and the subscribers of {:?} may send to it", service.as_str());
            failure.because(&message).hint(how_to_subscribe(service.as_str(), *place, link))
        }
        Target::ServiceClientUuid { service, .. } => failure
            .because(&format!("only the owner of {:?} may send to one client in its name", service.as_str())),
        _ => failure,
    }
}

fn how_to_subscribe(service: &str, place: Place<'_>, link: &Link) -> String {
    let meanwhile = "--subscribe subscribes for as long as it takes";
    match (place, link.session()) {
        (Place::Session(_), _) => format!("subscribe first: listen '{service}'; or {meanwhile}"),
        (Place::Shell { .. }, Some(session)) => {
            format!("{meanwhile}; to stay: concierge --session {session} listen '{service}' --keep")
        }
        (Place::Shell { .. }, None) => meanwhile.to_owned(),
    }
}
