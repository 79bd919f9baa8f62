//! What a person can try when the gateway refuses or ends something: one decision for each refusal and each close code of the
//! protocol. What is nearest to a name that is not there is found out by `command/missing.rs`.

use concierge_client::{
    CallError, CloseCause, ConnectError, Wire,
    payload::{CloseCode, Rejection},
};

/// What to try when a request was refused.
pub(crate) fn of_rejection(rejection: &Rejection) -> Option<&'static str> {
    Some(match rejection {
        Rejection::UnknownName { .. } => "`clients ls` lists who is there",
        Rejection::UnknownUuid { .. } => {
            "`clients ls` lists who is there; a uuid is new with every connection"
        }
        Rejection::UnknownService { .. } => "`services ls` lists what is there",
        Rejection::Refused { desc: None } => {
            "`services show NAME` tells whose service it is, and who subscribes to it"
        }
        Rejection::Refused { desc: Some(_) } => {
            "the gateway has a limit there: give back what is not needed, or ask whoever runs it for more"
        }
        Rejection::Unsupported => {
            "the gateway is older than this request, or another one: `concierge doctor` tells what it can"
        }
        Rejection::Protocol { .. } => {
            "is a name too long, or the data nested too deep? `concierge doctor` tells the gateway's limits"
        }
        Rejection::Internal { .. } => "try again later; the gateway's log tells why",
        _ => return None,
    })
}

/// What to try when the gateway has closed a connection with this code.
pub(crate) fn of_close(code: CloseCode) -> Option<&'static str> {
    Some(match code {
        CloseCode::Normal | CloseCode::GoingAway => "the gateway stops: try again when it is back",
        CloseCode::ServiceRestart => "the gateway restarts: try again in a moment",
        CloseCode::ProtocolError | CloseCode::UnsupportedData | CloseCode::InvalidData => {
            "something on the way changes what is sent: `concierge doctor` looks at it"
        }
        CloseCode::Lost => "is the network down, or the gateway? `concierge doctor` looks at the way to it",
        CloseCode::PolicyViolation => "a proxy before the gateway may forbid this: ask whoever runs it",
        CloseCode::MessageTooBig => {
            "send less at a time; `concierge doctor` tells how much the gateway takes"
        }
        CloseCode::ExtensionRequired => "a proxy before the gateway wants an extension that none speaks here",
        CloseCode::InternalError | CloseCode::Unknown => "try again later; the gateway's log tells why",
        CloseCode::TryAgainLater => "the gateway has too much to do: try again later",
        CloseCode::FatalDecode => {
            "is the nickname or a tag too long? --nickname and --tag, or the settings: `concierge config explain`"
        }
        CloseCode::NoAuth => {
            "the first payload must be IDENTIFY: with `concierge raw`, that is the first line"
        }
        CloseCode::AuthFailed => {
            "the line may be slow: try again; with `concierge raw`, IDENTIFY must come at once"
        }
        CloseCode::DuplicateAuth => {
            "choose another name with --name, or wait until the other client has left"
        }
        CloseCode::BadSecret => {
            "give the gateway's secret: --secret-file FILE, --ask-secret or CONCIERGE_SECRET"
        }
        CloseCode::BadVersion => {
            "update the gateway or this program: `concierge version` tells what this one speaks"
        }
        CloseCode::BadAuth => {
            "a name has letters, digits and _ only; this gateway may allow only those of ASCII"
        }
        CloseCode::HeartbeatFailed => "was this process stopped, or the line down? Connect again",
        CloseCode::RateLimited => "send more slowly: `send --interval`, or ask whoever runs it for more",
        CloseCode::SlowConsumer => {
            "what reads the output is too slow: write it to a file, or ask for less with --type, --from and --service"
        }
        CloseCode::LimitExceeded => {
            "too much was refused for a limit: `concierge doctor` tells the gateway's limits"
        }
        CloseCode::Kicked => "an operator removed this client: ask whoever runs the gateway",
        CloseCode::Other(_) => "the code is this gateway's own: ask whoever runs it",
        _ => return None,
    })
}

/// What to try when a connection has ended.
pub(crate) fn of_cause(cause: &CloseCause) -> Option<&'static str> {
    match cause {
        CloseCause::ByGateway { code, .. } => of_close(*code),
        CloseCause::Lost { .. } | CloseCause::Silent { .. } | CloseCause::Stalled { .. } => {
            of_close(CloseCode::Lost)
        }
        CloseCause::TooLarge { .. } => Some("somebody sends more than this program takes at a time"),
        CloseCause::NotUtf8 | CloseCause::Violation { .. } => of_close(CloseCode::ProtocolError),
        CloseCause::GaveUp { .. } => Some("`concierge doctor` looks at the way to the gateway"),
        CloseCause::NotRestored { .. } => Some("the gateway may be busy: try again later"),
        _ => None,
    }
}

