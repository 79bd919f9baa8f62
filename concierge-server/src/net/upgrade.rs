//! Whether a request is an opening handshake of RFC 6455, section 4.2.1, and which subprotocol the connection will speak.

use concierge_client::payload::SUBPROTOCOL;
use concierge_client::telegraphy::SUBPROTOCOLS;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::{HeaderMap, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The version of the WebSocket protocol, as the handshake names it.
pub(super) const WEBSOCKET_VERSION: &str = "13";

/// A handshake that is accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The value of `Sec-WebSocket-Accept`.
    pub(super) key: String,
    /// What the connection speaks.
    pub(super) dialect: Dialect,
    /// The subprotocol to echo.
    pub(super) subprotocol: Option<&'static str>,
}

/// What a connection can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `ert-concierge`.
    Concierge,
    /// Telegraphy.
    Telegraphy,
}

/// What can be spoken at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    /// `ert-concierge` alone.
    Concierge,
    /// That, unless a subprotocol says otherwise.
    Either,
    /// Telegraphy alone.
    Telegraphy,
}

/// The subprotocols there are.
const OURS: [(Dialect, &str); 3] = {
    let [newest, first] = SUBPROTOCOLS;
    [(Dialect::Concierge, SUBPROTOCOL), (Dialect::Telegraphy, newest), (Dialect::Telegraphy, first)]
};

/// Why a request is no handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHandshake {
    /// It does not ask for a WebSocket.
    NoUpgrade,
    /// It asks for another version of the protocol.
    OtherVersion,
    /// It asks, but not as the standard says; here is what is wrong.
    Malformed(&'static str),
}

/// Reads the handshake of a `GET`, where these can be spoken.
pub(super) fn handshake(
    version: Version,
    headers: &HeaderMap,
    spoken: Spoken,
) -> Result<Accepted, NoHandshake> {
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(NoHandshake::NoUpgrade);
    }
    if version < Version::HTTP_11 {
        return Err(NoHandshake::Malformed("a WebSocket needs HTTP/1.1"));
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(NoHandshake::Malformed("the header Connection does not say Upgrade"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != WEBSOCKET_VERSION) {
        return Err(NoHandshake::OtherVersion);
    }
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    if has_body {
        return Err(NoHandshake::Malformed("an upgrade has no body"));
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key.as_bytes()) => {
            let (dialect, subprotocol) = negotiate(headers, spoken);
            Ok(Accepted { key: derive_accept_key(key.as_bytes()), dialect, subprotocol })
        }
        _ => Err(NoHandshake::Malformed("the header Sec-WebSocket-Key is not 16 bytes in base64")),
    }
}

/// Chooses what the connection speaks: of the subprotocols that are known there the client offers its first, and the dialect of the
/// path without an echo when it offers none.
fn negotiate(headers: &HeaderMap, spoken: Spoken) -> (Dialect, Option<&'static str>) {
    let known = |offer: &str| {
        let known = match spoken {
            Spoken::Concierge => &OURS[..1],
            Spoken::Either => &OURS,
            Spoken::Telegraphy => &OURS[1..],
        };
        known.iter().find(|(_, name)| *name == offer).copied()
    };
    let usual = if spoken == Spoken::Telegraphy { Dialect::Telegraphy } else { Dialect::Concierge };
    let offered = tokens(headers, &SEC_WEBSOCKET_PROTOCOL).find_map(known);
    offered.map_or((usual, None), |(dialect, name)| (dialect, Some(name)))
}

