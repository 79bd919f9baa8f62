//! The URL of a gateway, checked once.

use std::{fmt, str::FromStr};

use url::{Host, Url};

use crate::error::UrlError;

/// The URL of a gateway: `ws://` or `wss://`, a host, and usually a port and `/ws`.
///
/// `wss://` is TLS and needs the feature `rustls`, which is on by default.
///
/// ```
/// use concierge_client::GatewayUrl;
/// let url: GatewayUrl = "ws://127.0.0.1:64209/ws".parse()?;
/// assert_eq!(url.port(), 64209);
/// assert_eq!("ws://[::1]/ws".parse::<GatewayUrl>()?.port(), 80);
/// assert_eq!("wss://gateway.example/ws".parse::<GatewayUrl>()?.port(), 443);
/// assert!("http://127.0.0.1/".parse::<GatewayUrl>().is_err());
/// # Ok::<(), concierge_client::UrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GatewayUrl {
    url: Url,
    host: Host,
}

impl GatewayUrl {
    /// Checks a text.
    ///
    /// # Errors
    ///
    /// [`UrlError`] says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, UrlError> {
        let url = Url::parse(text.trim()).map_err(|error| match error {
            url::ParseError::EmptyHost => UrlError::NoHost { url: without_credentials(text) },
            error => UrlError::Syntax { url: without_credentials(text), detail: error.to_string() },
        })?;
        match url.scheme() {
            "ws" => {}
            "wss" if cfg!(feature = "rustls") => {}
            "wss" => return Err(UrlError::Tls),
            scheme => return Err(UrlError::Scheme { scheme: scheme.to_owned() }),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(UrlError::Fragment);
        }
        let host = url.host().ok_or_else(|| UrlError::NoHost { url: without_credentials(text) })?.to_owned();
        Ok(Self { url, host })
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The host: a name or an address, an IPv6 address in brackets.
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// The port; 80 when the URL has none, and 443 with TLS.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// Whether it is `wss://`, which is TLS.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "wss"
    }

    /// The path, beginning with a slash.
    #[cfg(feature = "http")]
    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }

    /// Host and port, as the header `Host` has them.
    #[cfg(feature = "http")]
    pub(crate) fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }

    pub(crate) fn parsed_host(&self) -> &Host {
        &self.host
    }
}

/// A text that was meant as a URL, without the password that somebody put in it.
fn without_credentials(text: &str) -> String {
    let start = text.find("//").map_or(0, |position| position + 2);
    let Some((before, rest)) = text.split_at_checked(start) else { return String::new() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rfind('@')).and_then(|at| rest.get(at..)) {
        Some(rest) => format!("{before}<redacted>{rest}"),
        None => text.to_owned(),
    }
}

impl FromStr for GatewayUrl {
    type Err = UrlError;
    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for GatewayUrl {
    type Error = UrlError;
    fn try_from(text: &str) -> Result<Self, UrlError> {
        Self::new(text)
    }
}

impl AsRef<str> for GatewayUrl {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_url_is_told() {
        for (text, message) in [
            ("", "\"\" is not a URL: relative URL without a base"),
            ("nonsense", "\"nonsense\" is not a URL: relative URL without a base"),
            ("http://x/ws", "the URL of a gateway starts with ws:// or wss://, this with \"http\""),
            ("127.0.0.1:64209", "\"127.0.0.1:64209\" is not a URL: relative URL without a base"),
            ("localhost:64209", "the URL of a gateway starts with ws:// or wss://, this with \"localhost\""),
            ("ws://", "\"ws://\" names no host"),
            ("ws://h:99999/", "\"ws://h:99999/\" is not a URL: invalid port number"),
            ("ws://user:secret@x/ws", "the URL of a gateway has no user and no password in it"),
            ("ws://al:sesame@h:x/@", "\"ws://<redacted>@h:x/@\" is not a URL: invalid port number"),
            ("al:sesame@h", "the URL of a gateway starts with ws:// or wss://, this with \"al\""),
            ("//al:sesame@h", "\"//<redacted>@h\" is not a URL: relative URL without a base"),
            ("ws://x/ws#top", "the URL of a gateway has no part after a #"),
        ] {
            assert_eq!(GatewayUrl::new(text).unwrap_err().to_string(), message);
        }
    }

    #[cfg(not(feature = "rustls"))]
    #[test]
    fn a_program_without_tls_says_so() {
        let error = GatewayUrl::new("wss://x/ws").unwrap_err();
        assert_eq!(error.to_string(), "wss:// needs TLS, which this program was built without");
    }
}
