//! What of everything that arrives is shown to whoever sits at the prompt: all, nothing, or only some. What is not shown is counted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::Args;
use concierge_client::{Event, payload::ServiceName};
use uuid::Uuid;

use crate::{
    command::events::TYPES,
    grammar::{parse_service, text},
    output::{client_of, service_of},
    suggest::nearest,
};

const ONLY_EXAMPLES: &str = "\
Examples:
  only bob #chat        # what comes from bob, and what concerns #chat
  only MESSAGE          # messages
  only                  # everything again";

/// `only`
#[derive(Debug, Clone, Args)]
#[command(after_help = ONLY_EXAMPLES)]
pub(crate) struct OnlyArgs {
    /// A client (`bob`, a uuid), a service (`#chat`), or a type such as `MESSAGE`; without any, everything is shown
    #[arg(value_name = "PATTERN", value_parser = Pattern::parse)]
    pub patterns: Vec<Pattern>,
}

/// What is to be shown, and how many were not. It outlives a connection.
#[derive(Debug, Default)]
pub(crate) struct Filter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    muted: bool,
    only: Vec<Pattern>,
    hidden: u64,
}

/// What an event can be picked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Who sent it or is concerned by it.
    Client(String),
    /// The same, by id.
    Uuid(Uuid),
    /// The service that it came by or concerns.
    Service(ServiceName),
    /// Its type.
    Type(String),
}

impl Pattern {
    fn parse(word: &str) -> Result<Self, String> {
        if word.starts_with('#') || word.starts_with("svc:") {
            return parse_service(word).map(Self::Service).map_err(|error| error.to_string());
        }
        if let Some(name) = word.strip_prefix('@') {
            return Ok(Self::Client(text(name).into_owned()));
        }
        if TYPES.contains(&word) {
            return Ok(Self::Type(word.to_owned()));
        }
        if let Some(uuid) = (word.len() == 36).then(|| Uuid::try_parse(word).ok()).flatten() {
            return Ok(Self::Uuid(uuid));
        }
        // A client could be called like that, but a slip is what it is.
        if word.contains('_') && !word.contains(char::is_lowercase) {
            let meant = nearest(word, TYPES.iter().copied()).map(|meant| format!("; did you mean {meant}?"));
            return Err(format!("there is no type {word:?}{}", meant.unwrap_or_default()));
        }
        Ok(Self::Client(text(word).into_owned()))
    }

    fn fits(&self, event: &Event) -> bool {
        match self {
            Self::Client(name) => client_of(event).is_some_and(|(other, _)| other.as_str() == name),
            Self::Uuid(uuid) => client_of(event).is_some_and(|(_, other)| other == *uuid),
            Self::Service(name) => service_of(event) == Some(name),
            Self::Type(kind) => event.kind() == Some(kind),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Client(name) => write!(formatter, "@{name}"),
            Self::Uuid(uuid) => write!(formatter, "{uuid}"),
            Self::Service(name) => write!(formatter, "#{name}"),
            Self::Type(kind) => write!(formatter, "{kind}"),
        }
    }
}

impl Filter {
    /// Whether an event is to be shown; one that is not counts. What happens to the connection is always shown.
    pub(crate) fn takes(&self, event: &Event) -> bool {
        if event.kind().is_none() {
            return true;
        }
        let mut state = self.lock();
        let takes = !state.muted && (state.only.is_empty() || state.only.iter().any(|only| only.fits(event)));
        state.hidden += u64::from(!takes);
        takes
    }

    /// Shows nothing from now on. What is said to that.
    pub(crate) fn mute(&self) -> String {
        let mut state = self.lock();
        if std::mem::replace(&mut state.muted, true) {
            return format!("muted already; {} so far", events(state.hidden, "not shown"));
        }
        "muted: what arrives is counted, not shown; `unmute` shows it again".to_owned()
    }

    /// Shows again.
    pub(crate) fn unmute(&self) -> String {
        let mut state = self.lock();
        if !std::mem::take(&mut state.muted) {
            return "not muted".to_owned();
        }
        let hidden = std::mem::take(&mut state.hidden);
        let shown =
            if state.only.is_empty() { "shown again" } else { "shown again, as far as `only` lets it" };
        format!("what arrives is {shown}; {} meanwhile", events(hidden, "not shown"))
    }