/// What to try when a call has no answer.
pub(crate) fn of_call(error: &CallError) -> Option<&'static str> {
    match error {
        CallError::Rejected(rejection) => of_rejection(rejection),
        CallError::Timeout { .. } => Some("the gateway may be busy; --timeout waits longer"),
        CallError::Lost { wire: Wire::MaybeSent, .. } => Some("look whether it was done before asking again"),
        CallError::Lost { cause, .. } | CallError::Closed { cause } => of_cause(cause),
        CallError::NotConnected { .. } => Some("wait until the connection is back"),
        CallError::Decode(_) => Some("is this a gateway of another version? `concierge doctor` tells"),
        other => other.hint(),
    }
}

/// What to try when there is no connection.
pub(crate) fn of_connect(error: &ConnectError) -> Option<&'static str> {
    match error {
        ConnectError::Refused { code, .. } => error.hint().or_else(|| of_close(*code)),
        other => other.hint(),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use concierge_client::payload::Incoming;

    use super::*;

    /// Every refusal of the protocol, as it comes: one that is added there is added here, and has its hint above.
    const REFUSALS: [(&str, &str); 8] = [
        ("BAD", r#""seq":1"#),
        ("BAD", r#""seq":1,"desc":"x""#),
        ("ERROR_INTERNAL", r#""seq":1,"desc":"x""#),
        ("ERROR_PROTOCOL", r#""seq":1,"desc":"x""#),
        ("ERROR_UNSUPPORTED", r#""seq":1"#),
        ("INVALID_NAME", r#""seq":1,"name":"x""#),
        ("INVALID_SERVICE", r#""seq":1,"service":"x""#),
        ("INVALID_UUID", r#""seq":1,"uuid":"00000000-0000-4000-8000-000000000000""#),
    ];

    fn rejection(kind: &str, fields: &str) -> Rejection {
        match Incoming::decode(&format!(r#"{{"type":"{kind}",{fields}}}"#)) {
            Ok(Incoming::Reply { reply, .. }) => reply.accepted().unwrap_err(),
            other => panic!("{kind}: {other:?}"),
        }
    }

    #[test]
    fn every_refusal_has_a_hint_of_its_own() {
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../concierge-client/src/payload/rejection.rs");
        let source = fs::read_to_string(source).unwrap();
        let named = source.lines().filter_map(|line| line.trim().strip_prefix("/// `")?.strip_suffix('`'));
        let listed = REFUSALS.iter().map(|(kind, _)| *kind);
        assert_eq!(named.collect::<BTreeSet<_>>(), listed.collect());
        let hints: BTreeSet<_> = REFUSALS
            .iter()
            .map(|(kind, fields)| of_rejection(&rejection(kind, fields)).unwrap_or_else(|| panic!("{kind}")))
            .collect();
        assert_eq!(hints.len(), REFUSALS.len());
    }

    #[test]
    fn every_close_code_has_a_hint() {
        let known: Vec<_> =
            (1000..=4999).map(CloseCode::from).filter(|code| code.name() != "OTHER").collect();
        assert!(known.contains(&CloseCode::Kicked) && known.contains(&CloseCode::GoingAway));
        for code in known.into_iter().chain([CloseCode::Other(4999)]) {
            assert!(of_close(code).is_some(), "{code}");
            let at_the_door = ConnectError::Refused { code, reason: String::new() };
            assert!(of_connect(&at_the_door).is_some(), "{code} at the door");
            let cause = CloseCause::ByGateway { code, reason: "".into() };
            assert!(of_call(&CallError::Closed { cause }).is_some(), "{code} before a call");
        }
    }

    #[test]
    fn hints_are_short_and_read_like_the_others() {
        let codes = (1000..=4999).map(CloseCode::from).filter_map(of_close);
        let refusals = REFUSALS.iter().filter_map(|(kind, fields)| of_rejection(&rejection(kind, fields)));
        for hint in codes.chain(refusals) {
            assert!(hint.len() <= 120 && !hint.ends_with('.') && !hint.contains("ClientBuilder"), "{hint}");
        }
    }
}
