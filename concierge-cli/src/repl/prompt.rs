//! The prompt: who, where, and whether the connection stands.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::output::{Palette, Role, escape};

/// Whether the connection stands, as the prompt shows it while it is on the screen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing(Arc<AtomicBool>);

impl Standing {
    /// It does, or does not.
    pub(crate) fn set(&self, connected: bool) {
        self.0.store(connected, Ordering::Release);
    }

    fn is_connected(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The prompt as the line editor measures it.
pub(super) fn plain(name: &str, place: &str) -> String {
    format!("{}@{} ● ", escape(name), escape(place))
}

/// The prompt as it is seen: the same width, coloured, with the state as it is now.
pub(super) fn painted(prompt: &str, standing: &Standing, palette: Palette) -> String {
    let Some((who, place)) = prompt.trim_end_matches(" ● ").split_once('@') else {
        return prompt.to_owned();
    };
    let (mark, role) = if standing.is_connected() { ("●", Role::Joined) } else { ("○", Role::Error) };
    let who = palette.paint(Role::Client, who);
    let place = palette.paint(Role::Dim, &format!("@{place}"));
    format!("{who}{place} {} ", palette.paint(role, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_shows_the_state_without_changing_its_width() {
        let prompt = plain("alice", "local");
        let standing = Standing::default();
        assert_eq!(painted(&prompt, &standing, Palette::default()), "alice@local ○ ");
        standing.set(true);
        assert_eq!(painted(&prompt, &standing, Palette::default()), prompt);
    }
}