    /// Shows only what fits one of these; everything, when there are none.
    pub(crate) fn only(&self, patterns: Vec<Pattern>) -> String {
        let mut state = self.lock();
        let hidden = std::mem::take(&mut state.hidden);
        let before = std::mem::replace(&mut state.only, patterns);
        let muted = if state.muted { ", once it is unmuted" } else { "" };
        match (before.is_empty(), state.only.is_empty()) {
            (_, false) => {
                format!("only {} from now on{muted}; `only` alone shows everything", list(&state.only))
            }
            (false, true) => {
                format!("everything is shown again{muted}; {} meanwhile", events(hidden, "not shown"))
            }
            (true, true) => format!("everything is shown{muted}; `only PATTERN…` picks"),
        }
    }

    /// What is not as usual, for the prompt.
    pub(crate) fn remark(&self) -> Option<String> {
        let state = self.lock();
        match state.only.as_slice() {
            _ if state.muted => Some("muted".to_owned()),
            [] => None,
            [only] => Some(format!("only {only}")),
            [_, ..] => Some("only some".to_owned()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn list(patterns: &[Pattern]) -> String {
    patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn events(count: u64, what: &str) -> String {
    match count {
        0 => format!("nothing was {what}"),
        1 => format!("one event was {what}"),
        count => format!("{count} events were {what}"),
    }
}

#[cfg(test)]
mod tests {
    use concierge_client::payload::{Client, Tags};

    use super::*;

    fn joined(name: &str) -> Event {
        let (name, uuid) = (name.parse().unwrap(), Uuid::from_u128(1));
        Event::ClientJoined { client: Client { name, nickname: None, uuid, tags: Tags::default() } }
    }

    fn pattern(word: &str) -> Pattern {
        Pattern::parse(word).unwrap()
    }

    #[test]
    fn what_is_muted_is_counted() {
        let filter = Filter::default();
        assert!(filter.takes(&joined("bob")));
        assert!(filter.mute().starts_with("muted: "));
        assert_eq!(filter.remark().as_deref(), Some("muted"));
        assert!(!filter.takes(&joined("bob")));
        assert!(!filter.takes(&joined("bob")));
        assert!(filter.takes(&Event::Lagged { missed: 3 }), "what happens to the connection is shown");
        assert_eq!(filter.unmute(), "what arrives is shown again; 2 events were not shown meanwhile");
        assert_eq!(filter.unmute(), "not muted");
        assert_eq!(filter.remark(), None);
    }

    #[test]
    fn only_some_can_be_shown() {
        let filter = Filter::default();
        assert!(
            filter.only(vec![pattern("bob"), pattern("#chat")]).starts_with("only @bob, #chat from now on")
        );
        assert!(filter.takes(&joined("bob")));
        assert!(!filter.takes(&joined("alice")));
        assert_eq!(filter.only(vec![]), "everything is shown again; one event was not shown meanwhile");
        assert!(filter.takes(&joined("alice")));
    }

    #[test]
    fn a_pattern_is_what_it_looks_like() {
        assert_eq!(pattern("MESSAGE"), Pattern::Type("MESSAGE".into()));
        assert_eq!(pattern("@MESSAGE"), Pattern::Client("MESSAGE".into()));
        assert_eq!(pattern("svc:chat"), Pattern::Service("chat".parse().unwrap()));
        assert_eq!(pattern("41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d").to_string().len(), 36);
        let slip = Pattern::parse("CLIENT_JOIND").unwrap_err();
        assert_eq!(slip, "there is no type \"CLIENT_JOIND\"; did you mean CLIENT_JOINED?");
    }

    #[test]
    fn a_type_is_what_an_event_is_picked_by() {
        assert!(pattern("CLIENT_JOINED").fits(&joined("bob")));
        assert!(!pattern("MESSAGE").fits(&joined("bob")));
        assert!(pattern("00000000-0000-0000-0000-000000000001").fits(&joined("bob")));
    }
}
