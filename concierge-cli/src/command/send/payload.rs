//! Reading payloads: from words, a file or the input.

use std::{
    fs,
    io::{self, BufRead, Read},
    path::Path,
};

use concierge_client::payload::Data;

use crate::{
    console::Console,
    failure::{Failure, without_number},
    grammar::{PayloadError, PayloadSource, json_or_text},
};

/// The largest payload that is read from a file or the input, in bytes: what no gateway takes anyway.
const MAX_PAYLOAD: u64 = 64 << 20;

/// What can be given where nothing was.
const PAYLOADS_OR_INPUT: &str = "give a payload: JSON, key=value, text, or @FILE; or `-` for the input";

/// Reads the payload of a command of the shell before anything else is done, so that what follows has it in one word.
pub(in crate::command) async fn read_ahead(
    payload: &mut Vec<String>,
    console: &mut Console,
) -> Result<(), Failure> {
    let (words, typed, input) = (payload.clone(), console.terminals.stdin, console.stdin.take());
    // On a thread for that: whoever waits for the end of the input can still be interrupted.
    let reading = tokio::task::spawn_blocking(move || read_payload(&words, typed, input));
    let unread = |error| Failure::local(format!("could not read the payload: {error}"));
    *payload = reading.await.map_err(unread)??;
    Ok(())
}

/// Reads the payload where the words say it is.
fn read_payload(
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
        (PayloadSource::Input, Some(input)) => read_text(&text_of_input(input)?)?,
        (PayloadSource::Input, None) => return Err(no_payload()),
    };
    Ok(vec![data.as_str().to_owned()])
}

/// The payload that is in the words, or in the file they name.
pub(in crate::command) fn payload(words: &[String]) -> Result<Data, Failure> {
    match source(words)? {
        PayloadSource::Data(data) => Ok(data),
        PayloadSource::File(path) => from_file(&path),
        PayloadSource::Input => Err(not_here(words)),
    }
}

/// There is no payload where these words say it is: what the input holds are the lines of the script, or what is typed.
pub(super) fn not_here(words: &[String]) -> Failure {
    if words.is_empty() {
        return no_payload();
    }
    no_payload().because("`-` is for the shell: here the input holds commands")
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

pub(super) fn from_file(path: &Path) -> Result<Data, Failure> {
    read_text(&text_of_file(path)?).map_err(|failure| failure.within(&path.display().to_string()))
}

pub(in crate::command) fn text_of_file(path: &Path) -> Result<String, Failure> {
    let text = fs::File::open(path).and_then(read);
    text.map_err(|error| {
        Failure::local(format!("could not read {}: {}", path.display(), without_number(&error)))
    })
}

/// All of the input.
pub(in crate::command) async fn whole_input(input: Box<dyn BufRead + Send>) -> Result<String, Failure> {
    // On a thread for that: whoever waits for the end of the input can still be interrupted.
    let reading = tokio::task::spawn_blocking(move || read_input(input));
    reading.await.map_err(|error| Failure::local(format!("could not read the input: {error}")))?
}

fn read_input(input: Box<dyn BufRead + Send>) -> Result<String, Failure> {
    read(input)
        .map_err(|error| Failure::local(format!("could not read the input: {}", without_number(&error))))
}

pub(super) fn text_of_input(input: Box<dyn BufRead + Send>) -> Result<String, Failure> {
    let text = read_input(input)?;
    if text.is_empty() {
        return Err(no_payload().because("there is nothing to send: the input is empty"));
    }
    Ok(text)
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
pub(super) fn read_text(text: &str) -> Result<Data, Failure> {
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    json_or_text(text).map_err(|error| Failure::usage(error.to_string()))
}
