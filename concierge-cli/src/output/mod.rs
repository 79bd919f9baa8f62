//! How results are shown: a [`Record`] becomes lines for people, JSON or fields for programs, and goes to a [`Sink`]. Nothing else in
//! this crate writes to a stream, and nothing here decides what a command does.

mod batch;
mod escape;
mod form;
mod human;
mod jq;
pub(crate) mod json;
mod length;
mod progress;
mod record;
mod records;
pub(crate) mod schema;
mod style;
mod table;
mod time;
mod transfers;
mod tsv;

pub(crate) use batch::Batch;
pub(crate) use escape::{escape, escape_json, is_hostile};
pub(crate) use form::{Form, text as raw_text};
pub(crate) use jq::Filter;
use length::bounded;
pub(crate) use progress::{Progress, grouped};
pub(crate) use record::{Record, View};
pub(crate) use records::{
    Gateway, Names, Pong, Sent, ServiceCreated, ServiceShown, Services, Version, Whoami, client_of,
    service_of, summary,
};
pub(crate) use style::{ColorChoice, Format, Palette, Role};
pub(crate) use table::{Cell, Table};
pub(crate) use time::{clock, now};
pub(crate) use transfers::{Transfers, size};

use std::{io, sync::Arc};

use crate::{
    console::{Console, Terminals},
    exit::Exit,
    failure::Failure,
};

/// Where text goes: each text whole, in the order it was given.
pub trait Sink: Send + Sync {
    /// Writes one or more whole lines, and flushes them.
    fn write_text(&self, text: &str) -> io::Result<()>;

