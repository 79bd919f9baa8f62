//! The headers that a client adds to the request for a WebSocket.

use tokio_tungstenite::tungstenite::http::{
    HeaderMap,
    header::{self, HeaderName, HeaderValue},
};

use crate::error::{BuildError, HeaderError};

/// What belongs to the handshake (RFC 6455, section 4.1), or to the connection it is made on.
const RESERVED: &[HeaderName] = &[
    header::HOST,
    header::CONNECTION,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];

/// Reads a header. Its value is marked as one that is never shown.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), BuildError> {
    let refused = |reason| BuildError::Header { name: name.to_owned(), reason };
    let key: HeaderName = name.parse().map_err(|_| refused(HeaderError::Name))?;
    if RESERVED.contains(&key) || key.as_str().starts_with("sec-websocket-") {
        return Err(refused(HeaderError::Handshake));
    }
    let shown = |character: char| matches!(character, ' '..='~' | '\t');
    let mut value: HeaderValue = match value.parse() {
        Ok(parsed) if value.chars().all(shown) => parsed,
        _ => return Err(refused(HeaderError::Value)),
    };
    value.set_sensitive(true);
    Ok((key, value))
}

/// Adds what a client wants sent to what is sent anyway; of a name that is there already, the client's wins.
pub(super) fn extend(request: &mut HeaderMap, headers: &HeaderMap) {
    for name in headers.keys() {
        request.remove(name);
    }
    for (name, value) in headers {
        request.append(name, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_handshake_are_refused() {
        for name in [
            "Host",
            "connection",
            "UPGRADE",
            "Sec-WebSocket-Key",
            "sec-websocket-protocol",
            "Sec-WebSocket-Extensions",
            "Content-Length",
            "Transfer-Encoding",
            "Proxy-Authorization",
        ] {
            let error = header(name, "x").unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("the header {name:?} cannot be sent: it belongs to the handshake")
            );
        }
    }

    #[test]
    fn what_would_break_the_request_is_refused_and_not_shown() {
        for (name, value, reason) in [
            ("", "x", HeaderError::Name),
            ("a b", "x", HeaderError::Name),
            ("x:", "x", HeaderError::Name),
            ("größe", "x", HeaderError::Name),
            ("X-Token", "sesame\r\nHost: evil", HeaderError::Value),
            ("X-Token", "sesame\0", HeaderError::Value),
            ("X-Token", "sésame", HeaderError::Value),
        ] {
            let error = header(name, value).unwrap_err();
            assert_eq!(error, BuildError::Header { name: name.to_owned(), reason });
            assert!(!format!("{error} {error:?}").contains("same"));
        }
    }

    #[test]
    fn a_value_is_never_shown() {
        let (name, value) = header("Authorization", "Bearer sesame").unwrap();
        let mut headers = HeaderMap::new();
        headers.append(name, value);
        assert!(!format!("{headers:?}").contains("sesame"), "{headers:?}");
    }

    #[test]
    fn the_clients_headers_take_the_place_of_those_that_are_sent_anyway() {
        let mut request = HeaderMap::new();
        request.append(header::USER_AGENT, HeaderValue::from_static("ours"));
        let mut headers = HeaderMap::new();
        for (name, value) in [("User-Agent", "theirs"), ("Cookie", "a"), ("Cookie", "b")] {
            let (name, value) = header(name, value).unwrap();
            headers.append(name, value);
        }
        extend(&mut request, &headers);
        let values =
            |name| request.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(values("user-agent"), ["theirs"]);
        assert_eq!(values("cookie"), ["a", "b"]);
    }
}
