//! What `expect` waits for: `TYPE [from CLIENT] [service NAME] [where FILTER] [within TIME]`.

use std::time::Duration;

use concierge_client::payload::ServiceName;

use crate::{
    failure::Failure,
    grammar::{parse_service, parse_span},
};

/// How long is waited where nothing is said.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that is to arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Its type, in capitals as on the wire; none for any.
    pub kind: Option<String>,
    /// Who it comes from or concerns: a name or a uuid.
    pub client: Option<String>,
    /// The service that it came by or concerns.
    pub service: Option<ServiceName>,
    /// What must be true of it, in the language of jq.
    pub filter: Option<String>,
    /// How long it may take.
    pub within: Duration,
}

impl Condition {
    /// Reads the words after `expect`.
    pub(crate) fn read(words: &[String]) -> Result<Self, Failure> {
        let mut condition = Self { kind: None, client: None, service: None, filter: None, within: PATIENCE };
        let Some((kind, mut rest)) = words.split_first() else {
            return Err(usage("what is expected is missing"));
        };
        if !kind.eq_ignore_ascii_case("any") {
            condition.kind = Some(kind.to_uppercase());
        }
        while let Some((keyword, after)) = rest.split_first() {
            let end =
                if keyword == "where" { after.iter().position(|word| is_keyword(word)) } else { Some(1) };
            let (value, next) = after.split_at_checked(end.unwrap_or(after.len())).unwrap_or((after, &[]));
            let text = value.join(" ");
            if text.is_empty() {
                return Err(usage(format!("something is missing after `{keyword}`")));
            }
            let twice = match keyword.as_str() {
                "from" => {
                    condition.client.replace(text.strip_prefix('@').unwrap_or(&text).to_owned()).is_some()
                }
                "service" => {
                    let name = parse_service(&text).map_err(|error| usage(error.to_string()))?;
                    condition.service.replace(name).is_some()
                }
                "where" => condition.filter.replace(text).is_some(),
                "within" => {
                    condition.within =
                        parse_span(&text).map_err(|error| usage(format!("within: {error}")))?;
                    false
                }
                other => return Err(usage(format!("{other:?} is not understood"))),
            };
            if twice {
                return Err(usage(format!("`{keyword}` is given twice")));
            }
            rest = next;
        }
        Ok(condition)
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "from" | "service" | "within")
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::usage(message).hint("expect MESSAGE from bob service chat where '.data.n > 1' within 2s")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Condition, Failure> {
        Condition::read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn conditions_come_in_any_order() {
        let all = Condition {
            kind: Some("MESSAGE".to_owned()),
            client: Some("bob".to_owned()),
            service: Some("chat".parse().unwrap()),
            filter: Some(".data == 1".to_owned()),
            within: Duration::from_secs(2),
        };
        assert_eq!(read("message from @bob service #chat where .data == 1 within 2s"), Ok(all.clone()));
        assert_eq!(read("MESSAGE within 2s where .data == 1 service chat from bob"), Ok(all));
        let any = read("any").unwrap();
        assert_eq!((any.kind, any.within), (None, PATIENCE));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "MESSAGE from",
            "MESSAGE whither x",
            "MESSAGE from a from b",
            "MESSAGE within soon",
            "MESSAGE where",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
