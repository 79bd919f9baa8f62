//! The variables as a result of `vars`.

use serde_json::json;

use crate::{
    language::Variables,
    output::{Record, View, escape_json},
};

/// What is listed: names and values.
pub(super) struct Listed(Vec<(String, String)>);

impl Listed {
    /// All of them.
    pub(super) fn of(variables: &Variables) -> Self {
        Self(variables.iter().map(|(name, json)| (name.to_owned(), json.to_owned())).collect())
    }
}

impl Record for Listed {
    fn object(&self) -> String {
        // Values are copied as they are.
        let fields: Vec<_> = self.0.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        format!(r#"{{"type":"variables","variables":{{{}}}}}"#, fields.join(","))
    }

    fn human(&self, _view: View) -> String {
        let line = |(name, value): &(String, String)| format!("${name} = {}\n", escape_json(value));
        self.0.iter().map(line).collect()
    }

    fn objects(&self) -> Vec<String> {
        let variable = |(name, value): &(String, String)| {
            format!(r#"{{"type":"variable","name":{},"value":{value}}}"#, json!(name))
        };
        self.0.iter().map(variable).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.0.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }
}
