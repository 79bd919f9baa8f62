//! Whom a proxy asks for: what `Forwarded` (RFC 7239) and `X-Forwarded-For` say, as far as it was said by proxies that are trusted.
//! Pure.
//!
//! Each proxy on the way appends from where it was asked, so both are read from their end on: past proxies that are trusted to the first
//! address that is none's of them, which is the client. What stands before it the client may have written itself, and is not looked at.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::{FORWARDED, HeaderName, HeaderValue};

use super::peer::Peer;
use crate::config::TrustedProxy;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whom a trusted proxy asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// For itself.
    Itself,
    /// For a client of this address.
    Client(Peer),
    /// For somebody, but who it is cannot be told.
    Unclear(Unclear),
}

/// Why it cannot be told whom a proxy asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unclear {
    /// A proxy keeps it to itself: `unknown`, or a word that only it understands.
    Hidden,
    /// What stands where an address should be is none.
    Broken,
    /// There are both headers, and they do not agree: one of them is not the proxy's.
    Contradiction,
}

/// Reads for whom a trusted proxy asks.
pub(super) fn whom(headers: &HeaderMap, trusted: &[TrustedProxy]) -> Whom {
    let by = |name: &HeaderName, read: fn(&[u8]) -> Result<Peer, Unclear>| {
        let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes).rev();
        client(lines.flat_map(elements_from_the_end).map(read), trusted)
    };
    match (by(&FORWARDED, peer_of_element), by(&X_FORWARDED_FOR, peer)) {
        (said, Whom::Itself) | (Whom::Itself, said) => said,
        (Whom::Client(one), Whom::Client(other)) if one.address == other.address => Whom::Client(one),
        (Whom::Unclear(one), Whom::Unclear(other)) if one == other => Whom::Unclear(one),
        _ => Whom::Unclear(Unclear::Contradiction),
    }
}

/// Walks from the nearest on to the first that is no trusted proxy.
fn client(peers: impl Iterator<Item = Result<Peer, Unclear>>, trusted: &[TrustedProxy]) -> Whom {
    let mut nearest = Whom::Itself;
    for peer in peers {
        match peer {
            Ok(peer) if trusted.iter().any(|proxy| proxy.includes(peer.address)) => {
                nearest = Whom::Client(peer);
            }
            Ok(peer) => return Whom::Client(peer),
            Err(unclear) => return Whom::Unclear(unclear),
        }
    }
    nearest
}

/// Reads `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]`, `[2001:db8::1]:4711`, `2001:db8::1`; `unknown` and `_hidden` are hidden.
fn peer(text: &[u8]) -> Result<Peer, Unclear> {
    let text = std::str::from_utf8(text).map_err(|_| Unclear::Broken)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Peer { address: address.into(), port: None });
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address.into());
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    if port.is_some_and(|port| !is_hidden(port) && port.parse::<u16>().is_err()) {
        return Err(Unclear::Broken);
    }
    if name.eq_ignore_ascii_case("unknown") || is_hidden(name) {
        return Err(Unclear::Hidden);
    }
    let address = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(literal) => literal.parse().map(IpAddr::V6),
        None => name.parse().map(IpAddr::V4),
    };
    address.map(|address| Peer { address: address.into(), port: None }).map_err(|_| Unclear::Broken)
}

/// Whether it is a word that only the proxy understands.
fn is_hidden(word: &str) -> bool {
    word.strip_prefix('_').is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    })
}

/// Reads what an element of `Forwarded` has as `for`. One without it says that somebody was there, and not who.
fn peer_of_element(element: &[u8]) -> Result<Peer, Unclear> {
    let mut values = split_from_the_end(element, b';').filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let name = pair.get(..equals)?.trim_ascii();
        let value = pair.get(equals + 1..)?.trim_ascii();
        name.eq_ignore_ascii_case(b"for").then_some(value)
    });
    match (values.next(), values.next()) {
        (None, _) => Err(Unclear::Hidden),
        (Some(value), None) => match value.strip_prefix(b"\"") {
            Some(quoted) => peer(&unquoted(quoted).ok_or(Unclear::Broken)?),
            None => peer(value),
        },
        (Some(_), Some(_)) => Err(Unclear::Broken),
    }
}

/// What a quoted string says, without its first quotation mark.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut said = Vec::with_capacity(text.len());
    let mut bytes = text.strip_suffix(b"\"")?.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return None,
            b'\\' => said.push(*bytes.next()?),
            byte => said.push(*byte),
        }
    }
    Some(said)
}

/// The elements of a list, the last one first; what is empty is none.
fn elements_from_the_end(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_from_the_end(line, b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Splits at a separator that stands outside of quotation marks, from the end on: a mark that a client left open spoils nothing behind it.
fn split_from_the_end(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let left = rest?;
        let mut is_quoted = false;
        for (position, byte) in left.iter().enumerate().rev() {
            let before = left.get(..position).unwrap_or_default();
            if *byte == b'"' && !is_escaped(before) {
                is_quoted = !is_quoted;
            } else if *byte == separator && !is_quoted {
                rest = Some(before);
                return left.get(position + 1..);
            }
        }
        rest = None;
        Some(left)
    })
}

