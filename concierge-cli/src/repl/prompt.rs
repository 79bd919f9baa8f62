//! The prompt: who, where, and whether the connection stands. The line editor measures a prompt once, when it asks for a line; what
//! changes while that line is typed is told within the same width.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use unicode_width::UnicodeWidthStr;

use crate::{
    console::Environment,
    output::{Palette, Role, escape},
};

/// How a connection stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// There is one.
    Connected,
    /// It was lost, and the next attempt to connect begins then.
    Waiting(Instant),
    /// There is none, and none will come by itself.
    #[default]
    Closed,
}

/// How the connection stands, as the prompt shows it while it is on the screen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing(Arc<Mutex<State>>);

impl Standing {
    /// It stands like this from now on.
    pub(crate) fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// How it stands.
    pub(crate) fn state(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is being restored.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state(), State::Waiting(_))
    }
}

/// The signs that states are shown with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    connected: &'static str,
    waiting: &'static str,
    closed: &'static str,
}

impl Marks {
    /// Those that the terminal can show: letters where the locale says that it knows no others. Without a word from the locale it is
    /// taken to be one of today.
    pub(crate) fn of(environment: &Environment) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|key| environment.var(key));
        let unicode = locale.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        if unicode {
            Self { connected: "●", waiting: "○", closed: "✕" }
        } else {
            Self { connected: "*", waiting: "o", closed: "x" }
        }
    }
}

/// A prompt, for one line.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    /// The name of this client.
    pub name: String,
    /// The gateway, shortly.
    pub place: String,
    /// What is not as usual: what arrives is not shown, or only some.
    pub remark: Option<String>,
    /// The signs.
    pub marks: Marks,
}

/// A piece of a prompt and what it is.
type Piece = (Role, String);

impl Prompt {
    /// The prompt as the line editor measures it, in a terminal with so many columns: half of a row at most, where that can be.
    pub(super) fn plain(&self, state: State, now: Instant, columns: usize) -> String {
        let forms = self.forms(state, now);
        let fitting = forms.iter().find(|form| width_of(form) <= columns / 2).or(forms.last());
        fitting.map(|form| text_of(form)).unwrap_or_default()
    }

    /// The prompt as it is seen: of the width that was measured, coloured, with the state as it is now.
    pub(super) fn painted(&self, state: State, now: Instant, width: usize, palette: Palette) -> String {
        let forms = self.forms(state, now);
        let Some(form) = forms.iter().find(|form| width_of(form) <= width) else { return " ".repeat(width) };
        let painted: String = form.iter().map(|(role, text)| palette.paint(*role, text)).collect();
        painted + &" ".repeat(width - width_of(form))
    }

    /// How a state can be told, from the longest form to the shortest.
    fn forms(&self, state: State, now: Instant) -> Vec<Vec<Piece>> {
        let name = || (Role::Client, escape(&self.name).into_owned());
        let place = || (Role::Dim, format!("@{}", escape(&self.place)));
        let (sign, word) = match state {
            State::Connected => ((Role::Joined, self.marks.connected), self.remark.clone()),
            State::Waiting(next) => {
                ((Role::Left, self.marks.waiting), Some(format!("reconnecting {}s", seconds(next - now))))
            }
            State::Closed => ((Role::Error, self.marks.closed), None),
        };
        let sign = || (sign.0, format!(" {} ", sign.1));
        let bare = || (sign().0, sign().1.trim_start().to_owned());
        let mut forms = Vec::new();
        if let Some(word) = &word {
            let word = || (Role::Dim, format!("{word} "));
            forms.push(vec![name(), place(), sign(), word()]);
            forms.push(vec![name(), sign(), word()]);
            forms.push(vec![bare(), word()]);
        }
        if let State::Waiting(next) = state {
            forms.push(vec![bare(), (Role::Dim, format!("{}s ", seconds(next - now)))]);
        } else {
            forms.push(vec![name(), place(), sign()]);
            forms.push(vec![name(), sign()]);
        }
        forms.push(vec![bare()]);
        // What says more may still be shorter.
        forms.sort_by_key(|form| std::cmp::Reverse(width_of(form)));
        forms
    }
}

/// Whole seconds, the last one counted.
fn seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

fn text_of(form: &[Piece]) -> String {
    form.iter().map(|(_, text)| text.as_str()).collect()
}

fn width_of(form: &[Piece]) -> usize {
    form.iter().map(|(_, text)| text.width()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Console;

    fn marks(variables: &[(&str, &str)]) -> Marks {
        Marks::of(&Console::in_memory("", variables.iter().copied()).0.environment)
    }

    fn prompt(name: &str) -> Prompt {
        Prompt { name: name.into(), place: "local".into(), remark: None, marks: marks(&[]) }
    }

    #[test]
    fn a_prompt_says_who_where_and_how_it_stands() {
        let now = Instant::now();
        let waiting = State::Waiting(now + Duration::from_millis(3_200));
        let prompt = prompt("echo_bot");
        assert_eq!(prompt.plain(State::Connected, now, 80), "echo_bot@local ● ");
        assert_eq!(prompt.plain(waiting, now, 80), "echo_bot@local ○ reconnecting 4s ");
        assert_eq!(prompt.plain(State::Closed, now, 80), "echo_bot@local ✕ ");
        let muted = Prompt { remark: Some("muted".into()), ..prompt };
        assert_eq!(muted.plain(State::Connected, now, 80), "echo_bot@local ● muted ");
    }

    #[test]
    fn what_changes_while_a_line_is_typed_keeps_the_width() {
        let now = Instant::now();
        for name in ["a", "echo_bot", "a_longer_name_for_a_bot", "名前"] {
            let prompt = prompt(name);
            let asked = prompt.plain(State::Connected, now, 80);
            for state in [State::Connected, State::Waiting(now + Duration::from_secs(12)), State::Closed] {
                let painted = prompt.painted(state, now, asked.width(), Palette::default());
                assert_eq!(painted.width(), asked.width(), "{painted:?}");
            }
        }
        let painted = |name, seconds| {
            let waiting = State::Waiting(now + Duration::from_secs(seconds));
            prompt(name).painted(waiting, now, 17, Palette::default())
        };
        assert_eq!(painted("echo_bot", 4), "○ 4s             ");
        let wide = prompt("echo_bot_2").painted(
            State::Waiting(now + Duration::from_secs(4)),
            now,
            19,
            Palette::default(),
        );
        assert_eq!(wide, "○ reconnecting 4s  ");
    }

    #[test]
    fn a_narrow_terminal_leaves_room_for_the_line() {
        let now = Instant::now();
        assert_eq!(prompt("alice").plain(State::Connected, now, 20), "alice ● ");
        assert_eq!(prompt("a_longer_name").plain(State::Connected, now, 20), "● ");
        assert_eq!(prompt("a_longer_name").plain(State::Connected, now, 1), "● ");
    }

    #[test]
    fn a_name_from_elsewhere_is_harmless() {
        let hostile = prompt("a\u{1b}[2J").plain(State::Connected, Instant::now(), 80);
        assert_eq!(hostile, "a\\u{1b}[2J@local ● ");
    }

    #[test]
    fn marks_are_letters_where_the_locale_knows_no_others() {
        assert_eq!(marks(&[("LANG", "C")]).connected, "*");
        assert_eq!(marks(&[("LC_ALL", "POSIX"), ("LANG", "en_US.UTF-8")]).connected, "*");
        for unicode in [&[][..], &[("LANG", "C.UTF-8")], &[("LC_CTYPE", "de_DE.utf8"), ("LANG", "C")]] {
            assert_eq!(marks(unicode).connected, "●");
        }
    }
}
