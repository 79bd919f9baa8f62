//! `event token`: lets somebody in, once.

use std::{net::IpAddr, path::Path, str::FromStr, sync::Arc};

use clap::Args;
use concierge_client::telegraphy::{EventName, Grant, Grants, UserId, web::IssueToken};
use serde_json::Value;

use super::{EventContext, publish::seconds, records::AuthToken};
use crate::{
    command::send::text_of_file,
    failure::Failure,
    grammar::{parse_name, text},
    output::Format,
};

const EXAMPLES: &str = r#"Examples:
  concierge event token 42
  concierge event token 42 --grant 'shop.Order:{"customer": 42}' --ttl 30s
  concierge event token 42 --grant @grants.json --grant todo.Task --json
  concierge event token 42 --ip 192.0.2.7 --origin https://shop.example
  concierge event token --anonymous

It is on the standard output, and nowhere else. It works once, and waits a minute for that unless --ttl says otherwise. What a grant filters
by is never seen by whoever has it. A file of grants is the object {"EVENT": true, "EVENT": {"filters": {…}}}."#;

/// `event token`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TokenArgs {
    /// Whose it is, as the web application calls its users
    #[arg(value_name = "USER", value_parser = parse_name::<UserId>, required_unless_present = "anonymous")]
    pub user: Option<UserId>,
    /// For somebody whom the web application does not know
    #[arg(long, conflicts_with = "user")]
    pub anonymous: bool,
    /// What they may see besides what everybody may: EVENT, EVENT:{FILTERS}, or @FILE; may be repeated
    #[arg(long = "grant", value_name = "GRANT")]
    pub grants: Vec<Granted>,
    /// How long it waits to be used, in whole seconds [default: the gateway's, a minute]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub ttl: Option<u64>,
    /// The only address it may come from
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<IpAddr>,
    /// The only page it may come from, as browsers call it, such as `https://shop.example`
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
}

/// What somebody may see, as it is typed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Granted {
    /// An event, or what of it fulfils filters.
    Event(EventName, Grant),
    /// What a file says.
    File(String),
}

impl FromStr for Granted {
    type Err = String;

    /// Filters begin with the first `:{`, so that a name may have a colon in it.
    fn from_str(word: &str) -> Result<Self, String> {
        if let Some(path) = word.strip_prefix('@').filter(|path| !path.is_empty()) {
            return Ok(Self::File(path.to_owned()));
        }
        let (name, grant) = match word.split_once(":{") {
            Some((name, filters)) => {
                let filters = serde_json::from_str::<Value>(&format!("{{{filters}"));
                let filters = filters.map_err(|error| format!("the filters are not valid JSON: {error}"))?;
                (name, Grant::Filtered(filters))
            }
            None if word.contains('=') => {
                return Err("filters are JSON: EVENT:{\"customer\": 42}".to_owned());
            }
            None => (word, Grant::All),
        };
        let name = text(name).parse::<EventName>().map_err(|error| error.to_string())?;
        Ok(Self::Event(name, grant))
    }
}

pub(super) async fn issue(arguments: TokenArgs, context: &EventContext<'_>) -> Result<(), Failure> {
    let TokenArgs { user, grants, ttl, ip, origin, .. } = arguments;
    let grants = gathered(grants)?;
    let token = IssueToken { user: user.clone(), grants, ip, origin: origin.map(Arc::from), ttl };
    let issued = context.publisher()?.issue_token(token).await?;
    let expires = issued.expires;
    context.output.record(&AuthToken { user, issued })?;
    if context.output.format() == Format::Human {
        context.output.note(&format!("it works once, until {expires}"));
    }
    Ok(())
}

/// All that is granted. What is granted twice would be less than one of both says.
fn gathered(granted: Vec<Granted>) -> Result<Grants, Failure> {
    let mut all = Vec::new();
    for granted in granted {
        match granted {
            Granted::Event(event, grant) => all.push((event, grant)),
            Granted::File(path) => {
                let text = text_of_file(Path::new(&path))?;
                let grants: Grants = serde_json::from_str(&text)
                    .map_err(|error| Failure::usage(format!("{path}: these are no grants: {error}")))?;
                all.extend(grants.iter().map(|(event, grant)| (event.clone(), grant.clone())));
            }
        }
    }
    let mut names: Vec<_> = all.iter().map(|(event, _)| event).collect();
    names.sort();
    if let Some([twice, _]) = names.array_windows().find(|[first, second]| first == second) {
        return Err(Failure::usage(format!("{:?} is granted twice", twice.as_str()))
            .hint("filters of both are one with $or: {\"$or\": [{…}, {…}]}"));
    }
    Ok(all.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn granted(word: &str) -> Result<Granted, String> {
        word.parse()
    }

    #[test]
    fn a_grant_is_an_event_with_or_without_filters_or_a_file() {
        let event = |name: &str, grant| Ok(Granted::Event(name.parse().unwrap(), grant));
        assert_eq!(granted("todo.Task"), event("todo.Task", Grant::All));
        assert_eq!(granted("chat:room"), event("chat:room", Grant::All));
        let filters = json!({"customer": 42});
        assert_eq!(granted(r#"a:b:{"customer": 42}"#), event("a:b", Grant::Filtered(filters.clone())));
        assert_eq!(granted(r#"a:{"customer":42}"#), event("a", Grant::Filtered(filters)));
        assert_eq!(granted("@grants.json"), Ok(Granted::File("grants.json".to_owned())));
        for wrong in ["", "a:{", "a:customer=42", "a:{]"] {
            assert!(granted(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_granted_twice_is_refused() {
        let failure = gathered(vec![granted("a").unwrap(), granted(r#"a:{"b":1}"#).unwrap()]).unwrap_err();
        assert_eq!(failure.message(), "\"a\" is granted twice");
        assert_eq!(gathered(vec![granted("a").unwrap(), granted("b").unwrap()]).unwrap().len(), 2);
    }
}
