//! How far files have come that move at one time: a bar for each and one for all where a person looks on, a plain line now and then
//! elsewhere. Unlike [`Progress`](super::Progress) it counts bytes, and many may tell it at one time.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{BinaryBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_width::UnicodeWidthChar;

use super::{Output, escape, progress::PLAIN};

/// How many columns a file's name has beside its bar.
const NAME: usize = 28;

/// How long nothing is drawn: what is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(300);

/// Files that move. The bars are gone when this is dropped.
pub(crate) struct Transfers {
    shared: Arc<Shared>,
}

/// One file that moves. Its bar is gone when this is dropped.
pub(crate) struct Transfer {
    shared: Arc<Shared>,
    bar: Option<ProgressBar>,
    moved: Mutex<u64>,
}

struct Shared {
    output: Output,
    label: &'static str,
    files: usize,
    expected: Option<u64>,
    bars: Option<Bars>,
    state: Mutex<State>,
}

struct Bars {
    all: MultiProgress,
    /// Where there are several files.
    total: Option<ProgressBar>,
}

struct State {
    /// Whether bars are drawn already.
    drawn: bool,
    moved: u64,
    ended: usize,
    begun: Instant,
    told: Instant,
}

impl Transfers {
    /// So many files, of so many bytes where that is known.
    pub(crate) fn start(output: &Output, label: &'static str, files: usize, expected: Option<u64>) -> Self {
        let bars = output.shows_bars().then(|| Bars::new(label, files, expected));
        let now = Instant::now();
        let state = Mutex::new(State { drawn: false, moved: 0, ended: 0, begun: now, told: now });
        Self { shared: Arc::new(Shared { output: output.clone(), label, files, expected, bars, state }) }
    }

    /// A file begins to move. The name may come from elsewhere.
    pub(crate) fn file(&self, name: &str) -> Transfer {
        let shared = Arc::clone(&self.shared);
        let bar = shared.bars.as_ref().map(|bars| bars.file(name));
        Transfer { shared, bar, moved: Mutex::default() }
    }

    /// Does what writes to the same terminal, with the bars out of its way.
    pub(crate) fn hidden_while<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.shared.bars {
            Some(bars) => bars.all.suspend(write),
            None => write(),
        }
    }

    /// No file moves any more.
    pub(crate) fn end(&self) {
        if let Some(Bars { total: Some(total), .. }) = &self.shared.bars {
            total.finish_and_clear();
        }
    }
}

impl Transfer {
    /// So many of its bytes have moved, of so many in all where that is known.
    pub(crate) fn reached(&self, bytes: u64, total: Option<u64>) {
        let more = {
            let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
            let more = bytes.saturating_sub(*moved);
            *moved = bytes.max(*moved);
            more
        };
        if let Some(bar) = &self.bar {
            if total.is_some() && bar.length() != total {
                bar.set_length(total.unwrap_or_default());
                bar.set_style(style(true));
            }
            bar.set_position(bytes);
        }
        self.shared.moved(more);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self, more: u64) {
        let mut state = self.lock();
        state.moved += more;
        if let Some(bars) = &self.bars {
            if !state.drawn && state.begun.elapsed() >= PATIENCE {
                state.drawn = true;
                bars.all.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            }
            if let Some(total) = &bars.total {
                total.set_position(state.moved);
            }
        } else if state.told.elapsed() >= PLAIN {
            state.told = Instant::now();
            let taken = state.begun.elapsed();
            let line = line(self.label, (state.moved, self.expected), (state.ended, self.files), taken);
            drop(state);
            self.output.note(&line);
        }
    }

    fn ended(&self) {
        let mut state = self.lock();
        state.ended += 1;
        if let Some(Bars { total: Some(total), .. }) = &self.bars {
            total.set_message(format!("{} of {} files", state.ended, self.files));
        }
    }
}

impl Bars {
    fn new(label: &'static str, files: usize, expected: Option<u64>) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let total = (files > 1).then(|| {
            let bar = ProgressBar::hidden().with_style(style(expected.is_some()));
            if let Some(expected) = expected {
                bar.set_length(expected);
            }
            all.add(bar.with_prefix(fitted(label)).with_message(format!("0 of {files} files")))
        });
        Self { all, total }
    }

    fn file(&self, name: &str) -> ProgressBar {
        let bar = ProgressBar::hidden().with_style(style(false)).with_prefix(fitted(name));
        // That of all stays below.
        match &self.total {
            Some(total) => self.all.insert_before(total, bar),
            None => self.all.add(bar),
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.shared.ended();
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        self.end();
    }
}

