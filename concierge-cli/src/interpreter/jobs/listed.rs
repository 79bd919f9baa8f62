//! Jobs as they are listed.

use serde_json::json;

use crate::output::{Record, View, escape, json::object};

/// Those that run: by which number, and what was typed.
pub(in super::super) struct Listed(pub(super) Vec<(u32, String)>);

impl Record for Listed {
    fn object(&self) -> String {
        let jobs: Vec<_> = self.0.iter().map(|(id, text)| json!({ "id": id, "line": text })).collect();
        object("jobs", &[("jobs", json!(jobs))])
    }

    fn human(&self, _view: View) -> String {
        self.0.iter().fold(String::new(), |lines, (id, text)| lines + &format!("[{id}] {}\n", escape(text)))
    }

    fn objects(&self) -> Vec<String> {
        let job = |(id, text): &(u32, String)| object("job", &[("id", json!(id)), ("line", json!(text))]);
        self.0.iter().map(job).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.0.iter().map(|(id, text)| vec![id.to_string(), text.clone()]).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(|(_, text)| text.clone()).collect()
    }
}