    /// Writes bytes that need not be text, as they are. Most sinks are for text alone.
    fn write_bytes(&self, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Somebody who is handed results, instead of or besides their being written.
pub(crate) trait Tap: Send + Sync {
    /// Takes a result, which is one line of JSON. Whether it is to be written, too.
    fn take(&self, document: String) -> Result<bool, Failure>;
}

/// The two outputs and how each is written to.
#[derive(Clone)]
pub(crate) struct Output {
    stdout: Arc<dyn Sink>,
    stderr: Arc<dyn Sink>,
    tap: Option<Arc<dyn Tap>>,
    palette: Palette,
    error_palette: Palette,
    form: Form,
    terminals: Terminals,
    /// Whether the standard error is a terminal of this process alone, on which a bar may be drawn.
    bars: bool,
    verbose: bool,
}

impl Output {
    /// The outputs of a console.
    pub(crate) fn new(console: &Console, form: Form, color: ColorChoice, verbose: bool) -> Self {
        let Console { stdout, stderr, terminals, environment, .. } = console;
        Self {
            stdout: Arc::clone(stdout),
            stderr: Arc::clone(stderr),
            tap: None,
            palette: Palette::new(color.decide(terminals.stdout, environment)),
            error_palette: Palette::new(color.decide(terminals.stderr, environment)),
            form,
            terminals: *terminals,
            bars: console.is_process && terminals.stderr && environment.terminal_is_able(),
            verbose,
        }
    }

    /// The same, with both outputs going to one place: the screen of the REPL.
    #[must_use]
    pub(crate) fn onto(&self, screen: Arc<dyn Sink>) -> Self {
        let stderr = Arc::clone(&screen);
        Self {
            stdout: screen,
            stderr,
            error_palette: self.palette,
            terminals: Terminals { stderr: self.terminals.stdout, ..self.terminals },
            bars: false,
            ..self.clone()
        }
    }

    /// The same, with data going to a place that is no terminal.
    #[must_use]
    pub(crate) fn going_to(&self, sink: Arc<dyn Sink>) -> Self {
        Self {
            stdout: sink,
            palette: Palette::default(),
            terminals: Terminals { stdout: false, ..self.terminals },
            ..self.clone()
        }
    }

    /// The same, with every result handed to this first.
    #[must_use]
    pub(crate) fn tapped(&self, tap: Arc<dyn Tap>) -> Self {
        Self { tap: Some(tap), ..self.clone() }
    }

    /// The same, in another form.
    #[must_use]
    pub(crate) fn with_form(&self, form: Form) -> Self {
        Self { form, ..self.clone() }
    }

    /// The form of records.
    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    /// The format of records.
    pub(crate) fn format(&self) -> Format {
        self.form.format
    }

    /// Whether the output is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminals.stdout
    }

    /// Whether bars are drawn on the standard error.
    fn shows_bars(&self) -> bool {
        self.bars
    }

    /// The colours of the standard output.
    pub(crate) fn palette(&self) -> Palette {
        self.palette
    }

    /// Writes a record to the standard output.
    pub(crate) fn record(&self, record: &dyn Record) -> Result<(), Failure> {
        let mut text = String::new();
        self.render(record, &mut text)?;
        self.write(&text)
    }

    /// Records that are written to the standard output together.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Adds a record as it is to be written; nothing, where somebody else has taken it.
    fn render(&self, record: &dyn Record, text: &mut String) -> Result<(), Failure> {
        let documents = self.documents(record)?;
        if !self.hand_over(&documents)? {
            return Ok(());
        }
        let terminal = self.terminals.stdout;
        match self.form.format {
            _ if self.form.filter.is_some() => text.push_str(&self.filtered(&documents)),
            Format::Human => text.push_str(&record.human(View { palette: self.palette, terminal })),
            Format::Json => json::push_line(text, &record.object(), terminal),
            Format::Ndjson => {
                for object in record.objects() {
                    json::push_line(text, &object, terminal);
                }
            }
            Format::Tsv => {
                for row in record.rows() {
                    tsv::push_line(text, &row, terminal);
                }
            }
            Format::Raw => {
                for line in record.raw() {
                    text.push_str(&line);
                    text.push('\n');
                }
            }
        }
        Ok(())
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        Ok(self.stdout.write_text(text)?)
    }

    /// Hands over a record that was written already.
    pub(crate) fn was_written(&self, record: &dyn Record) -> Result<(), Failure> {
        self.hand_over(&self.documents(record)?).map(|_| ())
    }

    /// The JSON of a record, a document or one for each entry, or what the filter makes of it.
    fn documents(&self, record: &dyn Record) -> Result<Vec<String>, Failure> {
        if self.tap.is_none() && self.form.filter.is_none() {
            return Ok(Vec::new());
        }
        let objects = match self.form.format {
            Format::Ndjson => record.objects(),
            _ => vec![record.object()],
        };
        let documents = objects.iter().map(|object| json::document(object));
        let Some(filter) = &self.form.filter else { return Ok(documents.collect()) };
        let mut results = Vec::new();
        for document in documents {
            results.extend(form::filtered(filter, &document)?);
        }
        Ok(results)
    }

    /// Hands a record to whoever takes results. Whether it is to be written.
    fn hand_over(&self, documents: &[String]) -> Result<bool, Failure> {
        let Some(tap) = &self.tap else { return Ok(true) };
        let mut written = true;
        for document in documents {
            written &= tap.take(json::shown(document, false) + "\n")?;
        }
        Ok(written)
    }

    /// What a filter made of a record, as it is to be written.
    fn filtered(&self, results: &[String]) -> String {
        let line = |result: &String| match self.form.format {
            Format::Raw => form::text(result) + "\n",
            _ => json::shown(result, self.terminals.stdout) + "\n",
        };
        results.iter().map(line).collect()
    }

    /// Writes JSON that is no record; through the filter, where there is one.
    pub(crate) fn document(&self, json: &str) -> Result<(), Failure> {
        match &self.form.filter {
            Some(filter) => self.text(&self.filtered(&form::filtered(filter, json)?)),
            None => self.text(&(json::shown(json, self.terminals.stdout) + "\n")),
        }
    }

    /// Writes lines that are no record to the standard output: help, or what is passed through.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        Ok(self.stdout.write_text(text)?)
    }

    /// Writes bytes that are no record to the standard output, as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_bytes(bytes)
    }

    /// Tells something by the way, on the standard error.
    pub(crate) fn note(&self, message: &str) {
        let text = if self.form.format.is_json() {
            json::note(message, self.terminals.stderr)
        } else {
            self.error_palette.paint(Role::Dim, &escape(&bounded(message))) + "\n"
        };
        // Nobody may be reading it, and it is not what was asked for.
        let _ = self.stderr.write_text(&text);
    }

    /// Tells of something by the way that programs may want to read, on the standard error.
    pub(crate) fn aside(&self, record: &dyn Record) {
        let text = if self.form.format.is_json() {
            json::line(&record.object(), self.terminals.stderr)
        } else {
            record.human(View { palette: self.error_palette, terminal: self.terminals.stderr })
        };
        // As with a note.
        let _ = self.stderr.write_text(&text);
    }

    /// Tells something that only matters with `--verbose`.
    pub(crate) fn detail(&self, message: &str) {
        if self.verbose {
            self.note(message);
        }
    }

    /// Tells what went wrong, on the standard error.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.message().is_empty() || failure.exit() == Exit::Done {
            return;
        }
        let text = if self.form.format.is_json() {
            json::failure(failure, self.terminals.stderr)
        } else {
            human::failure(failure, self.error_palette)
        };
        // Where the standard error is closed, the exit code still tells.
        let _ = self.stderr.write_text(&text);
    }
}
