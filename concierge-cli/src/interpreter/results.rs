//! What a statement tells: gathered as JSON, put through filters, and written where it belongs.

use std::{
    borrow::Cow,
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::shell::{Feed, Unfed};
use crate::{
    exit::Exit,
    failure::Failure,
    language::as_text,
    output::{Filter, Output, Sink, Tap, escape, escape_json},
};

/// How many results are kept, and how many bytes of them: the newest.
const MOST_RESULTS: usize = 1_000;
const MOST_BYTES: usize = 16 << 20;

/// The longest text that a variable takes from a shell, in bytes.
const LONGEST_TEXT: usize = 16 << 20;

/// What `$_` lacks, for whoever uses it.
pub(super) fn cut_notice() -> String {
    format!(
        "$_ has the newest of these results: {MOST_RESULTS} at the most, of {MOST_BYTES} bytes together; `> FILE` takes all of them"
    )
}

/// A filter, and whether it writes texts without quotes.
#[derive(Debug, Clone)]
pub(super) struct Sieve {
    /// What it makes of a result.
    pub filter: Filter,
    /// Texts without quotes.
    pub raw: bool,
}

/// Takes the results of a command, and what filters make of them.
pub(super) struct Gather {
    sieves: Vec<Sieve>,
    /// Where what the last filter makes goes. Without a filter the command itself writes.
    into: Option<Output>,
    /// Whether the command writes.
    written: bool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    results: VecDeque<String>,
    bytes: usize,
    /// Whether there were others before.
    is_cut: bool,
}

/// What went wrong where only the system's errors can be told: the first thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<Failure>>>);

impl Gather {
    /// Results are kept, and written by the command that tells them if this says so.
    pub(super) fn keeping(written: bool) -> Self {
        Self { sieves: Vec::new(), into: None, written, kept: Mutex::default() }
    }

    /// Results go through filters, and what comes out is kept, and written here.
    pub(super) fn filtering(sieves: Vec<Sieve>, into: Option<Output>) -> Self {
        Self { sieves, into, written: false, kept: Mutex::default() }
    }

    /// What was kept, as one value: a list if it was told in several parts.
    pub(super) fn value(&self) -> String {
        let kept = lock(&self.kept);
        match kept.results.len() {
            0 => "null".to_owned(),
            1 => kept.results.front().cloned().unwrap_or_default(),
            _ => format!("[{}]", kept.results.iter().map(String::as_str).collect::<Vec<_>>().join(",")),
        }
    }

    /// Whether it is without what was told first.
    pub(super) fn is_cut(&self) -> bool {
        lock(&self.kept).is_cut
    }

    /// The same where nobody has seen what was told: all of it, or none.
    pub(super) fn whole_value(&self) -> Result<String, Failure> {
        if self.is_cut() {
            return Err(Failure::local(format!(
                "a variable takes no more than {MOST_RESULTS} results, of {MOST_BYTES} bytes together"
            ))
            .hint("`> FILE` takes all of them, `| jq` only what is needed"));
        }
        Ok(self.value())
    }

    fn keep(&self, result: String) {
        let mut kept = lock(&self.kept);
        kept.bytes += result.len();
        kept.results.push_back(result);
        while kept.bytes > MOST_BYTES || kept.results.len() > MOST_RESULTS {
            let Some(oldest) = kept.results.pop_front() else { break };
            kept.bytes -= oldest.len();
            kept.is_cut = true;
        }
    }
}

impl Tap for Gather {
    fn take(&self, document: String) -> Result<bool, Failure> {
        let document = document.trim_end();
        if self.sieves.is_empty() {
            self.keep(document.to_owned());
            return Ok(self.written);
        }
        let results = sift(&self.sieves, document)?;
        if let Some(output) = &self.into {
            write(&results, &self.sieves, output)?;
        }
        for result in results {
            self.keep(result);
        }
        Ok(false)
    }
}

/// What filters make of a value, one after the other.
fn sift(sieves: &[Sieve], json: &str) -> Result<Vec<String>, Failure> {
    let mut values = vec![json.to_owned()];
    for sieve in sieves {
        let mut next = Vec::new();
        for value in values {
            // It may take its time, which the other tasks of this thread need not.
            next.extend(tokio::task::block_in_place(|| sieve.filter.run(&value))?);
        }
        values = next;
    }
    Ok(values)
}

/// Writes results, a line each. On a terminal nothing in them acts on it.
fn write(results: &[String], sieves: &[Sieve], output: &Output) -> Result<(), Failure> {
    let raw = sieves.last().is_some_and(|sieve| sieve.raw);
    let text: String = results.iter().map(|result| shown(result, raw, output.is_terminal()) + "\n").collect();
    if text.is_empty() { Ok(()) } else { output.text(&text) }
}

fn shown(json: &str, raw: bool, terminal: bool) -> String {
    match (raw, terminal) {
        (true, false) => as_text(json).into_owned(),
        (true, true) => as_text(json).split('\n').map(escape).collect::<Vec<Cow<'_, str>>>().join("\n"),
        (false, true) => escape_json(json).into_owned(),
        (false, false) => json.to_owned(),
    }
}

/// A value as it is shown where nothing else is said.
pub(super) fn show_value(json: &str, output: &Output) -> Result<(), Failure> {
    output.text(&(shown(json, false, output.is_terminal()) + "\n"))
}

impl Trouble {
    /// Remembers what went wrong, for an error that says it to nobody.
    fn remember(&self, failure: Failure) -> io::Error {
        let error = io::Error::other(failure.message().to_owned());
        lock(&self.0).get_or_insert(failure);
        error
    }

    /// What went wrong first.
    pub(super) fn take(&self) -> Option<Failure> {
        lock(&self.0).take()
    }
}

/// Lines of JSON that go through filters: what a shell's command wrote.
pub(super) struct SieveSink {
    /// The filters.
    pub sieves: Vec<Sieve>,
    /// Where what comes out is written.
    pub into: Output,
    /// What could not be filtered.
    pub trouble: Trouble,
}

impl Sink for SieveSink {
    fn write_text(&self, text: &str) -> io::Result<()> {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let written =
                sift(&self.sieves, line).and_then(|results| write(&results, &self.sieves, &self.into));
            written.map_err(|failure| self.trouble.remember(failure))?;
        }
        Ok(())
    }
}

