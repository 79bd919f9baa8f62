//! `expect` and `assert`: what a script demands of what arrives, and of what it was told.

use std::collections::BTreeMap;

use concierge_client::Event;
use tokio::time::{Instant, timeout_at};

use super::{
    Ground,
    arrivals::{Arrivals, Next},
    command::AssertArgs,
};
use crate::{
    exit::Exit,
    failure::Failure,
    language::Condition,
    output::{Filter, Output, Record, client_of, json::document, service_of},
};

/// How many kinds of what came instead are told.
const MOST_TOLD: usize = 5;

/// How much of a value is told, in characters.
const MOST_SHOWN: usize = 400;

/// Waits for what is expected, which is then handed over as a result. All before it counts as seen.
pub(super) async fn expect(
    condition: &Condition,
    arrivals: &Arrivals,
    ground: &Ground,
    output: &Output,
) -> Result<(), Failure> {
    let filter = condition.filter.as_deref().map(|text| ground.filter(text)).transpose()?;
    let deadline = Instant::now() + condition.within;
    let there = arrivals.end();
    let mut number = 0;
    // Why the filter made nothing of an event: it says something only of those that it fits.
    let mut misfit = None;
    loop {
        let more = arrivals.more();
        tokio::pin!(more);
        more.as_mut().enable();
        match arrivals.next_from(number) {
            Next::Event(found, event) => {
                if is_meant(condition, &event) {
                    match is_true(filter.as_ref(), &document(&event.object())).await {
                        Ok(true) => {
                            arrivals.consume(found);
                            return output.was_written(&*event);
                        }
                        Ok(false) => {}
                        Err(failure) => misfit = Some(failure),
                    }
                }
                number = found + 1;
                // What had come when it began is looked at in any case.
                if number > there && Instant::now() > deadline {
                    return Err(missing(condition, &arrivals.all(), misfit.as_ref()));
                }
            }
            Next::Lost(count) => return Err(lost(count)),
            Next::Ended => return Err(Failure::new(Exit::Lost, "the connection has ended")),
            Next::Nothing => {
                if timeout_at(deadline, more).await.is_err() {
                    return Err(missing(condition, &arrivals.all(), misfit.as_ref()));
                }
            }
        }
    }
}

/// Fails unless a filter says that something is true of a value.
pub(super) async fn assert(arguments: &AssertArgs, ground: &Ground) -> Result<(), Failure> {
    let text = arguments.filter.join(" ");
    let value = ground.variables.last().ok_or_else(|| {
        Failure::usage("there is no last result to look at").hint("`assert` follows what it is about")
    })?;
    if is_true(Some(&ground.filter(&text)?), value).await? {
        return Ok(());
    }
    let shown: String = value.chars().take(MOST_SHOWN).collect();
    let rest = if shown.len() < value.len() { "…" } else { "" };
    Err(Failure::new(Exit::Unexpected, format!("`{text}` is not true of {shown}{rest}")))
}

/// As jq sees it: neither false nor null, and something at all.
async fn is_true(filter: Option<&Filter>, json: &str) -> Result<bool, Failure> {
    let Some(filter) = filter else { return Ok(true) };
    let results = filter.apply(json).await?;
    Ok(results.first().is_some_and(|first| first != "false" && first != "null"))
}

fn is_meant(condition: &Condition, event: &Event) -> bool {
    let kind = event.kind().unwrap_or_default();
    let by_kind = condition.kind.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind));
    let by_client = condition.client.as_ref().is_none_or(|wanted| {
        client_of(event)
            .is_some_and(|(name, uuid)| *name == **wanted || uuid.to_string().eq_ignore_ascii_case(wanted))
    });
    let by_service = condition.service.as_ref().is_none_or(|wanted| service_of(event) == Some(wanted));
    by_kind && by_client && by_service
}

fn lost(count: u64) -> Failure {
    Failure::new(Exit::Unexpected, format!("{count} events were given up since the last `expect`"))
        .hint("what was expected may have been among them: `expect` more often")
}

/// Nothing came that was expected: what was, and what came instead.
fn missing(condition: &Condition, arrived: &[Event], misfit: Option<&Failure>) -> Failure {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in arrived {
        let kind = event.kind().unwrap_or("another event");
        let whose = client_of(event).map(|(name, _)| format!(" from {name}")).unwrap_or_default();
        let place = service_of(event).map(|name| format!(" by {name}")).unwrap_or_default();
        *counts.entry(format!("{kind}{whose}{place}")).or_default() += 1;
    }
    let mut told: Vec<String> = counts
        .iter()
        .take(MOST_TOLD)
        .map(|(what, count)| if *count == 1 { what.clone() } else { format!("{count} × {what}") })
        .collect();
    if counts.len() > MOST_TOLD {
        told.push(format!("{} others", counts.len() - MOST_TOLD));
    }
    let instead =
        if told.is_empty() { "nothing came".to_owned() } else { format!("there was {}", told.join(", ")) };
    let wanted = describe(condition);
    let failure =
        Failure::new(Exit::Unexpected, format!("no {wanted} came within {:?}: {instead}", condition.within));
    match misfit {
        Some(misfit) => failure.hint(format!("the filter did not fit every event: {}", misfit.message())),
        None => failure,
    }
}

fn describe(condition: &Condition) -> String {
    let Condition { kind, client, service, filter, .. } = condition;
    let mut text = kind.clone().unwrap_or_else(|| "event".to_owned());
    let parts = [
        client.as_ref().map(|name| format!(" from {name}")),
        service.as_ref().map(|name| format!(" by {name}")),
        filter.as_ref().map(|filter| format!(" where {filter}")),
    ];
    parts.into_iter().flatten().for_each(|part| text.push_str(&part));
    text
}