/// How a bar looks, of which the end is known or not.
fn style(has_end: bool) -> ProgressStyle {
    let template = if has_end {
        "{prefix} [{bar:20}] {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta}  {msg}"
    } else {
        "{prefix} {binary_bytes}  {binary_bytes_per_sec}  {msg}"
    };
    ProgressStyle::with_template(template).expect("the template is valid").progress_chars("=> ")
}

/// A name in its column: its end where it is too long, as that is where names differ.
fn fitted(name: &str) -> String {
    let name = escape(name);
    let width =
        |text: &str| text.chars().map(|character| character.width().unwrap_or_default()).sum::<usize>();
    let mut shown = &*name;
    while width(shown) > NAME {
        let mut rest = shown.chars();
        rest.next();
        shown = rest.as_str();
    }
    let text = if shown.len() < name.len() {
        let mut rest = shown.chars();
        rest.next();
        format!("…{}", rest.as_str())
    } else {
        shown.to_owned()
    };
    let gap = NAME.saturating_sub(width(&text));
    text + &" ".repeat(gap)
}

fn line(
    label: &str,
    (moved, expected): (u64, Option<u64>),
    (ended, files): (usize, usize),
    taken: Duration,
) -> String {
    let rate = size(per_second(moved, taken));
    let of_files = if files > 1 { format!(", {ended} of {files} files") } else { String::new() };
    match expected.filter(|expected| *expected > 0) {
        Some(expected) => {
            let percent = u128::from(moved) * 100 / u128::from(expected);
            format!("{label}: {percent} %, {} of {}, {rate}/s{of_files}", size(moved), size(expected))
        }
        None => format!("{label}: {}, {rate}/s{of_files}", size(moved)),
    }
}

/// How many bytes a second that is.
pub(crate) fn per_second(bytes: u64, taken: Duration) -> u64 {
    let rate = u128::from(bytes) * 1_000_000 / taken.as_micros().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// A number of bytes as a person reads it: `1.20 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        console::Console,
        output::{ColorChoice, Form},
    };

    #[test]
    fn a_plain_line_says_how_far_it_is() {
        let second = Duration::from_secs(1);
        assert_eq!(line("storing", (1 << 20, None), (0, 1), second), "storing: 1.00 MiB, 1.00 MiB/s");
        assert_eq!(
            line("storing", (512, Some(1024)), (1, 2), 2 * second),
            "storing: 50 %, 512 B of 1.00 KiB, 256 B/s, 1 of 2 files"
        );
        assert_eq!(line("storing", (0, Some(0)), (0, 1), Duration::ZERO), "storing: 0 B, 0 B/s");
    }

    #[test]
    fn a_name_fits_its_column_and_is_harmless() {
        for name in ["a", "größe/日本.json", &"x".repeat(99), &"日".repeat(40), "\u{1b}[2J\n", ""] {
            let shown = fitted(name);
            let columns: usize = shown.chars().map(|character| character.width().unwrap_or_default()).sum();
            assert_eq!(columns, NAME, "{shown:?}");
            assert!(!shown.contains('\u{1b}'));
        }
        assert!(fitted(&("x".repeat(99) + ".json")).ends_with("xx.json"));
    }

    #[test]
    fn what_is_told_of_each_file_adds_up() {
        let (console, _) = Console::in_memory("", []);
        let output = Output::new(&console, Form::default(), ColorChoice::Never, false);
        let transfers = Transfers::start(&output, "storing", 2, Some(30));
        let (first, second) = (transfers.file("a"), transfers.file("b"));
        first.reached(10, Some(10));
        // A download that broke off tells again where it is.
        for bytes in [5, 15, 12, 20] {
            second.reached(bytes, Some(20));
        }
        drop(first);
        let state = transfers.shared.lock();
        assert_eq!((state.moved, state.ended), (30, 1));
    }
}
