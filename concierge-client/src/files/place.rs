//! Where a file is, as a URL has it.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::error::FileError;
use crate::net::GatewayUrl;

/// What a name within a path cannot have as it is: RFC 3986, section 3.3.
const NAME: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The folder of a client, below the store.
pub(super) fn folder(client: &str) -> String {
    format!("{}/", encode(client))
}

/// A file, below the store. What could never be a path is refused before anybody is asked.
pub(super) fn file(client: &str, path: &str) -> Result<String, FileError> {
    let wrong = |message: &str| FileError::Path { path: path.to_owned(), message: message.to_owned() };
    if path.split('/').any(str::is_empty) {
        return Err(wrong("a name in it is empty"));
    }
    // An HTTP client would make another path of it.
    if path.split('/').any(|name| matches!(name, "." | "..")) {
        return Err(wrong("a name in it is . or .."));
    }
    let names: Vec<_> = path.split('/').map(encode).collect();
    Ok(folder(client) + &names.join("/"))
}

/// The path of the store at a gateway: that of its WebSocket with `/fs` in the place of `/ws` at the end.
pub(super) fn store(gateway: &GatewayUrl) -> String {
    let path = gateway.path();
    let before = path.strip_suffix("/ws").unwrap_or_else(|| path.trim_end_matches('/'));
    format!("{before}/fs/")
}

fn encode(name: &str) -> String {
    utf8_percent_encode(name, NAME).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_and_slashes_stay() {
        assert_eq!(file("größe", "a/b c%2f.txt").unwrap(), "gr%C3%B6%C3%9Fe/a/b%20c%252f.txt");
        assert_eq!(folder("alice"), "alice/");
        for path in ["", "/a", "a/", "a//b", "..", "a/../b", "."] {
            assert!(file("alice", path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn the_store_is_beside_the_websocket() {
        for (gateway, path) in [
            ("ws://h/ws", "/fs/"),
            ("ws://h/chat/ws", "/chat/fs/"),
            ("ws://h/", "/fs/"),
            ("ws://h/gateway", "/gateway/fs/"),
        ] {
            assert_eq!(store(&gateway.parse().unwrap()), path, "{gateway}");
        }
    }
}
