//! What a person would see: the bytes a program writes to its terminal, as an emulator shows them, with all that scrolled away.

use std::num::NonZeroU16;

use vt100::{
    Callbacks, Parser, Screen,
    capture::{
        BasicFormattedCaptureRange, BasicFormattedCaptureState, RowContents, basic_formatted_to_plain,
    },
};

/// A terminal's picture.
pub struct Emulator(Parser<Scrolled>);

/// What has left the screen at its top.
#[derive(Default)]
struct Scrolled {
    text: String,
    state: BasicFormattedCaptureState,
}

impl Callbacks for Scrolled {
    fn on_scroll(&mut self, row: RowContents<'_>, _: bool) {
        row.write_formatted_basic(&mut self.text, &mut self.state).expect("a text takes everything");
    }
}

impl Emulator {
    /// An empty screen. A size of zero stands for one that is not known: 24 rows of 80 columns.
    pub fn new(rows: u16, columns: u16) -> Self {
        let (rows, columns) = known(rows, columns);
        Self(Parser::new_with_callbacks(rows, columns, 0, Scrolled::default()))
    }

    /// The program wrote this.
    pub fn show(&mut self, bytes: &[u8]) {
        self.0.process(bytes);
    }

    /// The window has another size. What no longer fits is cut off, as `xterm` does.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        let (rows, columns) = known(rows, columns);
        self.0.set_size(rows, columns);
    }

    /// The rows that are seen now, without what is empty at their ends.
    pub fn rows(&self) -> Vec<String> {
        let columns = self.0.screen().size().1.get();
        self.0.screen().rows(0, columns).map(|row| row.trim_end().to_owned()).collect()
    }

    /// The row the cursor is in.
    pub fn cursor_row(&self) -> String {
        let (row, _) = self.0.screen().cursor_position();
        self.rows().into_iter().nth(row.into()).unwrap_or_default()
    }

    /// The column the cursor is in, from zero.
    pub fn cursor_column(&self) -> usize {
        self.0.screen().cursor_position().1.into()
    }

    /// The lines that were ever seen, from the first: those that scrolled away, then the screen. A line that was wrapped is one.
    ///
    /// # Panics
    ///
    /// Never: a text takes everything.
    pub fn lines(&self) -> Vec<String> {
        let scrolled = self.0.callbacks();
        let (mut text, mut state) = (scrolled.text.clone(), scrolled.state.clone());
        let everything = BasicFormattedCaptureRange::Full(&mut state);
        // A text takes everything.
        let _written = self.0.screen().write_contents_formatted_basic(&mut text, everything);
        let plain: String = basic_formatted_to_plain(&text).collect();
        plain.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// The emulator's own account.
    pub fn screen(&self) -> &Screen {
        self.0.screen()
    }
}

fn known(rows: u16, columns: u16) -> (NonZeroU16, NonZeroU16) {
    (
        NonZeroU16::new(rows).unwrap_or(Parser::DEFAULT_ROWS),
        NonZeroU16::new(columns).unwrap_or(Parser::DEFAULT_COLS),
    )
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Emulator").field(&self.rows()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scrolled_away_is_remembered_and_wrapped_lines_are_whole() {
        let mut emulator = Emulator::new(3, 10);
        emulator.show(b"first\r\n\x1b[31msecond line\x1b[0m\r\nthird\r\nfourth");
        assert_eq!(emulator.lines(), ["first", "second line", "third", "fourth"]);
        assert_eq!(emulator.rows(), ["e", "third", "fourth"]);
        assert_eq!((emulator.cursor_row().as_str(), emulator.cursor_column()), ("fourth", 6));
    }
}
