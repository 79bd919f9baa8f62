//! The topics that repeat a table: the exit codes, and the formats with the types and columns of records.

use clap::ValueEnum;

use crate::{
    exit::Exit,
    output::{Cell, Format, Palette, Table, schema},
};

/// `help exit-codes`
pub(super) fn exit_codes() -> String {
    let mut table = Table::default();
    for exit in Exit::ALL.iter().filter(|exit| **exit != Exit::Configuration) {
        table.row([Cell::plain(format!("{:>5}", exit.code())), Cell::plain(exit.meaning())]);
    }
    format!(
        "Exit codes:\n{}\nA script ends with the code of its first line that failed, with {} if it went on.\n\
         The gateway (`concierge server`) has its own: 0 stopped, 2 usage, 10 cannot bind, {} configuration.\n",
        table.render(Palette::default()),
        Exit::Partly.code(),
        Exit::Configuration.code(),
    )
}

/// `help output`
pub(super) fn output() -> String {
    let mut formats = Table::default();
    for format in Format::value_variants() {
        let name = format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        formats.row([Cell::plain(format!("  {name}")), Cell::plain(format.meaning())]);
    }
    let types = schema::types().iter().filter(|kind| !kind.columns.is_empty());
    let columns: String = types.map(|kind| columns(&kind.name, &kind.columns)).collect();
    format!(
        "\
Output: data goes to the standard output, everything else to the standard error. With -o:

{}
--json is short for -o json. --jq filters the JSON: concierge help jq.

A record has v (1), ts (RFC 3339) and type: the protocol's payload type, else a word in lower
case. The payload's own fields stand beside them. data is copied byte for byte. Errors and notes
are records, too, on the standard error. concierge schema has the whole form as a JSON Schema.

Off a terminal nothing is coloured and columns have no heads; NO_COLOR wins over all but
--color always. Text from others is shown escaped where it would act on the terminal.

In tsv a tab within a field is \\t, a line end \\n or \\r, a backslash \\\\. The columns, by
type:

{columns}",
        formats.render(Palette::default())
    )
}

/// A type's columns, on as many lines as they need.
fn columns(name: &str, columns: &[String]) -> String {
    const NAMES: usize = 30;
    let mut text = format!("  {name:NAMES$}");
    let mut length = text.len();
    for (index, column) in columns.iter().enumerate() {
        let separator = if index == 0 { "" } else { " " };
        if length + separator.len() + column.len() > super::WIDTH {
            text = format!("{text}\n{:1$}", "", NAMES + 2);
            length = NAMES + 2;
        } else {
            text += separator;
            length += separator.len();
        }
        text += column;
        length += column.len();
    }
    text + "\n"
}
