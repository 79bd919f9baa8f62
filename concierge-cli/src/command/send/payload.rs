//! `send`: one message, done when the gateway has answered.

use std::{
    fs,
    io::{self, BufRead, Read},
    path::Path,
};

use clap::Args;
use concierge_client::payload::{Data, Rejection, SendMessage, Target};

use super::{Context, Place, missing::explain};
use crate::{
    failure::{Failure, without_number},
    grammar::{PayloadError, PayloadSource, json_or_text, parse_target},
    link::{CallFailure, Link},
    output::Sent,
};

const EXAMPLES: &str = r#"Examples:
  concierge send bob '{"text": "hi"}'    # JSON, byte for byte
  concierge send all text=hello n:=1     # the object {"text":"hello","n":1}
  concierge send @bob good morning       # other text is sent as a JSON string
  concierge send bob @message.json       # from a file
  date | concierge send bob -            # from the input

To a service, only its owner and its subscribers may send: in the REPL, in a script, or with --session, after `listen`. In
the REPL, `@bob hi` and `#chat {"text":"hi"}` are short for `send`."#;

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
}

/// The largest payload that is read from a file or the input, in bytes: what no gateway takes anyway.
const MAX_PAYLOAD: u64 = 64 << 20;

/// What can be given where nothing was.
const PAYLOADS_OR_INPUT: &str = "give a payload: JSON, key=value, text, or @FILE; or `-` for the input";

/// Reads the payload where the words say it is, so that what follows has it in one word.
pub(super) fn read_payload(
    words: &[String],
    typed: bool,
    input: Option<Box<dyn BufRead + Send>>,
) -> Result<Vec<String>, Failure> {
    let data = match (source(words)?, input) {
        (PayloadSource::Data(data), _) => data,
        (PayloadSource::File(path), _) => from_file(&path)?,
        // At a keyboard, waiting for input would look like a hang; `-` says that it is meant.
        (PayloadSource::Input, _) if typed && words.is_empty() => {
            return Err(no_payload().hint(PAYLOADS_OR_INPUT));
        }
        (PayloadSource::Input, Some(input)) => from_input(input)?,
        (PayloadSource::Input, None) => return Err(no_payload()),
    };
    Ok(vec![data.as_str().to_owned()])
}

/// The payload that is in the words, or in the file they name.
pub(super) fn payload(words: &[String]) -> Result<Data, Failure> {
    match source(words)? {
        PayloadSource::Data(data) => Ok(data),
        PayloadSource::File(path) => from_file(&path),
        PayloadSource::Input if words.is_empty() => Err(no_payload()),
        // What the input holds are the lines of the script, or what is typed.
        PayloadSource::Input => {
            Err(no_payload().because("`-` is for the shell: here the input holds commands"))
        }
    }
}

pub(super) async fn send(arguments: SendArgs, context: &Context<'_>) -> Result<(), Failure> {
    let data = payload(&arguments.payload)?;
    let Context { link, output, place, .. } = context;
    match link.call(SendMessage::new(arguments.target.clone(), data)).await {
        Ok(_) => output.record(&Sent { target: arguments.target }),
        Err(CallFailure::Rejected(rejection @ Rejection::Refused { desc: None })) => {
            Err(refused(rejection, &arguments.target, *place, link))
        }
        Err(error) => Err(explain(error, link).await),
    }
}

/// A bare no has only the reasons that the target leaves.
fn refused(rejection: Rejection, target: &Target, place: Place<'_>, link: &Link) -> Failure {
    let failure = Failure::from(CallFailure::Rejected(rejection));
    match target {
        Target::Service { service } => {
            let message =
                format!("only the owner and the subscribers of {:?} may send to it", service.as_str());
            failure.because(&message).hint(match (place, link.session()) {
                (Place::Session(_), _) => format!("subscribe first: listen '{service}'"),
                (Place::Shell { .. }, Some(session)) => {
                    format!("stay subscribed: concierge --session {session} listen '{service}' --keep")
                }
                (Place::Shell { .. }, None) => {
                    "subscribe and send over one connection: in the REPL or in a script, `listen` first"
                        .to_owned()
                }
            })
        }
        Target::ServiceClientUuid { service, .. } => failure
            .because(&format!("only the owner of {:?} may send to one client in its name", service.as_str())),
        _ => failure,
    }
}

fn source(words: &[String]) -> Result<PayloadSource, Failure> {
    PayloadSource::parse(words).map_err(|error| match error {
        PayloadError::Json(_) => not_json(&error),
        _ => Failure::usage(error.to_string())
            .hint("text that looks like key=value can be sent as a JSON string: '\"a=b\"'"),
    })
}

fn not_json(error: &PayloadError) -> Failure {
    Failure::usage(error.to_string())
        .hint("JSON is quoted in a shell: '{\"a\": 1}'; text that is none starts with no {, [ or \"")
}

fn no_payload() -> Failure {
    Failure::usage("there is nothing to send").hint("give a payload: JSON, key=value, text, or @FILE")
}

fn from_file(path: &Path) -> Result<Data, Failure> {
    let name = path.display();
    let text = fs::File::open(path).and_then(read);
    let text =
        text.map_err(|error| Failure::local(format!("could not read {name}: {}", without_number(&error))))?;
    data(&text).map_err(|failure| failure.within(&name.to_string()))
}

fn from_input(input: Box<dyn BufRead + Send>) -> Result<Data, Failure> {
    let text = read(input);
    let text = text
        .map_err(|error| Failure::local(format!("could not read the input: {}", without_number(&error))))?;
    if text.is_empty() {
        return Err(no_payload().because("there is nothing to send: the input is empty"));
    }
    data(&text)
}

fn read(from: impl Read) -> io::Result<String> {
    let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
    let mut bytes = Vec::new();
    from.take(MAX_PAYLOAD + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_PAYLOAD {
        return Err(invalid(format!("it has more than {MAX_PAYLOAD} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8".to_owned()))
}

/// JSON as it is, other text as a JSON string without the line end at its end.
fn data(text: &str) -> Result<Data, Failure> {
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    json_or_text(text).map_err(|error| Failure::usage(error.to_string()))
}
