//! What the commands tell of files.

use concierge_client::files::FileInfo;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::output::{Cell, Record, Role, Table, View, escape, json::object, size};

/// How many digits of a checksum people are shown.
const DIGITS: usize = 12;

/// What is told of one file.
pub(super) trait Entry {
    /// The type of its object, and that of the list it stands in.
    const KINDS: (&'static str, &'static str);
    /// What people see above the columns; nothing where each line speaks for itself.
    const HEADING: &'static [&'static str] = &[];

    /// What its object has, in order.
    fn fields(&self) -> Fields;

    /// A line for people.
    fn cells(&self) -> Vec<Cell>;

    /// Where the file is.
    fn place(&self) -> String;
}

type Fields = Vec<(&'static str, Value)>;

/// Several of a kind.
pub(super) struct Entries<'a, E>(pub &'a [E]);

/// A file that was stored.
pub(super) struct FileStored {
    pub client: String,
    pub path: String,
    pub size: u64,
    pub sha256: String,
    pub replaced: bool,
}

/// A file that was fetched.
pub(super) struct FileFetched {
    pub client: String,
    pub path: String,
    pub size: u64,
    pub sha256: String,
    /// Where it is on this side.
    pub file: String,
}

/// A file that was deleted.
pub(super) struct FileRemoved {
    pub client: String,
    pub path: String,
}

/// A file that is there.
pub(super) struct FileListed {
    pub client: String,
    pub file: FileInfo,
}

impl Entry for FileStored {
    const KINDS: (&'static str, &'static str) = ("file_stored", "files_stored");

    fn fields(&self) -> Fields {
        vec![
            ("client", json!(self.client)),
            ("path", json!(self.path)),
            ("size", json!(self.size)),
            ("sha256", json!(self.sha256)),
            ("replaced", json!(self.replaced)),
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        let verb = if self.replaced { "replaced" } else { "stored" };
        moved(verb, &self.place(), self.size, &self.sha256)
    }

    fn place(&self) -> String {
        format!("{}/{}", self.client, self.path)
    }
}

impl Entry for FileFetched {
    const KINDS: (&'static str, &'static str) = ("file_fetched", "files_fetched");

    fn fields(&self) -> Fields {
        vec![
            ("client", json!(self.client)),
            ("path", json!(self.path)),
            ("size", json!(self.size)),
            ("sha256", json!(self.sha256)),
            ("file", json!(self.file)),
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        moved("fetched", &self.file, self.size, &self.sha256)
    }

    fn place(&self) -> String {
        self.file.clone()
    }
}

impl Entry for FileRemoved {
    const KINDS: (&'static str, &'static str) = ("file_removed", "files_removed");

    fn fields(&self) -> Fields {
        vec![("client", json!(self.client)), ("path", json!(self.path))]
    }

    fn cells(&self) -> Vec<Cell> {
        vec![Cell::plain(format!("deleted {}", escape(&self.path)))]
    }

    fn place(&self) -> String {
        self.path.clone()
    }
}

impl Entry for FileListed {
    const KINDS: (&'static str, &'static str) = ("file", "files");
    const HEADING: &'static [&'static str] = &["PATH", "SIZE", "MODIFIED", "SHA-256"];

    fn fields(&self) -> Fields {
        let Self { client, file } = self;
        vec![
            ("client", json!(client)),
            ("path", json!(file.path)),
            ("size", json!(file.size)),
            ("modified", json!(time(file.modified))),
            ("sha256", json!(file.sha256)),
            ("etag", json!(file.etag)),
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        let file = &self.file;
        vec![
            Cell::plain(escape(&file.path)),
            Cell::plain(size(file.size)),
            Cell::new(Role::Dim, time(file.modified).unwrap_or_else(|| "-".to_owned())),
            Cell::new(Role::Dim, file.sha256.as_deref().map_or_else(|| "-".into(), shortened)),
        ]
    }

    fn place(&self) -> String {
        self.file.path.clone()
    }
}

impl<E: Entry> Record for Entries<'_, E> {
    fn object(&self) -> String {
        let files = self.0.iter().map(|entry| {
            Value::Object(entry.fields().into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        });
        object(E::KINDS.1, &[("files", files.collect())])
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        if view.terminal && !E::HEADING.is_empty() {
            table.heading(E::HEADING);
        }
        for entry in self.0 {
            table.row(entry.cells());
        }
        table.render(view.palette)
    }

    fn objects(&self) -> Vec<String> {
        self.0.iter().map(|entry| object(E::KINDS.0, &entry.fields())).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        // Text as it is, other values as JSON, nothing for what is not known.
        let text = |value: Value| match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let row = |entry: &E| entry.fields().into_iter().map(|(_, value)| text(value)).collect();
        self.0.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(E::place).collect()
    }
}

/// A line about what went over.
fn moved(verb: &str, place: &str, bytes: u64, sha256: &str) -> Vec<Cell> {
    vec![
        Cell::plain(format!("{verb} {}", escape(place))),
        Cell::plain(size(bytes)),
        Cell::new(Role::Dim, format!("sha256 {}", shortened(sha256))),
    ]
}

/// A time as records have it; none for one that is beyond all calendars.
fn time(seconds: u64) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(format!("{time:.0}"))
}

/// The beginning of a checksum, which may come from elsewhere.
fn shortened(sha256: &str) -> String {
    escape(sha256).chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_unless_there_is_no_such_time() {
        assert_eq!(time(1_700_000_000).as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!((time(u64::MAX), time(1 << 62)), (None, None));
    }
}
