//! When a stream ends by itself, and what it must have shown by then. Pure: records and the time come in, verdicts go out; where
//! records come from and how they are shown is in `stream.rs`.

use std::{str::FromStr, time::Duration};

use clap::Args;
use tokio::time::Instant;

use crate::{
    exit::Exit,
    failure::Failure,
    grammar::parse_span,
    output::{Filter, escape},
};

/// How much of a record is repeated to whoever expected another one, in characters.
const REPEATED: usize = 500;

/// When a stream ends by itself.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Limits {
    /// End after this many
    #[arg(short = 'n', long, value_name = "COUNT", help_heading = "Limits", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after this time, such as 10s
    #[arg(long = "for", value_name = "TIME", help_heading = "Limits", value_parser = parse_span)]
    pub span: Option<Duration>,
    /// End when nothing has come for this time
    #[arg(long, value_name = "TIME", help_heading = "Limits", value_parser = parse_span)]
    pub idle: Option<Duration>,
    /// End after the record for which this jq expression is true
    #[arg(long, value_name = "EXPR", help_heading = "Limits")]
    pub until: Option<Expression>,
    /// Wait for a record for which this jq expression is true; exit with 8 when the stream ends without one
    #[arg(long, value_name = "EXPR", help_heading = "Limits")]
    pub expect: Option<Expression>,
}

impl Limits {
    /// Whether the stream goes on until it is interrupted.
    pub(crate) fn is_endless(&self) -> bool {
        let Self { count, span, idle, until, expect } = self;
        count.is_none() && span.is_none() && idle.is_none() && until.is_none() && expect.is_none()
    }
}

/// A jq expression that is true of a record or not.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    text: String,
    filter: Filter,
}

impl FromStr for Expression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let filter = Filter::compile(text).map_err(|failure| failure.message().to_owned())?;
        Ok(Self { text: text.to_owned(), filter })
    }
}

impl Expression {
    /// Whether it is true of this JSON: when anything comes out of it that is neither `false` nor `null`.
    async fn is_true_of(&self, json: &str) -> Result<bool, Failure> {
        let results = self.filter.apply(json).await?;
        Ok(results.iter().any(|result| !matches!(result.as_str(), "false" | "null")))
    }
}

/// How far a stream is from its end.
#[derive(Debug)]
pub(super) struct Progress {
    limits: Limits,
    deadline: Option<Instant>,
    quiet_until: Option<Instant>,
    seen: u64,
    /// Whether what was expected has come.
    met: bool,
    over: bool,
    /// The last record, when it matters what came instead of the expected one.
    last: Option<String>,
    /// What an expression could not make of a record, the first time.
    trouble: Option<Failure>,
}

impl Progress {
    /// A stream that begins now.
    pub(super) fn start(limits: Limits, now: Instant) -> Self {
        let after = |span: Duration| now.checked_add(span);
        Self {
            deadline: limits.span.and_then(after),
            quiet_until: limits.idle.and_then(after),
            limits,
            seen: 0,
            met: false,
            over: false,
            last: None,
            trouble: None,
        }
    }

    /// When it ends if nothing more comes.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.deadline.into_iter().chain(self.quiet_until).min()
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.over || self.ends_at().is_some_and(|end| now >= end)
    }

    /// Something is under way: silence counts from now on.
    pub(super) fn keep_alive(&mut self, now: Instant) {
        self.quiet_until = self.limits.idle.and_then(|idle| now.checked_add(idle));
    }

    /// How many records have come.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether a record has ended it, and not the time.
    pub(super) fn is_reached(&self) -> bool {
        self.over
    }

    /// How long nothing has come, if that and nothing else has ended it.
    pub(super) fn silence(&self) -> Option<Duration> {
        let is_silence = !self.over && self.quiet_until.is_some() && self.quiet_until == self.ends_at();
        self.limits.idle.filter(|_| is_silence)
    }

    /// How many records may still come.
    pub(super) fn left(&self) -> Option<u64> {
        self.limits.count.map(|count| count.saturating_sub(self.seen))
    }

    /// A record has come. `json` is asked for where an expression is to be true of it.
    pub(super) async fn count(&mut self, now: Instant, json: impl FnOnce() -> String) {
        self.seen += 1;
        self.keep_alive(now);
        self.over |= self.left() == Some(0);
        if self.limits.until.is_none() && self.limits.expect.is_none() {
            return;
        }
        let json = json();
        let expected = judge(self.limits.expect.as_ref(), &json, &mut self.trouble).await;
        let last = judge(self.limits.until.as_ref(), &json, &mut self.trouble).await;
        self.met |= expected;
        // Who says when the stream ends wants it to go on until then.
        self.over |= last || (expected && self.limits.until.is_none());
        self.last = Some(json);
    }

    /// What an expression could not make of a record; told once.
    pub(super) fn take_trouble(&mut self) -> Option<String> {
        let trouble = self.trouble.as_mut()?;
        let message = trouble.message().to_owned();
        *trouble = Failure::silent(Exit::Done);
        (!message.is_empty()).then_some(message)
    }

    /// The end, by a limit.
    pub(super) fn end(&self) -> Result<(), Failure> {
        let Some(expression) = self.limits.expect.as_ref().filter(|_| !self.met) else { return Ok(()) };
        let came = match (self.seen, &self.last) {
            (1, Some(last)) => format!("this came instead: {}", shortened(last)),
            (seen @ 2.., Some(last)) => format!("{seen} others came, the last one: {}", shortened(last)),
            _ => "nothing came".to_owned(),
        };
        Err(Failure::new(
            Exit::Unexpected,
            format!("no record came for which {:?} is true; {came}", expression.text),
        ))
    }
}

