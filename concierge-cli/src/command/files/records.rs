//! What the commands tell of files.

use concierge_client::files::FileInfo;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::output::{Cell, Record, Role, Table, View, escape, json::object, size};

/// How many digits of a checksum people are shown.
const DIGITS: usize = 12;

/// A file that was stored.
#[derive(Debug, Clone)]
pub(super) struct FileStored {
    pub client: String,
    pub path: String,
    pub size: u64,
    pub sha256: String,
    pub replaced: bool,
}

/// A file that was fetched.
#[derive(Debug, Clone)]
pub(super) struct FileFetched {
    pub client: String,
    pub path: String,
    pub size: u64,
    pub sha256: String,
    /// Where it is on this side.
    pub file: String,
}

/// A file that was deleted.
#[derive(Debug, Clone)]
pub(super) struct FileRemoved {
    pub client: String,
    pub path: String,
}

/// Everything that was stored.
pub(super) struct FilesStored(pub Vec<FileStored>);

/// Everything that was fetched.
pub(super) struct FilesFetched(pub Vec<FileFetched>);

/// Everything that was deleted.
pub(super) struct FilesRemoved(pub Vec<FileRemoved>);

/// The files of a client.
pub(super) struct Listed {
    pub client: String,
    pub files: Vec<FileInfo>,
}

impl FileStored {
    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("client", json!(self.client)),
            ("path", json!(self.path)),
            ("size", json!(self.size)),
            ("sha256", json!(self.sha256)),
            ("replaced", json!(self.replaced)),
        ]
    }

    fn remote(&self) -> String {
        format!("{}/{}", self.client, self.path)
    }
}

impl FileFetched {
    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("client", json!(self.client)),
            ("path", json!(self.path)),
            ("size", json!(self.size)),
            ("sha256", json!(self.sha256)),
            ("file", json!(self.file)),
        ]
    }
}

impl FileRemoved {
    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("client", json!(self.client)), ("path", json!(self.path))]
    }
}

impl Listed {
    fn fields(&self, file: &FileInfo) -> Vec<(&'static str, Value)> {
        vec![
            ("client", json!(self.client)),
            ("path", json!(file.path)),
            ("size", json!(file.size)),
            ("modified", json!(time(file.modified))),
            ("sha256", json!(file.sha256)),
            ("etag", json!(file.etag)),
        ]
    }
}

impl Record for FilesStored {
    fn object(&self) -> String {
        list("files_stored", self.0.iter().map(FileStored::fields))
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        for file in &self.0 {
            let verb = if file.replaced { "replaced" } else { "stored" };
            table.row([
                Cell::plain(format!("{verb} {}", escape(&file.remote()))),
                Cell::plain(size(file.size)),
                sum(&file.sha256),
            ]);
        }
        table.render(view.palette)
    }

    fn objects(&self) -> Vec<String> {
        self.0.iter().map(|file| object("file_stored", &file.fields())).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        rows(self.0.iter().map(FileStored::fields))
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(FileStored::remote).collect()
    }
}

impl Record for FilesFetched {
    fn object(&self) -> String {
        list("files_fetched", self.0.iter().map(FileFetched::fields))
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        for file in &self.0 {
            table.row([
                Cell::plain(format!("fetched {}", escape(&file.file))),
                Cell::plain(size(file.size)),
                sum(&file.sha256),
            ]);
        }
        table.render(view.palette)
    }

    fn objects(&self) -> Vec<String> {
        self.0.iter().map(|file| object("file_fetched", &file.fields())).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        rows(self.0.iter().map(FileFetched::fields))
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(|file| file.file.clone()).collect()
    }
}

impl Record for FilesRemoved {
    fn object(&self) -> String {
        list("files_removed", self.0.iter().map(FileRemoved::fields))
    }

    fn human(&self, _: View) -> String {
        self.0.iter().fold(String::new(), |text, file| text + &format!("deleted {}\n", escape(&file.path)))
    }

    fn objects(&self) -> Vec<String> {
        self.0.iter().map(|file| object("file_removed", &file.fields())).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        rows(self.0.iter().map(FileRemoved::fields))
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(|file| file.path.clone()).collect()
    }
}

impl Record for Listed {
    fn object(&self) -> String {
        list("files", self.files.iter().map(|file| self.fields(file)))
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        if view.terminal {
            table.heading(&["PATH", "SIZE", "MODIFIED", "SHA-256"]);
        }
        for file in &self.files {
            table.row([
                Cell::plain(escape(&file.path)),
                Cell::plain(size(file.size)),
                Cell::new(Role::Dim, time(file.modified).unwrap_or_else(|| "-".to_owned())),
                Cell::new(Role::Dim, file.sha256.as_deref().map_or_else(|| "-".into(), shortened)),
            ]);
        }
        table.render(view.palette)
    }

    fn objects(&self) -> Vec<String> {
        self.files.iter().map(|file| object("file", &self.fields(file))).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        rows(self.files.iter().map(|file| self.fields(file)))
    }

    fn raw(&self) -> Vec<String> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }
}

type Fields = Vec<(&'static str, Value)>;

fn list(kind: &str, files: impl Iterator<Item = Fields>) -> String {
    let files: Vec<Value> = files
        .map(|fields| Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
        .collect();
    object(kind, &[("files", json!(files))])
}

/// The fields without their names: text as it is, other values as JSON, nothing for what is not known.
fn rows(files: impl Iterator<Item = Fields>) -> Vec<Vec<String>> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    files.map(|fields| fields.into_iter().map(|(_, value)| text(value)).collect()).collect()
}

/// A time as records have it; none for one that is beyond all calendars.
fn time(seconds: u64) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(format!("{time:.0}"))
}

fn sum(sha256: &str) -> Cell {
    Cell::new(Role::Dim, format!("sha256 {}", shortened(sha256)))
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
