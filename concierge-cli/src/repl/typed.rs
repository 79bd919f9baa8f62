//! What stands in the line that is being typed, as far as the editor has told, and how it ended.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::editor::Draft;

/// The line that is being typed.
#[derive(Debug, Default)]
pub(super) struct Typed(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    draft: Draft,
    ending: Ending,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// Whoever types wants it carried out.
    #[default]
    Entered,
    /// It is dropped.
    Dropped,
    /// It is to be asked for again.
    Suspended,
}

impl Typed {
    /// A new line begins.
    pub(super) fn begin(&self) {
        *self.lock() = State::default();
    }

    /// The line is this, with the cursor here.
    pub(super) fn is(&self, line: &str, cursor: usize) {
        let (before, behind) = line.split_at_checked(cursor).unwrap_or((line, ""));
        self.lock().draft = Draft { before: before.to_owned(), behind: behind.to_owned() };
    }

    /// The line ends like this, if it does.
    pub(super) fn end(&self, ending: Ending) {
        self.lock().ending = ending;
    }

    /// Whether it may end though more is to come.
    pub(super) fn is_given_up(&self) -> bool {
        self.lock().ending != Ending::Entered
    }

    /// How it ended, and what stood in it.
    pub(super) fn ended(&self) -> (Ending, Draft) {
        let mut state = self.lock();
        (std::mem::take(&mut state.ending), state.draft.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_key_that_could_end_a_line_decides() {
        let typed = Typed::default();
        typed.is("söö", 3);
        typed.end(Ending::Dropped);
        assert!(typed.is_given_up());
        typed.end(Ending::Entered);
        assert!(!typed.is_given_up());
        assert_eq!(typed.ended().1, Draft { before: "sö".into(), behind: "ö".into() });
    }

    #[test]
    fn a_cursor_within_a_character_splits_nothing() {
        let typed = Typed::default();
        typed.is("ö", 1);
        assert_eq!(typed.ended().1.before, "ö");
    }
}