/// Whether a text is 16 bytes in base64: 22 digits, of which the last has four bits to spare, and the padding.
fn is_key(text: &[u8]) -> bool {
    let Some((digits, b"==")) = text.split_at_checked(22) else { return false };
    digits.iter().all(|digit| digit.is_ascii_alphanumeric() || matches!(digit, b'+' | b'/'))
        && matches!(digits.last(), Some(b'A' | b'Q' | b'g' | b'w'))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

/// The elements of a header that is a list, over all its lines.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const HANDSHAKE: [(&str, &str); 4] = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    /// The handshake with some lines left out and others added.
    fn request(without: &[&str], with: &[(&'static str, &'static str)]) -> Result<Accepted, NoHandshake> {
        let mut headers = HeaderMap::new();
        let kept = HANDSHAKE.iter().filter(|(name, _)| !without.contains(name));
        for (name, value) in kept.chain(with) {
            headers.append(*name, HeaderValue::from_static(value));
        }
        handshake(Version::HTTP_11, &headers, Spoken::Either)
    }

    fn subprotocol(offers: &[&'static str]) -> Option<&'static str> {
        let lines: Vec<_> = offers.iter().map(|offer| ("sec-websocket-protocol", *offer)).collect();
        request(&[], &lines).unwrap().subprotocol
    }

    #[test]
    fn the_example_of_the_standard_is_accepted() {
        let accepted = request(&[], &[]).unwrap();
        assert_eq!(accepted.key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!((accepted.dialect, accepted.subprotocol), (Dialect::Concierge, None));
    }

    #[test]
    fn tokens_are_found_in_lists_whatever_their_case() {
        let lines =
            [("upgrade", "h2c, WebSocket"), ("connection", "keep-alive"), ("connection", "close , UPGRADE")];
        request(&["upgrade", "connection"], &lines).unwrap();
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        assert_eq!(request(&["upgrade"], &[]), Err(NoHandshake::NoUpgrade));
        assert_eq!(request(&["upgrade"], &[("upgrade", "h2c")]), Err(NoHandshake::NoUpgrade));
        assert_eq!(request(&["sec-websocket-version"], &[]), Err(NoHandshake::OtherVersion));
        let other = request(&["sec-websocket-version"], &[("sec-websocket-version", "8")]);
        assert_eq!(other, Err(NoHandshake::OtherVersion));
        for (without, with) in [
            ("connection", ("connection", "close")),
            ("sec-websocket-key", ("x-key", "x")),
            ("sec-websocket-key", ("sec-websocket-key", "short")),
            ("sec-websocket-key", ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZR==")),
            ("sec-websocket-key", ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==x")),
            ("", ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")),
            ("", ("content-length", "5")),
            ("", ("transfer-encoding", "chunked")),
        ] {
            let outcome = request(&[without], &[with]);
            assert!(matches!(outcome, Err(NoHandshake::Malformed(_))), "{without} {with:?}: {outcome:?}");
        }
    }

    #[test]
    fn our_subprotocol_is_echoed_wherever_it_stands() {
        for offers in
            [&["ert-concierge"][..], &["chat,ert-concierge , superchat"], &["chat", "ert-concierge"]]
        {
            assert_eq!(subprotocol(offers), Some("ert-concierge"), "{offers:?}");
        }
    }

    #[test]
    fn a_subprotocol_or_the_path_chooses_what_is_spoken() {
        use Dialect::{Concierge, Telegraphy};
        let both = "telegraphy, ert-concierge";
        for (offer, spoken, chosen) in [
            ("telegraphy.v1", Spoken::Either, (Telegraphy, Some("telegraphy.v1"))),
            ("telegraphy", Spoken::Either, (Telegraphy, Some("telegraphy"))),
            (both, Spoken::Either, (Telegraphy, Some("telegraphy"))),
            (both, Spoken::Concierge, (Concierge, Some("ert-concierge"))),
            ("telegraphy", Spoken::Concierge, (Concierge, None)),
            ("chat", Spoken::Telegraphy, (Telegraphy, None)),
            ("ert-concierge, telegraphy.v1", Spoken::Telegraphy, (Telegraphy, Some("telegraphy.v1"))),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offer));
            assert_eq!(negotiate(&headers, spoken), chosen, "{offer} {spoken:?}");
        }
    }

    #[test]
    fn unknown_subprotocols_are_accepted_without_an_echo() {
        for offers in
            [&[][..], &["chat"], &["e, r, t, -, c, o, n, c, i, e, r, g, e"], &["ERT-CONCIERGE"], &[""]]
        {
            assert_eq!(subprotocol(offers), None, "{offers:?}");
        }
    }
}
