//! `schema`: what records look like, for programs that read them.

use clap::Args;
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    output::{Cell, Format, Output, Record, Role, Table, View, json::object, schema},
    suggest::nearest,
};

const EXAMPLES: &str = "\
Examples:
  concierge schema                     # every record, each type a definition
  concierge schema MESSAGE
  concierge schema --list -o raw
  concierge schema pong --jq .required";

/// `schema`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SchemaArgs {
    /// A record's type, such as `MESSAGE` or `pong`; without one, the schema of every record
    #[arg(value_name = "TYPE")]
    pub record: Option<String>,
    /// List the types of records, with the columns of -o tsv
    #[arg(long, conflicts_with = "record")]
    pub list: bool,
}

/// A schema, which is a document of its own and no record.
struct Schema(Value);

/// The types of records.
struct Types;

pub(crate) fn run(arguments: &SchemaArgs, output: &Output) -> Result<(), Failure> {
    if arguments.list {
        return output.record(&Types);
    }
    let Some(name) = &arguments.record else { return write(&Schema(schema::document()), output) };
    let kind = schema::types().iter().find(|kind| kind.name.eq_ignore_ascii_case(name));
    match kind {
        Some(kind) => write(&Schema(schema::document_of(kind)), output),
        None => Err(unknown(name)),
    }
}

fn write(Schema(schema): &Schema, output: &Output) -> Result<(), Failure> {
    let compact = schema.to_string();
    if output.form().filter.is_some() || output.format() == Format::Ndjson {
        return output.document(&compact);
    }
    output.text(&format!("{schema:#}\n"))
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::usage(format!("there is no record of the type {name:?}"));
    match nearest(name, schema::types().iter().map(|kind| &kind.name)) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure.hint("`concierge schema --list` lists the types"),
    }
}

fn entry(kind: &schema::Type) -> Value {
    json!({ "name": kind.name, "about": kind.about, "columns": kind.columns })
}

impl Record for Types {
    fn object(&self) -> String {
        let types: Vec<_> = schema::types().iter().map(entry).collect();
        object("record_types", &[("types", json!(types))])
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        if view.terminal {
            table.heading(&["TYPE", "WHAT IT TELLS"]);
        }
        for kind in schema::types() {
            table.row([Cell::new(Role::Heading, &*kind.name), Cell::plain(&*kind.about)]);
        }
        table.render(view.palette)
    }

    fn objects(&self) -> Vec<String> {
        let types = schema::types().iter();
        types
            .map(|kind| {
                let columns = json!(kind.columns);
                let fields = [("name", json!(kind.name)), ("about", json!(kind.about)), ("columns", columns)];
                object("record_type", &fields)
            })
            .collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let types = schema::types().iter();
        types.map(|kind| vec![kind.name.clone(), kind.about.clone(), kind.columns.join(",")]).collect()
    }

    fn raw(&self) -> Vec<String> {
        schema::types().iter().map(|kind| kind.name.clone()).collect()
    }
}
