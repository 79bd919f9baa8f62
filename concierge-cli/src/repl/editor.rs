//! The line editor on a thread of its own: a line is asked for, and comes when it is done. What helps while typing is in
//! `assistant.rs`.

use std::{path::PathBuf, sync::Arc};

use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext,
    EventHandler, KeyEvent, RepeatCount, error::ReadlineError, history::DefaultHistory,
};
use tokio::sync::mpsc;

use super::{
    assistant::Assistant,
    screen::Screen,
    typed::{Ending, Typed},
};
use crate::failure::Failure;

/// How many lines are remembered.
const REMEMBERED: usize = 10_000;

/// What came of asking for a line.
#[derive(Debug)]
pub(super) enum Read {
    /// A line.
    Line(String),
    /// Ctrl-C: the line is dropped.
    Interrupted,
    /// The line is not finished, and to be asked for again: Ctrl-Z, or another reason to let go of the terminal.
    Suspended(Draft),
    /// Ctrl-D on an empty line, or the terminal is gone.
    End,
}

/// A line that is not finished: what stands before the cursor, and what behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Draft {
    pub before: String,
    pub behind: String,
}

impl Draft {
    /// A line with the cursor here.
    pub(super) fn at(line: &str, cursor: usize) -> Self {
        let (before, behind) = line.split_at_checked(cursor).unwrap_or((line, ""));
        Self { before: before.to_owned(), behind: behind.to_owned() }
    }
}

/// A line editor, and the thread it runs on.
pub(super) struct LineEditor {
    requests: std::sync::mpsc::Sender<(String, Draft)>,
    lines: mpsc::Receiver<Read>,
    screen: Arc<Screen>,
    typed: Arc<Typed>,
}

impl LineEditor {
    /// Takes over the terminal between [`ask`](Self::ask) and the line that follows.
    pub(super) fn start(assistant: Assistant, history: Option<PathBuf>) -> Result<Self, Failure> {
        let unusable = |error: ReadlineError| Failure::local(format!("the terminal cannot be used: {error}"));
        let config = Config::builder()
            .history_ignore_space(true)
            .max_history_size(REMEMBERED)
            .map_err(unusable)?
            // Only lines that are carried out, and none with a secret: it is done below.
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            // Colours or not is the palette's choice; the editor must ask the highlighter either way.
            .color_mode(ColorMode::Forced)
            .build();
        let mut editor: Editor<Assistant, DefaultHistory> = Editor::with_config(config).map_err(unusable)?;
        let screen = Arc::clone(&assistant.screen);
        let typed = Arc::clone(&assistant.typed);
        editor.set_helper(Some(assistant));
        for (key, ending) in [
            (KeyEvent::ctrl('C'), Ending::Dropped),
            (KeyEvent::ctrl('Z'), Ending::Suspended),
            (KeyEvent::ctrl('J'), Ending::Entered),
            (KeyEvent::ctrl('M'), Ending::Entered),
        ] {
            let handler = EndingKey { ending, typed: Arc::clone(&typed) };
            editor.bind_sequence(key, EventHandler::Conditional(Box::new(handler)));
        }
        screen.nudge(editor.create_external_printer().map_err(unusable)?);
        if let Some(file) = &history {
            // There is none the first time, and one that cannot be read is not worth stopping for.
            let _ = editor.load_history(file);
        }
        let (requests, asked) = std::sync::mpsc::channel::<(String, Draft)>();
        let (sender, lines) = mpsc::channel(1);
        std::thread::spawn(move || {
            for (prompt, draft) in asked {
                let read = read(&mut editor, &prompt, &draft, history.as_ref());
                if sender.blocking_send(read).is_err() {
                    break;
                }
            }
        });
        Ok(Self { requests, lines, screen, typed })
    }

    /// Shows a prompt and what was typed already; the line is what [`next`](Self::next) gives.
    pub(super) fn ask(&self, prompt: String, draft: Draft) {
        self.typed.begin();
        self.screen.begin_line();
        // When the thread is gone, `next` tells.
        let _ = self.requests.send((prompt, draft));
    }

    /// The line that was asked for. Cancel safe.
    pub(super) async fn next(&mut self) -> Read {
        let read = self.lines.recv().await.unwrap_or(Read::End);
        self.screen.end_line();
        read
    }

    /// Has the editor give up its line, as a key that suspends would.
    pub(super) fn suspend(&self) {
        self.typed.give_up();
        crate::signals::interrupt_editor();
    }
}

/// A key that ends a line. The editor is told that the line is finished, whatever becomes of it: what was typed ahead then stays for
/// the next one, which it would not when reading fails.
struct EndingKey {
    ending: Ending,
    typed: Arc<Typed>,
}

impl ConditionalEventHandler for EndingKey {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        self.typed.ends(self.ending, context.line(), context.pos());
        (self.ending != Ending::Entered).then_some(Cmd::AcceptLine)
    }
}

fn read(
    editor: &mut Editor<Assistant, DefaultHistory>,
    prompt: &str,
    draft: &Draft,
    history: Option<&PathBuf>,
) -> Read {
    let result = editor.readline_with_initial(prompt, (&draft.before, &draft.behind));
    let Some(assistant) = editor.helper() else { return Read::End };
    let (ending, unfinished) = assistant.typed.ended();
    match (result, ending) {
        (Ok(_) | Err(ReadlineError::Interrupted), Ending::Suspended) => Read::Suspended(unfinished),
        (Ok(_), Ending::Dropped) | (Err(ReadlineError::Interrupted), _) => Read::Interrupted,
        (Ok(line), Ending::Entered) => {
            if !assistant.holds_secret(&line) {
                remember(editor, &line, history);
            }
            Read::Line(line)
        }
        (Err(_), _) => Read::End,
    }
}

fn remember(editor: &mut Editor<Assistant, DefaultHistory>, line: &str, history: Option<&PathBuf>) {
    let added = editor.add_history_entry(line).unwrap_or(false);
    if let Some(file) = history.filter(|_| added) {
        // At once: a session may end in many ways. What cannot be kept is still remembered here.
        let _ = editor.append_history(file);
    }
}
