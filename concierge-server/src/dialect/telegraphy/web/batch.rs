//! Many events in one body.

use concierge_client::telegraphy::web::{MAX_BATCH, Problem, ProblemStatus};
use serde_json::value::RawValue;

use super::read::{is_blank, read};

/// Each event of a JSON array, unread.
pub(super) fn array(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    if !body.trim_ascii_start().starts_with(b"[") {
        // Whether it is JSON at all is the more important thing to say.
        read::<serde::de::IgnoredAny>(body)?;
        return Err(Problem::new(ProblemStatus::InvalidMessage, "expected an array of events").at(""));
    }
    let items: Vec<&RawValue> = read(body)?;
    bounded(items.into_iter().map(|item| item.get().as_bytes()).collect())
}

/// Each line that has something on it.
pub(super) fn lines(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    bounded(body.split(|byte| *byte == b'\n').filter(|line| !is_blank(line)).take(MAX_BATCH + 1).collect())
}

fn bounded(items: Vec<&[u8]>) -> Result<Vec<&[u8]>, Problem> {
    if items.len() > MAX_BATCH {
        let message = format!("a batch has at most {MAX_BATCH} events");
        return Err(Problem::new(ProblemStatus::TooLarge, message));
    }
    Ok(items)
}