/// Whether what follows this is escaped by it.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What these headers say, with 10.0.0.0/8 and `::1` trusted: an address, with its port where that is told, or why there is none.
    fn said(headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        match whom(&map, &["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]) {
            Whom::Itself => "itself".to_owned(),
            Whom::Client(peer) => peer.to_string(),
            Whom::Unclear(why) => format!("{why:?}"),
        }
    }

    fn forwarded(value: &str) -> String {
        said(&[("forwarded", value)])
    }

    fn x_forwarded_for(value: &str) -> String {
        said(&[("x-forwarded-for", value)])
    }

    #[test]
    fn without_a_header_a_proxy_asks_for_itself() {
        for headers in
            [&[][..], &[("forwarded", "")], &[("x-forwarded-for", " , ,")], &[("x-real-ip", "192.0.2.1")]]
        {
            assert_eq!(said(headers), "itself", "{headers:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        for (value, client) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "[2001:db8:cafe::17]:4711"),
            ("proto=https ; FOR = \"192.0.2.60:80\"", "192.0.2.60:80"),
            ("for=\"[2001:db8::17]\"", "2001:db8::17"),
            ("for=\"192.0.2.60:_port\"", "192.0.2.60"),
            ("for=\"\\1\\92.0.2.60\"", "192.0.2.60"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            ("for=192.0.2.43,for=\"[::1]\",for=10.1.1.1", "192.0.2.43"),
            ("for=192.0.2.43;host=\"a,b;c\\\"d\"", "192.0.2.43"),
            ("for=10.0.0.2, for=10.0.0.1", "10.0.0.2"),
            ("for=::ffff:192.0.2.1", "[::ffff:192.0.2.1]".trim_matches(['[', ']'])),
            ("for=unknown", "Hidden"),
            ("for=_gazonk", "Hidden"),
            ("for=\"_gazonk:_x\"", "Hidden"),
            ("for=\"unknown:80\", for=10.0.0.1", "Hidden"),
            ("proto=https", "Hidden"),
            ("for=192.0.2.1;for=192.0.2.2", "Broken"),
            ("for=", "Broken"),
            ("for=\"192.0.2.1", "Broken"),
            ("for=192.0.2.1\"", "Broken"),
            ("for=\"\"192.0.2.1\"", "Broken"),
            ("for=\"[192.0.2.1]\"", "Broken"),
            ("for=192.0.2.256", "Broken"),
            ("for=192.0.2.1:99999", "Broken"),
            ("for=_", "Broken"),
            ("for=example.org", "Broken"),
        ] {
            assert_eq!(forwarded(value), client, "{value}");
        }
    }

    #[test]
    fn x_forwarded_for_is_read_as_proxies_write_it() {
        for (value, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("203.0.113.1, 192.0.2.1, 10.0.0.3", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "[2001:db8::1]:4711"),
            ("192.0.2.1:4711", "192.0.2.1:4711"),
            ("10.0.0.1", "10.0.0.1"),
            (",192.0.2.1,,", "192.0.2.1"),
            ("unknown", "Hidden"),
            ("192.0.2.1, unknown, 10.0.0.1", "Hidden"),
            ("localhost", "Broken"),
            ("192.0.2.1:", "Broken"),
            ("\u{fc}", "Broken"),
        ] {
            assert_eq!(x_forwarded_for(value), client, "{value}");
        }
    }

    #[test]
    fn what_a_client_wrote_itself_changes_nothing() {
        for begun in [
            "10.0.0.1",
            "nonsense",
            "unknown",
            "\"",
            "for=\"a",
            "for=\"10.0.0.1",
            "\\",
            "\u{fc}",
            ";;=\"\\\"",
        ] {
            assert_eq!(x_forwarded_for(&format!("{begun}, 192.0.2.7")), "192.0.2.7", "{begun}");
            assert_eq!(forwarded(&format!("{begun}, for=192.0.2.7")), "192.0.2.7", "{begun}");
            assert_eq!(
                forwarded(&format!("{begun},for=\"[2001:db8::7]:1\", for=10.0.0.1")),
                "[2001:db8::7]:1",
                "{begun}"
            );
            assert_eq!(said(&[("forwarded", begun), ("forwarded", "for=192.0.2.7")]), "192.0.2.7", "{begun}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let lines = [
            ("x-forwarded-for", "203.0.113.1"),
            ("x-forwarded-for", "192.0.2.1, 10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
        ];
        assert_eq!(said(&lines), "192.0.2.1");
    }

    #[test]
    fn two_headers_are_believed_when_they_agree() {
        let both = |one, other| said(&[("forwarded", one), ("x-forwarded-for", other)]);
        assert_eq!(both("for=\"192.0.2.1:80\"", "192.0.2.1"), "192.0.2.1:80");
        assert_eq!(both("for=unknown", "unknown"), "Hidden");
        assert_eq!(both("for=203.0.113.1", "192.0.2.1"), "Contradiction");
        assert_eq!(both("nonsense", "192.0.2.1"), "Contradiction");
        assert_eq!(both("for=192.0.2.1", "nonsense"), "Contradiction");
        assert_eq!(both("", "192.0.2.1"), "192.0.2.1");
    }
}
