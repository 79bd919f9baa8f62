//! The screen while somebody types: what arrives goes above the prompt, at once, in order, and without touching the typed line.
//!
//! The line editor owns the terminal while it reads a line, and takes text from elsewhere only between two keys. So text waits
//! here, and every repaint of the prompt takes what is waiting and puts it before the prompt. When nobody presses a key, a
//! *nudge* makes the editor repaint: an external print that moves the cursor up and down again. As the editor is never handed the
//! text itself, nothing can be late around Enter: what is waiting when the line is done is written right then.
//!
//! While no line is read, text is written straight through.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use rustyline::ExternalPrinter;

use crate::output::Sink;

/// The most text that one repaint takes, in bytes: a flood becomes few large repaints.
const BATCH: usize = 16 * 1024;

/// How much text may wait, in bytes. Beyond it whoever writes waits for the terminal.
const WAITING: usize = 256 * 1024;

/// What makes the editor repaint: it ends with the line end that the editor would add, and takes it back before.
const NUDGE: &str = "\x1b[A\n";

/// A terminal with a prompt at its bottom, or without one.
pub(super) struct Screen {
    terminal: Arc<dyn Sink>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    phase: Phase,
    /// Whole lines that wait for a repaint.
    waiting: String,
    /// Whether the prompt is to be painted though no text waits.
    stale: bool,
    /// Whether a repaint was asked for and has not come.
    nudged: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// No line is being read.
    #[default]
    Between,
    /// A line is being read.
    Editing,
    /// Nobody will read a line any more.
    Ended,
}

impl State {
    fn is_editing(&self) -> bool {
        self.phase == Phase::Editing
    }
}

