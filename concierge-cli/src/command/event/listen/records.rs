//! What listening to events tells: the events, what may be missing between them, and what becomes of a subscription and of the connection.

use std::time::Duration;

use concierge_client::{
    payload::{Data, encode},
    telegraphy::{
        EventName, LiveEvent, Meta, Position, Transition,
        session::{Gap, GapCause},
    },
};
use serde::Serialize;
use serde_json::json;

use crate::output::{Palette, Record, Role, View, clock, escape, json::object, now, raw_text, summary};

/// Events may be missing.
pub(super) struct Missing {
    /// Of this name.
    pub event: EventName,
    /// Which, and why.
    pub gap: Gap,
}

/// A subscription is not what it was.
pub(super) struct Changed {
    /// To which event.
    pub event: EventName,
    /// What it is now.
    pub change: Change,
    /// Why, as the gateway says it.
    pub reason: Option<String>,
}

/// What has become of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Events come from now on.
    Active,
    /// The event is not registered any more; the subscription waits for it.
    Suspended,
    /// There is none any more.
    Ended,
}

/// The connection was lost.
pub(super) struct Away {
    /// How.
    pub message: String,
}

/// The connection is there again.
pub(super) struct Back {
    /// How long there was none.
    pub gap: Duration,
}

impl Record for LiveEvent<Data> {
    fn object(&self) -> String {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "EVENT")]
        struct Arrived<'a> {
            event: &'a EventName,
            meta: &'a Meta,
            data: &'a Data,
        }
        encode(&Arrived { event: &self.name, meta: &self.meta, data: &self.data })
    }

    fn human(&self, view: View) -> String {
        let Meta { event_type, transition, replay, redelivered, .. } = &self.meta;
        let name = view.palette.paint(Role::Service, &escape(&self.name));
        let mut said = event_type.as_deref().map(|kind| format!(" {}", escape(kind))).unwrap_or_default();
        if *transition == Some(Transition::Leave) {
            said += " (not wanted any more)";
        }
        if *redelivered == Some(true) {
            said += &view.palette.paint(Role::Dim, " (again)");
        } else if *replay == Some(true) {
            said += &view.palette.paint(Role::Dim, " (before)");
        }
        line(view, &format!("{name}{said}: {}", summary(&self.data)))
    }

    /// The time, the type, the event and what happened, its place in its log, and what it carries.
    fn rows(&self) -> Vec<Vec<String>> {
        let Meta { event_type, epoch, offset, .. } = &self.meta;
        let kind = event_type.as_deref().unwrap_or_default().to_owned();
        let place = epoch.clone().zip(*offset).map(|(epoch, offset)| Position { epoch, offset });
        vec![row("EVENT", &self.name, kind, place.as_ref(), self.data.as_str().to_owned())]
    }

    /// What it carries: a string as its text, anything else as the JSON it came as.
    fn raw(&self) -> Vec<String> {
        vec![raw_text(self.data.as_str())]
    }
}

impl Missing {
    fn why(&self) -> &'static str {
        match self.gap.cause {
            GapCause::Gateway => "gateway",
            GapCause::NotRecovered => "not_recovered",
            GapCause::Overflow => "overflow",
            _ => "unknown",
        }
    }
}

impl Record for Missing {
    fn object(&self) -> String {
        let Gap { after, until, .. } = &self.gap;
        object(
            "event_gap",
            &[
                ("event", json!(self.event)),
                ("cause", json!(self.why())),
                ("after", json!(after)),
                ("until", json!(until)),
            ],
        )
    }

    fn human(&self, view: View) -> String {
        let why = match self.gap.cause {
            GapCause::Gateway => "the gateway did not keep them, or this was too slow for it",
            GapCause::NotRecovered => "the gateway does not have all of them any more",
            GapCause::Overflow => "they came faster than they could be written",
            _ => "for a reason that this version does not know",
        };
        let place = match (&self.gap.after, &self.gap.until) {
            (Some(after), Some(until)) if after.epoch == until.epoch => {
                format!(" after {} until {}", after.offset, until.offset)
            }
            (Some(after), _) => format!(" after {}", after.offset),
            (None, Some(until)) => format!(" until {}", until.offset),
            (None, None) => String::new(),
        };
        let name = view.palette.paint(Role::Service, &escape(&self.event));
        line(view, &format!("{name}{}", painted(view.palette, &format!(" may lack events{place}: {why}"))))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![row("event_gap", &self.event, String::new(), self.gap.until.as_ref(), self.why().to_owned())]
    }

    /// It carries nothing.
    fn raw(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Change {
    fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
        }
    }
}

impl Record for Changed {
    fn object(&self) -> String {
        let fields = [
            ("event", json!(self.event)),
            ("state", json!(self.change.word())),
            ("reason", json!(self.reason)),
        ];
        object("event_subscription", &fields)
    }

    fn human(&self, view: View) -> String {
        let said = match self.change {
            Change::Active => "is there",
            Change::Suspended => "is not registered any more; waiting for it",
            Change::Ended => "is not for this session any more",
        };
        let reason =
            self.reason.as_deref().map(|reason| format!(" ({})", escape(reason))).unwrap_or_default();
        let name = view.palette.paint(Role::Service, &escape(&self.event));
        line(view, &format!("{name} {}", view.palette.paint(Role::Changed, &(said.to_owned() + &reason))))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let reason = self.reason.clone().unwrap_or_default();
        vec![row("event_subscription", &self.event, self.change.word().to_owned(), None, reason)]
    }

    fn raw(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Record for Away {
    fn object(&self) -> String {
        object("event_disconnected", &[("message", json!(self.message))])
    }

    fn human(&self, view: View) -> String {
        line(view, &painted(view.palette, &format!("{}; connecting again", escape(&self.message))))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        Vec::new()
    }

    fn raw(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Record for Back {
    fn object(&self) -> String {
        object("event_reconnected", &[("gap_ms", json!(self.gap.as_millis()))])
    }

    fn human(&self, view: View) -> String {
        let gap = self.gap.as_secs_f64();
        line(view, &view.palette.paint(Role::Joined, &format!("connected again after {gap:.1} s")))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        Vec::new()
    }

    fn raw(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A line for people, with the time before it.
fn line(view: View, text: &str) -> String {
    format!("{} {text}\n", view.palette.paint(Role::Dim, &clock()))
}

fn painted(palette: Palette, text: &str) -> String {
    palette.paint(Role::Error, text)
}

fn row(kind: &str, event: &EventName, what: String, place: Option<&Position>, said: String) -> Vec<String> {
    let (epoch, offset) =
        place.map(|place| (place.epoch.to_string(), place.offset.to_string())).unwrap_or_default();
    vec![now(), kind.to_owned(), event.to_string(), what, epoch, offset, said]
}
