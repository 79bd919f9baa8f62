//! Gateways' URLs as people write them.

use concierge_client::{GatewayUrl, payload::DEFAULT_PORT};

use crate::failure::Failure;

/// Where a gateway is when nothing else is said.
pub(crate) fn default_url() -> GatewayUrl {
    format!("ws://127.0.0.1:{DEFAULT_PORT}/ws").parse().expect("the default URL is a gateway's")
}

/// Reads a URL; `HOST:PORT` is short for `ws://HOST:PORT/ws`.
pub(super) fn parse_url(text: &str) -> Result<GatewayUrl, Failure> {
    let text = text.trim();
    let full = if text.contains("://") { text.to_owned() } else { format!("ws://{text}") };
    let without_path =
        full.split_once("://").is_some_and(|(_, rest)| !rest.is_empty() && !rest.contains(['/', '?', '#']));
    let full = if without_path { format!("{full}/ws") } else { full };
    GatewayUrl::new(&full).map_err(|error| {
        let failure = Failure::usage(error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_host_and_a_port_are_enough() {
        for (text, url) in [
            ("localhost:64209", "ws://localhost:64209/ws"),
            ("[::1]:1", "ws://[::1]:1/ws"),
            ("ws://host", "ws://host/ws"),
            ("ws://host/", "ws://host/"),
        ] {
            assert_eq!(parse_url(text).unwrap().as_str(), url);
        }
    }

    #[test]
    fn an_invalid_url_is_a_usage_error_with_a_hint() {
        for text in ["http://host/", "ws://", "a b", "ws://h:99999"] {
            let failure = parse_url(text).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{text}");
            assert!(failure.hinted().is_some(), "{text}");
        }
    }
}
