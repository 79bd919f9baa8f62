//! How far long work has come: a bar where a person looks on, a plain line now and then elsewhere.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Output;

/// How often a plain line is written.
pub(super) const PLAIN: Duration = Duration::from_secs(5);

/// How far one piece of work has come. A bar is gone when this is dropped.
pub(crate) struct Progress {
    output: Output,
    label: String,
    total: u64,
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Progress {
    /// Work that is done when this total is reached, in whatever it is counted.
    pub(crate) fn start(output: &Output, label: impl Into<String>, total: u64) -> Self {
        let label = label.into();
        let bar = output.shows_bars().then(|| bar(&label, total));
        Self { output: output.clone(), label, total: total.max(1), bar, told: Instant::now() }
    }

    /// It has come so far; `details` say what a person may want to know beside that.
    pub(crate) fn advance(&mut self, position: u64, details: impl FnOnce() -> String) {
        let position = position.min(self.total);
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(details());
        } else if self.told.elapsed() >= PLAIN {
            self.told = Instant::now();
            self.output.note(&line(&self.label, position, self.total, &details()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(label: &str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} [{bar:24}] {percent:>3} %  {msg}")
        .expect("the template is valid")
        .progress_chars("=> ");
    let bar = ProgressBar::with_draw_target(Some(total.max(1)), ProgressDrawTarget::stderr_with_hz(10));
    bar.with_style(style).with_prefix(label.to_owned())
}

fn line(label: &str, position: u64, total: u64, details: &str) -> String {
    let percent = u128::from(position) * 100 / u128::from(total);
    format!("{label}: {percent} %, {details}")
}

/// A number as a person reads it: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_says_how_far_it_is() {
        assert_eq!(line("sending", 1, 3, "1 of 3"), "sending: 33 %, 1 of 3");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
