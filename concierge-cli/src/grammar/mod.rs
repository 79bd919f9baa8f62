//! What people type: how a line splits into words, and what a word means as a target, a payload, a time span. Pure: text in,
//! values out; files and pipes that a payload names are read by `command/`.

mod payload;
mod reference;
mod remote;
mod span;
mod target;
mod unclosed;
mod words;

pub(crate) use payload::{PayloadError, PayloadSource, is_assignment, json_or_text};
pub(crate) use reference::{Reference, name_at};
pub(crate) use remote::{Remote, RemotePlace, parse_remote, parse_remote_path, steps};
pub(crate) use span::parse_span;
pub(crate) use target::{parse_target, write_target};
pub(crate) use unclosed::Unclosed;
pub(crate) use words::{Operator, SplitError, Word, first, is_comment, split, split_text};

use std::{borrow::Cow, str::FromStr};

use concierge_client::payload::{InvalidName, ServiceName};

/// The text a word stands for: a JSON string stands for what is in it, so that `"söö x"` can be typed wherever a name goes.
pub(crate) fn text(word: &str) -> Cow<'_, str> {
    if word.starts_with('"')
        && let Ok(string) = serde_json::from_str::<String>(word)
    {
        return Cow::Owned(string);
    }
    Cow::Borrowed(word)
}

/// Reads a name, a nickname or a tag, which may be written as a JSON string.
pub(crate) fn parse_name<N: FromStr<Err = InvalidName>>(word: &str) -> Result<N, InvalidName> {
    text(word).parse()
}

/// A service may be written with the mark it has as a target.
pub(crate) fn parse_service(word: &str) -> Result<ServiceName, InvalidName> {
    let name = word.strip_prefix("svc:").or_else(|| word.strip_prefix('#')).unwrap_or(word);
    parse_name(name)
}
