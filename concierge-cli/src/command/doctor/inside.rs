//! What a gateway that let this client in says and does: what it grants, its limits, how long it takes to answer, and whether a
//! message comes back whole.

use std::time::{Duration, Instant};

use concierge_client::{
    Client, Data, Event, Events, Session, Target,
    files::FileError,
    payload::{Feature, Limits},
};

use super::check::Check;
use crate::{
    exit::Exit,
    failure::{Failure, with_sources},
    output::grouped,
};

/// How many round trips are taken.
const PINGS: usize = 5;

/// A round trip that takes longer is told.
const SLOW: Duration = Duration::from_millis(500);

/// The size of the message that is sent, in bytes of `data`: what every gateway takes, with room for what is around it.
const MESSAGE: usize = 60_000;

/// How long the file store may take to answer.
const STORE: Duration = Duration::from_secs(3);

/// The room around `data`.
const AROUND: usize = 512;

/// Asks and tries everything. `within` bounds each wait.
pub(super) async fn checks(client: &Client, events: Events, within: Duration) -> Vec<Check> {
    let session = client.session();
    vec![
        gateway(&session),
        limits(session.limits()),
        round_trip(client).await,
        message(client, events, &session, within).await,
        files(client, &session, within).await,
    ]
}

/// The same, of a gateway that was not reached.
pub(super) fn unreached() -> Vec<Check> {
    ["gateway", "limits", "round trip", "message", "files"]
        .map(|name| Check::skipped(name, "not reached"))
        .into()
}

fn gateway(session: &Session) -> Check {
    let protocol = &session.hello.version;
    let server = session.server().unwrap_or("a gateway that does not say what it is");
    let told = format!("{server}, protocol {protocol}");
    if session.hello.features.is_none() {
        return Check::ok("gateway", format!("{told}; it knows no extensions, as the original one"));
    }
    let features: Vec<_> = session.features().iter().map(Feature::as_str).collect();
    let granted = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    Check::ok("gateway", format!("{told}; features: {granted}"))
}

fn limits(limits: Option<Limits>) -> Check {
    let Some(limits) = limits else {
        return Check::skipped(
            "limits",
            "the gateway tells none; messages of 65,536 bytes are assumed to be taken",
        );
    };
    let bound = |limit: Option<usize>| {
        limit.map_or_else(|| "any number of".to_owned(), |limit| grouped(limit as u64))
    };
    let told = format!(
        "messages of {} bytes, {} subscriptions, {} services",
        grouped(limits.message as u64),
        bound(limits.subscriptions),
        bound(limits.services),
    );
    Check::ok("limits", told)
}

/// The median of several.
async fn round_trip(client: &Client) -> Check {
    let mut times = Vec::new();
    for _ in 0..PINGS {
        match client.ping().await {
            Ok(time) => times.push(time),
            Err(error) => return Check::fail("round trip", &Failure::from(error)),
        }
    }
    times.sort_unstable();
    let (shortest, longest) =
        (times.first().copied().unwrap_or_default(), times.last().copied().unwrap_or_default());
    let median = times.get(PINGS / 2).copied().unwrap_or_default();
    let told = format!("median of {PINGS}, from {} to {}", shown(shortest), shown(longest));
    if median > SLOW {
        return Check::warn("round trip", told, "the gateway is far away, or busy").took(median);
    }
    Check::ok("round trip", told).took(median)
}

/// Whether there is a file store that this client can use. Not every gateway has one, and an original one has no lists.
async fn files(client: &Client, session: &Session, within: Duration) -> Check {
    const UNKNOWN: &str = "nothing is known of a file store here";
    let begin = Instant::now();
    let store = client.files().patience(within);
    let asked = tokio::time::timeout(within.min(STORE), store.list(session.name.as_str())).await;
    let is_promised = session.hello.fs_key.is_some();
    match asked {
        Ok(Ok(_)) => Check::ok("files", "clients can share files here").took(begin.elapsed()),
        Ok(Err(FileError::Unsupported)) => Check::skipped("files", "the gateway serves no files"),
        _ if !is_promised => Check::skipped("files", UNKNOWN),
        Ok(Err(error)) => {
            let hint = error.hint().unwrap_or("does something on the way let only WebSockets through?");
            Check::warn("files", with_sources(&error), hint)
        }
        Err(_) => Check::warn(
            "files",
            "the file store does not answer",
            "does something on the way let only WebSockets through?",
        ),
    }
}

/// A large message to this client itself, which is to come back as it was.
async fn message(client: &Client, mut events: Events, session: &Session, within: Duration) -> Check {
    let size = MESSAGE.min(session.message_limit().saturating_sub(AROUND));
    let begin = Instant::now();
    let sent = Data::from_value(&".".repeat(size.saturating_sub(2)));
    let failed = |failure: Failure| Check::fail("message", &failure).took(begin.elapsed());
    let data = match sent {
        Ok(data) => data,
        Err(error) => return failed(Failure::local(error.to_string())),
    };
    if let Err(error) = client.to(Target::Uuid { uuid: client.uuid() }).raw(data.clone()).await {
        return failed(error.into());
    }
    let own = client.uuid();
    let came = events.wait_for(within, |event| match event {
        Event::Message(message) if message.origin.uuid == own => Some(message.data.clone()),
        _ => None,
    });
    let size = grouped(size as u64);
    match came.await {
        Ok(came) if came == data => {
            Check::ok("message", format!("{size} bytes went out and came back whole")).took(begin.elapsed())
        }
        Ok(_) => failed(
            Failure::new(Exit::Unexpected, format!("a message of {size} bytes came back changed"))
                .hint("does something on the way change it?"),
        ),
        Err(error) => {
            let exit = match &error {
                concierge_client::WaitError::Timeout { .. } => Exit::TimedOut,
                _ => Exit::Lost,
            };
            failed(
                Failure::new(exit, format!("a message of {size} bytes did not come back: {error}"))
                    .hint("does something on the way limit the size of messages?"),
            )
        }
    }
}

fn shown(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}
