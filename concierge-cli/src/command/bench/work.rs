//! What each connection of a run does: it sends when its turn has come, and hears what the gateway answers and delivers.

use std::{
    borrow::Cow,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use concierge_client::{RawConnection, RawError, RawReceiver, RawSender, Received};
use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::{
    member::part,
    run::{Run, recorder},
    stamp::{Stamp, Template},
};
use crate::failure::Failure;

/// How many messages are written at most before they are sent.
const BATCH: u32 = 64;

/// What a connection is there for.
#[derive(Debug)]
pub(super) enum Part {
    /// Sends, and hears the answers.
    Sender(Template),
    /// Sends, and hears the answers and what comes back.
    Requester(Template),
    /// Hears what is delivered, as the receiver of this number.
    Receiver(usize),
    /// Sends back what is delivered.
    Responder,
}

/// As much of a payload as a run looks at.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(borrow, default)]
    origin: Option<Origin<'a>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Origin<'a> {
    #[serde(borrow)]
    uuid: Cow<'a, str>,
}

/// Plays a part until told to stop, and leaves.
pub(super) async fn work(
    run: Arc<Run>,
    lane: u64,
    part_of_it: Part,
    connection: RawConnection,
    stop: oneshot::Receiver<()>,
) {
    let (mut outgoing, mut incoming) = connection.split();
    let working = async {
        match &part_of_it {
            Part::Sender(template) => {
                let publishing = publish(&run, lane, template, &mut outgoing);
                let ((), ()) = tokio::join!(publishing, hear(&run, lane, None, &mut incoming));
            }
            Part::Requester(template) => {
                let publishing = publish(&run, lane, template, &mut outgoing);
                let ((), ()) = tokio::join!(publishing, hear(&run, lane, Some(0), &mut incoming));
            }
            Part::Receiver(number) => hear(&run, lane, Some(*number), &mut incoming).await,
            Part::Responder => respond(&run, &mut outgoing, &mut incoming).await,
        }
    };
    tokio::select! {
        biased;
        _ = stop => {}
        () = working => {}
    }
    part(&mut outgoing, &mut incoming).await;
}

/// Sends until nothing more is to be sent.
async fn publish(run: &Run, lane: u64, template: &Template, outgoing: &mut RawSender) {
    // Why it cannot send is told by what is received on the same connection.
    if try_publish(run, lane, template, outgoing).await.is_ok()
        && let Some(lane) = run.lane(lane)
    {
        lane.finished.store(true, Ordering::Release);
    }
}

async fn try_publish(
    run: &Run,
    lane_number: u64,
    template: &Template,
    outgoing: &mut RawSender,
) -> Result<(), RawError> {
    let Some(lane) = run.lane(lane_number) else { return Ok(()) };
    let (mut ready, mut written) = (run.now(), 0);
    for next in 0.. {
        if written == BATCH || !run.is_due(lane_number, next) {
            outgoing.flush().await?;
            (ready, written) = (run.now(), 0);
        }
        let Some(at) = run.turn(lane_number, next, ready).await else { break };
        let Some(number) = lane.send(at) else {
            run.fail(stuck());
            break;
        };
        let stamp = Stamp { run: run.id, lane: lane_number, number, at };
        outgoing.feed(template.write(stamp)).await?;
        (ready, written) = (run.now(), written + 1);
    }
    outgoing.flush().await
}

fn stuck() -> Failure {
    Failure::new(crate::exit::Exit::TimedOut, "the gateway takes messages and answers none of them")
}

/// Hears answers, and what is delivered to the receiver of this number, until the connection ends.
async fn hear(run: &Run, lane_number: u64, receiver: Option<usize>, incoming: &mut RawReceiver) {
    while let Some(text) = next_text(run, incoming).await {
        let Ok(head) = serde_json::from_str::<Head<'_>>(&text) else { continue };
        if head.seq.is_some() {
            answer(run, lane_number, &head.r#type, &text);
        } else if let Some((receiver, stamp)) = receiver.zip(delivered(run, &head)) {
            delivery(run, receiver, stamp);
        }
    }
}

/// The gateway has answered the oldest message of a lane.
fn answer(run: &Run, lane_number: u64, kind: &str, text: &str) {
    let Some(lane) = run.lane(lane_number) else { return };
    let Some(at) = lane.answered() else { return };
    let number = lane.answered.load(Ordering::Relaxed) + lane.refused.load(Ordering::Relaxed);
    let now = run.now();
    if kind == "OK" {
        if run.is_measured(lane_number, number, at) {
            run.answers.record(recorder(lane_number), now.saturating_sub(at));
            run.arrived(now);
        }
        lane.answered.fetch_add(1, Ordering::Release);
        lane.arrived(number);
    } else {
        run.refuse(text);
        lane.refused.fetch_add(1, Ordering::Release);
        if let Some(window) = &lane.window {
            window.refused(number);
        }
        lane.wake.notify_one();
    }
}

/// A message has reached a receiver.
fn delivery(run: &Run, receiver: usize, stamp: Stamp) {
    let Some(lane) = run.lane(stamp.lane) else { return };
    let Some(tally) = lane.tallies.get(receiver) else { return };
    if !tally.lock().unwrap_or_else(PoisonError::into_inner).see(stamp.number) {
        return;
    }
    if run.is_measured(stamp.lane, stamp.number, stamp.at) {
        let now = run.now();
        run.deliveries.record(receiver, now.saturating_sub(stamp.at));
        run.arrived(now);
    }
    lane.delivered.fetch_add(1, Ordering::Release);
    lane.arrived(stamp.number);
}

/// Sends back what is delivered, until the connection ends.
async fn respond(run: &Run, outgoing: &mut RawSender, incoming: &mut RawReceiver) {
    while let Some(text) = next_text(run, incoming).await {
        let mut text = Some(text);
        // What has arrived together is answered together.
        while let Some(request) = text {
            if let Some(response) = response(run, &request)
                && outgoing.feed(response).await.is_err()
            {
                break;
            }
            text = next_text(run, incoming).now_or_never().flatten();
        }
        // Why it cannot send is told by what is received on the same connection.
        let _ = outgoing.flush().await;
    }
}

fn response(run: &Run, text: &str) -> Option<String> {
    let head = serde_json::from_str::<Head<'_>>(text).ok()?;
    if head.seq.is_some() {
        if head.r#type != "OK" {
            run.refuse(text);
        }
        return None;
    }
    delivered(run, &head)?;
    let (origin, data) = (head.origin?, head.data?.get());
    let uuid = origin.uuid;
    Some(format!(r#"{{"type":"MESSAGE","target":{{"type":"UUID","uuid":"{uuid}"}},"data":{data}}}"#))
}

/// The stamp of a message of this run.
fn delivered(run: &Run, head: &Head<'_>) -> Option<Stamp> {
    if head.r#type != "MESSAGE" {
        return None;
    }
    Stamp::read(head.data?.get()).filter(|stamp| stamp.run == run.id)
}

/// The next text; none when the connection has ended, which ends the run.
async fn next_text(run: &Run, incoming: &mut RawReceiver) -> Option<String> {
    loop {
        match incoming.receive().await {
            Received::Text(text) => return Some(text),
            Received::Closed(cause) => {
                run.fail(Failure::from(cause));
                return None;
            }
            _ => {}
        }
    }
}
