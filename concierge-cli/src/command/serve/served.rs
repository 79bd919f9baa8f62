//! What is told of a message that was answered.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use concierge_client::payload::{Data, Origin, ServiceName};
use serde_json::json;

use super::answer::Outcome;
use crate::output::{Record, Role, View, escape, json::object, json::with, summary};

/// A message, and what became of it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) service: ServiceName,
    /// Who sent it.
    pub(super) origin: Origin,
    /// Whether it was a request in the form of the SDK.
    pub(super) correlated: bool,
    pub(super) outcome: Outcome,
    /// What a program told besides: for the standard error.
    pub(super) notes: Option<String>,
    /// How long it took, from when it was its turn.
    pub(super) took: Duration,
}

/// What became of how many messages.
#[derive(Debug, Default)]
pub(super) struct Tally {
    answered: u64,
    failed: u64,
    /// Those for which there was nothing to answer.
    silent: u64,
    pub(super) turned_away: u64,
    /// Those that were begun, and left when the time was up.
    pub(super) unfinished: usize,
}

impl Tally {
    pub(super) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(Some(_)) => self.answered += 1,
            Ok(None) => self.silent += 1,
            Err(_) => self.failed += 1,
        }
    }
}

impl Display for Tally {
    /// What never happened is not mentioned.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} answered", self.answered)?;
        let unfinished = self.unfinished as u64;
        for (count, what) in [
            (self.failed, "failed"),
            (self.silent, "without an answer"),
            (self.turned_away, "turned away"),
            (unfinished, "not finished in time"),
        ] {
            if count > 0 {
                write!(formatter, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

impl Served {
    fn microseconds(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }

    fn data(&self) -> Option<&Data> {
        self.outcome.as_ref().ok().and_then(Option::as_ref)
    }
}

impl Record for Served {
    fn object(&self) -> String {
        let head = object(
            "served",
            &[
                ("service", json!(self.service)),
                ("origin", json!(self.origin)),
                ("correlated", json!(self.correlated)),
                ("took_us", json!(self.microseconds())),
            ],
        );
        match &self.outcome {
            // Byte for byte as it went out.
            Ok(Some(data)) => {
                format!("{},\"data\":{}}}", head.strip_suffix('}').unwrap_or(&head), data.as_str())
            }
            Ok(None) => head,
            Err(error) => with(&head, &[("error", json!(error))]),
        }
    }

    fn human(&self, view: View) -> String {
        let palette = view.palette;
        let name = palette.paint(Role::Client, &escape(&self.origin.name));
        let took = palette.paint(Role::Dim, &format!("({:.1} ms)", self.took.as_secs_f64() * 1000.0));
        let answer = match &self.outcome {
            Ok(Some(data)) => summary(data),
            Ok(None) => palette.paint(Role::Dim, "no answer"),
            Err(error) => palette.paint(Role::Error, &escape(error)),
        };
        format!("to {name}: {answer} {took}\n")
    }

    /// The service, who asked (name and id), whether it was a request, how many microseconds it took, the answer, and what went wrong.
    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![
            self.service.to_string(),
            self.origin.name.to_string(),
            self.origin.uuid.to_string(),
            self.correlated.to_string(),
            self.microseconds().to_string(),
            self.data().map(|data| data.as_str().to_owned()).unwrap_or_default(),
            self.outcome.as_ref().err().cloned().unwrap_or_default(),
        ]]
    }

    fn raw(&self) -> Vec<String> {
        let text = |data: &Data| data.parse().unwrap_or_else(|_| data.as_str().to_owned());
        self.data().map(text).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_counted_and_what_did_not_is_not_mentioned() {
        let mut tally = Tally::default();
        assert_eq!(tally.to_string(), "0 answered");
        for outcome in [Ok(None), Err("oh".to_owned()), Ok(Some(Data::from_json("1").unwrap()))] {
            tally.count(&outcome);
        }
        tally.unfinished = 2;
        assert_eq!(tally.to_string(), "1 answered, 1 failed, 1 without an answer, 2 not finished in time");
    }
}
