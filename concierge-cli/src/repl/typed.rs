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
    /// Whether a key has ended it: then the cursor moves behind it only to leave.
    is_final: bool,
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
        let mut state = self.lock();
        if !state.is_final {
            state.draft = Draft::at(line, cursor);
        }
    }

    /// A key ends the line like this, unless more is to come.
    pub(super) fn ends(&self, ending: Ending, line: &str, cursor: usize) {
        let is_final = ending != Ending::Entered;
        *self.lock() = State { draft: Draft::at(line, cursor), ending, is_final };
    }

    /// The line is to be given up. Until that is done it may still change.
    pub(super) fn give_up(&self) {
        self.lock().ending = Ending::Suspended;
    }

    /// Whether it may end though more is to come.
    pub(super) fn is_given_up(&self) -> bool {
        self.lock().ending != Ending::Entered
    }

    /// How it ended, and what stood in it.
    pub(super) fn ended(&self) -> (Ending, Draft) {
        let state = std::mem::take(&mut *self.lock());
        (state.ending, state.draft)
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
        typed.ends(Ending::Dropped, "söö", 3);
        typed.is("söö", 5);
        assert!(typed.is_given_up());
        typed.ends(Ending::Entered, "söö", 3);
        assert!(!typed.is_given_up());
        assert_eq!(typed.ended().1, Draft { before: "sö".into(), behind: "ö".into() });
    }

    #[test]
    fn a_line_that_is_to_be_given_up_can_still_change() {
        let typed = Typed::default();
        typed.is("a", 1);
        typed.give_up();
        typed.is("ab", 2);
        assert_eq!(typed.ended(), (Ending::Suspended, Draft { before: "ab".into(), behind: String::new() }));
    }

    #[test]
    fn a_cursor_within_a_character_splits_nothing() {
        let typed = Typed::default();
        typed.is("ö", 1);
        assert_eq!(typed.ended().1.before, "ö");
    }
}
