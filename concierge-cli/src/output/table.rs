//! Columns that line up, whatever script their cells are in.

use unicode_width::UnicodeWidthStr;

use super::style::{Palette, Role};

/// Rows of cells, aligned to the left.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// A cell: its text, already escaped, and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    role: Option<Role>,
}

impl Cell {
    /// Text without a colour.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), role: None }
    }

    /// Text in the colour of a role.
    pub(crate) fn new(role: Role, text: impl Into<String>) -> Self {
        Self { text: text.into(), role: Some(role) }
    }

    /// The text in its colour.
    pub(crate) fn paint(&self, palette: Palette) -> String {
        self.role.map_or_else(|| self.text.clone(), |role| palette.paint(role, &self.text))
    }
}

impl Table {
    /// Adds a row of column heads.
    pub(crate) fn heading(&mut self, heads: &[&str]) {
        self.rows.push(heads.iter().map(|head| Cell::new(Role::Heading, *head)).collect());
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table, each row a line. Two spaces between columns, none at the end of a line.
    pub(crate) fn render(&self, palette: Palette) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or_default();
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate().take(last + 1) {
                text.push_str(&cell.paint(palette));
                if index < last {
                    text.extend(std::iter::repeat_n(' ', width + 2 - cell.text.width()));
                }
            }
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for row in &self.rows {
            for (index, cell) in row.iter().enumerate() {
                let width = cell.text.width();
                match widths.get_mut(index) {
                    Some(widest) => *widest = width.max(*widest),
                    None => widths.push(width),
                }
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_what_is_seen() {
        let mut table = Table::default();
        table.heading(&["NAME", "ID"]);
        table.row([Cell::plain("日本"), Cell::plain("1")]);
        table.row([Cell::new(Role::Client, "größe"), Cell::plain("2")]);
        table.row([Cell::plain("x"), Cell::plain("")]);
        assert_eq!(table.render(Palette::default()), "NAME   ID\n日本   1\ngröße  2\nx\n");
    }
}