impl Screen {
    /// A screen on a terminal.
    pub(super) fn new(terminal: Arc<dyn Sink>) -> Self {
        Self { terminal, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Nudges the editor whenever text waits, until the screen ends. Runs on a thread of its own: a nudge blocks when the editor
    /// has not taken the one before, which holds up nobody, as that one will do.
    pub(super) fn nudge(self: &Arc<Self>, mut printer: impl ExternalPrinter + Send + 'static) {
        let screen = Arc::clone(self);
        std::thread::spawn(move || {
            while screen.wait_until_needed() {
                if printer.print(NUDGE.to_owned()).is_err() {
                    // Without nudges text comes with the next key.
                    return;
                }
            }
        });
    }

    /// A line is being read from now on.
    pub(super) fn begin_line(&self) {
        let mut state = self.lock();
        state.phase = Phase::Editing;
        state.nudged = false;
    }

    /// The line is done: what waits is written, and what follows is written through.
    pub(super) fn end_line(&self) {
        let mut state = self.lock();
        state.phase = Phase::Between;
        let waiting = std::mem::take(&mut state.waiting);
        if !waiting.is_empty() {
            // A terminal that is gone shows itself to the editor.
            let _ = self.terminal.write_text(&waiting);
        }
        self.changed.notify_all();
    }

    /// The prompt has something else to show.
    pub(super) fn repaint(&self) {
        self.lock().stale = true;
        self.changed.notify_all();
    }

    /// No line will be read any more.
    pub(super) fn end(&self) {
        self.end_line();
        self.lock().phase = Phase::Ended;
        self.changed.notify_all();
    }

    /// What a repaint is to put before the prompt: whole lines, or nothing.
    pub(super) fn take_batch(&self) -> String {
        let mut state = self.lock();
        if !state.is_editing() {
            return String::new();
        }
        state.nudged = false;
        state.stale = false;
        let end = end_of_batch(&state.waiting);
        let batch = state.waiting.drain(..end).collect();
        self.changed.notify_all();
        batch
    }

    fn wait_until_needed(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.phase == Phase::Ended {
                return false;
            }
            if state.is_editing() && !state.nudged && (state.stale || !state.waiting.is_empty()) {
                state.nudged = true;
                return true;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Screen {
    fn write_text(&self, text: &str) -> io::Result<()> {
        let mut state = self.lock();
        while state.is_editing() && state.waiting.len() >= WAITING {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.is_editing() {
            return self.terminal.write_text(text);
        }
        state.waiting.push_str(text);
        self.changed.notify_all();
        Ok(())
    }
}

/// As many whole lines as fit into a batch, but at least one.
fn end_of_batch(waiting: &str) -> usize {
    if waiting.len() <= BATCH {
        return waiting.len();
    }
    let bytes = waiting.as_bytes();
    let within = bytes.iter().take(BATCH).rposition(|byte| *byte == b'\n');
    let first = || bytes.iter().position(|byte| *byte == b'\n');
    within.or_else(first).map_or(waiting.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[derive(Default)]
    struct Paper(Mutex<String>);

    impl Sink for Paper {
        fn write_text(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
    }

    struct Nudges(mpsc::Sender<String>);

    impl ExternalPrinter for Nudges {
        fn print(&mut self, nudge: String) -> rustyline::Result<()> {
            self.0.send(nudge).map_err(|_| io::Error::other("gone").into())
        }
    }

    fn screen() -> (Arc<Paper>, Arc<Screen>) {
        let paper = Arc::new(Paper::default());
        (Arc::clone(&paper), Arc::new(Screen::new(paper)))
    }

    #[test]
    fn without_a_line_being_read_text_goes_through() {
        let (paper, screen) = screen();
        screen.write_text("a\n").unwrap();
        assert_eq!(*paper.0.lock().unwrap(), "a\n");
        assert_eq!(screen.take_batch(), "");
    }

    #[test]
    fn while_a_line_is_read_text_waits_for_a_repaint() {
        let (paper, screen) = screen();
        screen.begin_line();
        screen.write_text("a\n").unwrap();
        screen.write_text("b\n").unwrap();
        assert_eq!(*paper.0.lock().unwrap(), "");
        assert_eq!(screen.take_batch(), "a\nb\n");
        assert_eq!(screen.take_batch(), "");
    }

    #[test]
    fn what_waits_when_the_line_is_done_is_written_before_what_follows() {
        let (paper, screen) = screen();
        screen.begin_line();
        screen.write_text("a\n").unwrap();
        screen.end_line();
        screen.write_text("b\n").unwrap();
        assert_eq!(*paper.0.lock().unwrap(), "a\nb\n");
    }

    #[test]
    fn waiting_text_nudges_the_editor_once_until_it_repaints() {
        let (_, screen) = screen();
        let (sender, nudges) = mpsc::channel();
        screen.nudge(Nudges(sender));
        screen.begin_line();
        screen.write_text("a\n").unwrap();
        assert_eq!(nudges.recv().unwrap(), NUDGE);
        screen.write_text("b\n").unwrap();
        assert_eq!(screen.take_batch(), "a\nb\n");
        screen.write_text("c\n").unwrap();
        assert_eq!(nudges.recv().unwrap(), NUDGE);
        screen.end();
        assert!(nudges.recv().is_err(), "no nudge follows the end");
    }

    #[test]
    fn a_flood_comes_in_batches_of_whole_lines_and_nothing_is_lost() {
        let (_, screen) = screen();
        screen.begin_line();
        let lines: Vec<String> = (0..5000).map(|number| format!("line {number}\n")).collect();
        for line in &lines {
            screen.write_text(line).unwrap();
        }
        let mut shown = String::new();
        loop {
            let batch = screen.take_batch();
            if batch.is_empty() {
                break;
            }
            assert!(batch.len() <= BATCH && batch.ends_with('\n'));
            shown.push_str(&batch);
        }
        assert_eq!(shown, lines.concat());
    }

    #[test]
    fn a_line_longer_than_a_batch_stays_whole() {
        let (_, screen) = screen();
        screen.begin_line();
        let long = "x".repeat(3 * BATCH) + "\n";
        screen.write_text(&long).unwrap();
        screen.write_text("y\n").unwrap();
        assert_eq!(screen.take_batch(), long);
        assert_eq!(screen.take_batch(), "y\n");
    }

    #[test]
    fn a_writer_waits_when_too_much_is_waiting() {
        let (paper, screen) = screen();
        screen.begin_line();
        screen.write_text(&("x".repeat(WAITING) + "\n")).unwrap();
        let writer = std::thread::spawn({
            let screen = Arc::clone(&screen);
            move || screen.write_text("last\n")
        });
        screen.end_line();
        writer.join().unwrap().unwrap();
        assert!(paper.0.lock().unwrap().ends_with("x\nlast\n"));
    }
}
