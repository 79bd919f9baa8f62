//! The form results are asked for in: a format, and with `--jq` a filter that each record goes through first.

use super::{jq::Filter, style::Format};
use crate::failure::Failure;

/// What results are written as.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    /// How a record looks.
    pub format: Format,
    /// What is made of its JSON before.
    pub filter: Option<Filter>,
}

impl Form {
    /// The form of a format and a filter, as they were typed; none when neither was.
    pub(crate) fn of(format: Option<Format>, filter: Option<&str>) -> Result<Option<Self>, Failure> {
        let Some(filter) = filter else { return Ok(format.map(Self::from)) };
        let format = format.unwrap_or(Format::Json);
        if !matches!(format, Format::Json | Format::Ndjson | Format::Raw) {
            return Err(Failure::usage("a filter gives JSON, which this format is not").hint(
                "leave -o out, or give -o raw for text without quotes: -o raw --jq '.a + \"\\t\" + .b'",
            ));
        }
        Ok(Some(Self { format, filter: Some(Filter::compile(filter)?) }))
    }
}

/// What a filter makes of a document, as JSON.
pub(super) fn filtered(filter: &Filter, document: &str) -> Result<Vec<String>, Failure> {
    // It may take its time, which the other tasks of this thread need not.
    tokio::task::block_in_place(|| filter.run(document))
}

/// JSON as raw text: a string is itself, without quotes.
pub(crate) fn text(json: &str) -> String {
    string(json).unwrap_or_else(|| json.to_owned())
}

/// The text that a JSON string stands for; none for other values.
pub(super) fn string(json: &str) -> Option<String> {
    // To learn it from an error costs more than to look.
    if json.trim_start().starts_with('"') { serde_json::from_str(json).ok() } else { None }
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        Self { format, filter: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn asked(format: Option<Format>, filter: &str) -> Form {
        Form::of(format, Some(filter)).unwrap().unwrap()
    }

    #[test]
    fn a_filter_means_json_unless_another_form_of_it_is_asked_for() {
        assert_eq!(asked(None, ".").format, Format::Json);
        assert_eq!(asked(Some(Format::Ndjson), ".").format, Format::Ndjson);
        assert_eq!(asked(Some(Format::Raw), ".").format, Format::Raw);
        for format in [Format::Human, Format::Tsv] {
            assert_eq!(Form::of(Some(format), Some(".")).unwrap_err().exit(), Exit::Usage);
        }
        assert!(Form::of(None, None).unwrap().is_none());
    }

    #[test]
    fn a_mistake_in_a_filter_is_told_before_anything_is_done() {
        let failure = Form::of(None, Some(".a | foo")).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.message().contains("column 6"), "{failure:?}");
    }

    #[test]
    fn raw_text_has_no_quotes_and_other_values_stay_json() {
        let filter = Filter::compile(".a, .b").unwrap();
        let results = filtered(&filter, r#"{"a":"x\ty","b":[1]}"#).unwrap();
        assert_eq!(results, [r#""x\ty""#, "[1]"]);
        assert_eq!(results.iter().map(|json| text(json)).collect::<Vec<_>>(), ["x\ty", "[1]"]);
    }
}
