//! What the line editor asks while a line is typed: completions, hints, colours, whether the line is whole, and what waits to be shown
//! above it. The answers are worked out in `complete.rs`, `hint.rs`, `highlight.rs` and `prompt.rs`.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use concierge_client::payload::Secret;
use rustyline::{
    Context, Helper,
    completion::{Completer, Pair},
    highlight::{CmdKind, Highlighter},
    hint::Hinter,
    history::SearchDirection,
    validate::{ValidationContext, ValidationResult, Validator},
};
use unicode_width::UnicodeWidthStr;

use super::{
    complete::{complete, inserted},
    directory::Directory,
    highlight::{depends_on_cursor, highlight, is_short},
    hint::{Hint, hint},
    prompt::{Prompt, Standing},
    screen::Screen,
    typed::Typed,
};
use crate::{
    language::is_open,
    output::{Palette, Role, escape},
};

/// What is asked while a line is typed.
pub(super) struct Assistant {
    /// What waits to be shown above the prompt.
    pub screen: Arc<Screen>,
    /// Who is there.
    pub directory: Arc<Directory>,
    /// How the connection stands.
    pub standing: Standing,
    /// The prompt that is shown.
    pub prompt: Arc<Mutex<Prompt>>,
    /// The line so far.
    pub typed: Arc<Typed>,
    /// The colours.
    pub palette: Palette,
    /// What must not be remembered.
    pub secret: Option<Secret>,
}

impl Assistant {
    /// Whether a line is not to be remembered: it has the secret of this session in it, or one that is given with a payload.
    pub(super) fn holds_secret(&self, line: &str) -> bool {
        self.secret.as_ref().is_some_and(|secret| holds(line, secret)) || gives_secret(line)
    }
}

fn holds(line: &str, secret: &Secret) -> bool {
    let secret = secret.reveal();
    !secret.is_empty() && line.contains(secret)
}

/// Whether a line has something called a secret in it: a key of JSON, an assignment, an option.
fn gives_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    ["secret", "password", "token"].iter().any(|word| {
        line.match_indices(word).any(|(at, _)| {
            let after = line.get(at + word.len()..).unwrap_or_default();
            let after = after.trim_start_matches('"').trim_start();
            after.starts_with([':', '='])
        })
    })
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, candidates) = complete(line.get(..pos).unwrap_or(line), &self.directory.known());
        let pairs = candidates.into_iter().map(|candidate| Pair {
            display: escape(&candidate).into_owned(),
            replacement: inserted(candidate),
        });
        Ok((start, pairs.collect()))
    }
}

impl Highlighter for Assistant {
    /// Called whenever the prompt is painted anew: then what waits goes before it.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, default: bool) -> Cow<'b, str> {
        let prompt = if default {
            let own = self.prompt.lock().unwrap_or_else(PoisonError::into_inner);
            own.painted(self.standing.state(), Instant::now(), prompt.width(), self.palette).into()
        } else {
            Cow::Borrowed(prompt)
        };
        let batch = self.screen.take_batch();
        if batch.is_empty() { prompt } else { Cow::Owned(batch + &prompt) }
    }

    fn highlight<'l>(&self, line: &'l str, cursor: usize) -> Cow<'l, str> {
        highlight(line, cursor, self.palette)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        self.palette.paint(Role::Dim, hint).into()
    }

    /// Told with each change: colours may have changed with any key, and with the cursor where a bracket has a pair.
    fn highlight_char(&self, line: &str, cursor: usize, kind: CmdKind) -> bool {
        self.typed.is(line, cursor);
        if !self.palette.is_colored() || kind == CmdKind::ForcedRefresh {
            return false;
        }
        depends_on_cursor(line, cursor) || kind == CmdKind::Other && is_short(line)
    }
}

impl Hinter for Assistant {
    type Hint = Hint;

    fn hint(&self, line: &str, cursor: usize, context: &Context<'_>) -> Option<Hint> {
        // Without colours it could not be told from what is typed.
        if cursor < line.len() || !self.palette.is_colored() || line.is_empty() {
            return None;
        }
        let history = context.history();
        let latest = context.history_index().checked_sub(1);
        let earlier = latest
            .and_then(|latest| history.starts_with(line, latest, SearchDirection::Reverse).ok().flatten());
        hint(line, earlier.as_ref().map(|found| &*found.entry))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if !self.typed.is_given_up() && is_open(context.input()) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_secret_is_not_remembered() {
        for line in [
            r#"raw {"type":"IDENTIFY","name":"bob","secret": "x"}"#,
            "@bob password=hunter2",
            "let TOKEN = 1",
            "services create x --secret=a",
        ] {
            assert!(gives_secret(line), "{line}");
        }
        for line in ["@bob the secret is out", "listen secrets", "config explain token"] {
            assert!(!gives_secret(line), "{line}");
        }
    }
}