/// A file, or a command of a shell. What is wrong with it is told by its name.
pub(super) struct Target {
    /// Where to write.
    pub feed: Mutex<Feed>,
    /// What it is called.
    pub name: String,
    /// What could not be written.
    pub trouble: Trouble,
}

impl Sink for Target {
    fn write_text(&self, text: &str) -> io::Result<()> {
        lock(&self.feed).write(text).map_err(|unfed| match unfed {
            Unfed::Unwanted => io::ErrorKind::BrokenPipe.into(),
            Unfed::Interrupted => self.trouble.remember(Failure::silent(Exit::Interrupted)),
            Unfed::Failed(error) => self.trouble.remember(unwritable(&self.name, &error)),
        })
    }
}

/// A file that cannot be written.
pub(super) fn unwritable(name: &str, error: &io::Error) -> Failure {
    Failure::local(format!("could not write {name}: {}", crate::failure::without_number(error)))
}

/// What goes on to where an [`Output`] leads.
pub(super) struct Onward {
    /// There.
    pub output: Output,
    /// What could not be written.
    pub trouble: Trouble,
}

impl Sink for Onward {
    fn write_text(&self, text: &str) -> io::Result<()> {
        self.output.text(text).map_err(|failure| match failure.message() {
            "" => io::ErrorKind::BrokenPipe.into(),
            _ => self.trouble.remember(failure),
        })
    }
}

/// Text for a variable: all of it, or none.
#[derive(Default)]
pub(super) struct Text(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    text: String,
    /// Whether there was more than that.
    is_cut: bool,
}

impl Text {
    /// What was written, as a shell gives it to a variable: without the line ends at its end.
    pub(super) fn value(&self) -> Result<String, Failure> {
        let taken = lock(&self.0);
        if taken.is_cut {
            return Err(Failure::local(format!(
                "a variable takes no more than {LONGEST_TEXT} bytes of text"
            ))
            .hint("`> FILE` takes all of it, `| head -c BYTES` the beginning"));
        }
        Ok(serde_json::Value::from(taken.text.trim_end_matches('\n')).to_string())
    }
}

impl Sink for Text {
    fn write_text(&self, text: &str) -> io::Result<()> {
        let mut taken = lock(&self.0);
        if taken.text.len() + text.len() > LONGEST_TEXT {
            taken.is_cut = true;
            // Whoever writes need not go on.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        taken.text.push_str(text);
        Ok(())
    }
}

/// Nowhere.
pub(super) struct Nowhere;

impl Sink for Nowhere {
    fn write_text(&self, _text: &str) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_results_are_a_list() {
        let gather = Gather::keeping(true);
        assert_eq!(gather.value(), "null");
        assert_eq!(gather.take("{\"a\":1}\n".to_owned()), Ok(true));
        assert_eq!(gather.value(), "{\"a\":1}");
        assert_eq!(gather.take("2\n".to_owned()), Ok(true));
        assert_eq!(gather.value(), "[{\"a\":1},2]");
    }

    #[test]
    fn the_newest_results_are_kept() {
        let gather = Gather::keeping(false);
        for number in 0..2 * MOST_RESULTS {
            gather.take(number.to_string()).unwrap();
        }
        let kept: Vec<usize> = serde_json::from_str(&gather.value()).unwrap();
        assert_eq!((kept.len(), kept.first().copied()), (MOST_RESULTS, Some(MOST_RESULTS)));
        assert!(gather.is_cut() && gather.whole_value().is_err());
        gather.take(" ".repeat(MOST_BYTES)).unwrap();
        gather.take(format!("\"{}\"", "x".repeat(MOST_BYTES))).unwrap();
        assert_eq!(gather.value(), "null");
    }

    #[test]
    fn a_text_is_whole_or_an_error() {
        let text = Text::default();
        text.write_text("a b\n\n").unwrap();
        assert_eq!(text.value(), Ok("\"a b\"".to_owned()));
        assert!(text.write_text(&"x".repeat(LONGEST_TEXT)).is_err());
        assert!(text.value().unwrap_err().message().starts_with("a variable takes no more than "));
    }

    #[test]
    fn filters_follow_each_other() {
        let sieve = |text| Sieve { filter: Filter::compile(text).unwrap(), raw: false };
        let gather = Gather::filtering(vec![sieve(".[]"), sieve("select(. > 1)")], None);
        assert_eq!(gather.take("[1,2,3]".to_owned()), Ok(false));
        assert_eq!(gather.value(), "[2,3]");
        assert!(gather.take("1".to_owned()).is_err());
    }

    #[test]
    fn on_a_terminal_results_are_harmless() {
        assert_eq!(shown(r#""a""#, true, true), "a");
        assert_eq!(shown("\"a\\n\\u001b[2J\"", true, true), "a\n\\u{1b}[2J");
        assert_eq!(shown("\"\u{202e}\"", false, true), "\"\\u202e\"");
        assert_eq!(shown("\"\\u001b\"", true, false), "\u{1b}");
    }
}
