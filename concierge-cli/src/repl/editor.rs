//! The line editor on a thread of its own: a line is asked for, and comes when it is done.

use std::{borrow::Cow, path::PathBuf, sync::Arc};

use rustyline::{
    ColorMode, CompletionType, Config, Context, Editor, Helper,
    completion::{Completer, Pair},
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::DefaultHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};
use tokio::sync::mpsc;

use super::{
    complete::{Names, complete},
    directory::Directory,
    prompt::{Standing, painted},
    screen::Screen,
};
use crate::{
    failure::Failure,
    language::is_open,
    output::{Palette, escape},
};

/// How many lines are remembered.
const REMEMBERED: usize = 10_000;

/// What came of asking for a line.
#[derive(Debug)]
pub(super) enum Read {
    /// A line.
    Line(String),
    /// Ctrl-C: the line is dropped.
    Interrupted,
    /// Ctrl-D on an empty line, or the terminal is gone.
    End,
}

/// A line editor, and the thread it runs on.
pub(super) struct LineEditor {
    prompts: std::sync::mpsc::Sender<String>,
    lines: mpsc::Receiver<Read>,
    screen: Arc<Screen>,
}

/// What the editor asks while a line is typed.
pub(super) struct Assistant {
    /// What waits to be shown above the prompt.
    pub screen: Arc<Screen>,
    /// Who is there.
    pub directory: Arc<Directory>,
    /// Whether the connection stands.
    pub standing: Standing,
    /// The colours.
    pub palette: Palette,
}

impl LineEditor {
    /// Takes over the terminal between [`ask`](Self::ask) and the line that follows.
    pub(super) fn start(assistant: Assistant, history: Option<PathBuf>) -> Result<Self, Failure> {
        let unusable = |error: ReadlineError| Failure::local(format!("the terminal cannot be used: {error}"));
        let config = Config::builder()
            .history_ignore_space(true)
            .max_history_size(REMEMBERED)
            .map_err(unusable)?
            .auto_add_history(true)
            .completion_type(CompletionType::List)
            // Colours or not is the palette's choice; the editor must ask the highlighter either way.
            .color_mode(ColorMode::Forced)
            .build();
        let mut editor: Editor<Assistant, DefaultHistory> = Editor::with_config(config).map_err(unusable)?;
        let screen = Arc::clone(&assistant.screen);
        editor.set_helper(Some(assistant));
        screen.nudge(editor.create_external_printer().map_err(unusable)?);
        if let Some(file) = &history {
            // There is none the first time, and one that cannot be read is not worth stopping for.
            let _ = editor.load_history(file);
        }
        let (prompts, asked) = std::sync::mpsc::channel::<String>();
        let (sender, lines) = mpsc::channel(1);
        std::thread::spawn(move || {
            for prompt in asked {
                let read = read(&mut editor, &prompt, history.as_ref());
                if sender.blocking_send(read).is_err() {
                    break;
                }
            }
        });
        Ok(Self { prompts, lines, screen })
    }

    /// Shows a prompt; the line is what [`next`](Self::next) gives.
    pub(super) fn ask(&self, prompt: String) {
        self.screen.begin_line();
        // When the thread is gone, `next` tells.
        let _ = self.prompts.send(prompt);
    }

    /// The line that was asked for. Cancel safe.
    pub(super) async fn next(&mut self) -> Read {
        let read = self.lines.recv().await.unwrap_or(Read::End);
        self.screen.end_line();
        read
    }
}

fn read(editor: &mut Editor<Assistant, DefaultHistory>, prompt: &str, history: Option<&PathBuf>) -> Read {
    match editor.readline(prompt) {
        Ok(line) => {
            if let Some(file) = history {
                // At once: a session may end in many ways. What cannot be kept is still remembered here.
                let _ = editor.append_history(file);
            }
            Read::Line(line)
        }
        Err(ReadlineError::Interrupted) => Read::Interrupted,
        Err(_) => Read::End,
    }
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let names = Names { clients: self.directory.clients(), services: self.directory.services() };
        let (start, candidates) = complete(line.get(..pos).unwrap_or(line), &names);
        let pairs = candidates
            .into_iter()
            .map(|candidate| Pair { display: escape(&candidate).into_owned(), replacement: candidate + " " });
        Ok((start, pairs.collect()))
    }
}

impl Highlighter for Assistant {
    /// Called whenever the prompt is painted anew: then what waits goes before it.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, default: bool) -> Cow<'b, str> {
        let prompt = if default {
            painted(prompt, &self.standing, self.palette).into()
        } else {
            Cow::Borrowed(prompt)
        };
        let batch = self.screen.take_batch();
        if batch.is_empty() { prompt } else { Cow::Owned(batch + &prompt) }
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_open(context.input()) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}