/// Whether an expression is true of a record. One that does not fit a record is not true of it.
async fn judge(expression: Option<&Expression>, json: &str, trouble: &mut Option<Failure>) -> bool {
    match expression {
        Some(expression) => expression.is_true_of(json).await.unwrap_or_else(|failure| {
            trouble.get_or_insert(failure);
            false
        }),
        None => false,
    }
}

fn shortened(record: &str) -> String {
    let shown: String = record.chars().take(REPEATED).collect();
    let rest = if shown.len() < record.len() { "…" } else { "" };
    format!("{}{rest}", escape(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn expression(text: &str) -> Expression {
        text.parse().unwrap()
    }

    /// How many of these records a stream takes, and how it ends.
    async fn taken(limits: Limits, records: &[&str]) -> (u64, Result<(), Failure>) {
        let now = Instant::now();
        let mut progress = Progress::start(limits, now);
        for record in records {
            if progress.is_over(now) {
                break;
            }
            progress.count(now, || (*record).to_owned()).await;
        }
        (progress.seen(), progress.end())
    }

    #[tokio::test]
    async fn a_count_is_counted() {
        let limits = Limits { count: Some(2), ..Limits::default() };
        assert_eq!(taken(limits, &["1", "2", "3"]).await, (2, Ok(())));
    }

    #[tokio::test]
    async fn until_takes_the_record_that_it_is_true_of() {
        let limits = || Limits { until: Some(expression(".a == 2")), ..Limits::default() };
        assert_eq!(taken(limits(), &[r#"{"a":1}"#, r#"{"a":2}"#, "{}"]).await, (2, Ok(())));
        assert_eq!(
            taken(limits(), &["{}", "{}"]).await,
            (2, Ok(())),
            "a limit that is not reached is no failure"
        );
    }

    #[tokio::test]
    async fn what_is_expected_ends_the_stream_unless_until_says_when() {
        let expected = || Limits { expect: Some(expression(". > 1")), ..Limits::default() };
        assert_eq!(taken(expected(), &["1", "2", "3"]).await, (2, Ok(())));
        let limits = Limits { until: Some(expression(". == 3")), ..expected() };
        assert_eq!(taken(limits, &["1", "2", "3", "4"]).await, (3, Ok(())));
    }

    #[tokio::test]
    async fn what_came_instead_is_told() {
        let limits =
            |count| Limits { count: Some(count), expect: Some(expression(".ok")), ..Limits::default() };
        for (records, told) in [
            (&[][..], "nothing came"),
            (&[r#"{"ok":null}"#], r#"this came instead: {"ok":null}"#),
            (&["{}", r#"{"ok":false}"#], r#"2 others came, the last one: {"ok":false}"#),
        ] {
            let failure = taken(limits(9), records).await.1.unwrap_err();
            assert_eq!(failure.exit(), Exit::Unexpected);
            assert_eq!(failure.message(), format!("no record came for which \".ok\" is true; {told}"));
        }
        let long = format!("\"{}\u{1b}\"", "x".repeat(1000));
        assert!(taken(limits(1), &[&long]).await.1.unwrap_err().message().len() < 700);
    }

    #[tokio::test]
    async fn an_expression_that_does_not_fit_is_not_true_and_told_once() {
        let now = Instant::now();
        let mut progress =
            Progress::start(Limits { until: Some(expression(".a.b")), ..Limits::default() }, now);
        progress.count(now, || r#"{"a":1}"#.to_owned()).await;
        assert_eq!(progress.take_trouble().as_deref(), Some("jq: cannot index 1 with \"b\""));
        progress.count(now, || r#"{"a":1}"#.to_owned()).await;
        assert_eq!(progress.take_trouble(), None);
        assert!(!progress.is_over(now));
    }

    #[tokio::test]
    async fn silence_counts_from_the_last_record_and_time_from_the_beginning() {
        let start = Instant::now();
        let limits = Limits { span: Some(SECOND * 5), idle: Some(SECOND * 2), ..Limits::default() };
        let mut progress = Progress::start(limits, start);
        assert_eq!(progress.ends_at(), Some(start + SECOND * 2));
        progress.count(start + SECOND, || unreachable!("nobody asks for it")).await;
        assert_eq!(progress.ends_at(), Some(start + SECOND * 3));
        progress.count(start + SECOND * 4, String::new).await;
        assert_eq!(progress.ends_at(), Some(start + SECOND * 5));
        assert!(progress.is_over(start + SECOND * 5) && !progress.is_over(start + SECOND * 4));
    }

    #[test]
    fn a_mistake_in_an_expression_is_told_before_anything_is_done() {
        assert_eq!("foo".parse::<Expression>().unwrap_err(), "jq: there is no filter `foo` (column 1)");
    }
}
