//! The URL of a proxy, checked once. It shows neither user nor password.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::{error::ProxyUrlError, net::tcp::Endpoint, payload::Secret};

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// HTTP, with `CONNECT`.
    Http,
    /// SOCKS5.
    Socks5 {
        /// Whether it looks up the gateway's name, or is given an address.
        resolves: bool,
    },
}

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    scheme: Scheme,
    host: Host,
    port: u16,
    credentials: Option<Credentials>,
}

/// What a proxy lets one in for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: Secret,
    pub(super) password: Secret,
}

/// The longest user and the longest password that SOCKS5 can carry, in bytes (RFC 1929, section 2).
const MAX_SOCKS_CREDENTIAL: usize = 255;

impl Proxy {
    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn endpoint(&self) -> Endpoint<'_> {
        Endpoint { host: &self.host, port: self.port }
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }
}

impl FromStr for Proxy {
    type Err = ProxyUrlError;

    /// Reads a URL; without a scheme it is one of an HTTP proxy.
    fn from_str(text: &str) -> Result<Self, ProxyUrlError> {
        let text = text.trim();
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&full).map_err(|error| match error {
            url::ParseError::EmptyHost => ProxyUrlError::NoHost,
            error => ProxyUrlError::Syntax { detail: error.to_string() },
        })?;
        let (scheme, default_port) = match url.scheme() {
            "http" => (Scheme::Http, 80),
            "socks5" => (Scheme::Socks5 { resolves: false }, 1080),
            "socks5h" => (Scheme::Socks5 { resolves: true }, 1080),
            other => return Err(ProxyUrlError::Scheme { scheme: other.to_owned() }),
        };
        let host = match url.host() {
            None | Some(Host::Domain("")) => return Err(ProxyUrlError::NoHost),
            // Of a scheme that it does not know, a URL does not tell names from addresses.
            Some(Host::Domain(name)) => {
                Host::parse(name).map_err(|error| ProxyUrlError::Syntax { detail: error.to_string() })?
            }
            Some(address) => address.to_owned(),
        };
        let credentials = credentials(&url)?;
        if let (Scheme::Socks5 { .. }, Some(credentials)) = (scheme, &credentials) {
            for part in [&credentials.user, &credentials.password] {
                if part.reveal().is_empty() || part.reveal().len() > MAX_SOCKS_CREDENTIAL {
                    return Err(ProxyUrlError::Credentials);
                }
            }
        }
        Ok(Self { scheme, host, port: url.port().unwrap_or(default_port), credentials })
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, ProxyUrlError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) if text.contains('\0') => Err(ProxyUrlError::Credentials),
        Ok(text) => Ok(Secret::new(text.into_owned())),
        Err(_) => Err(ProxyUrlError::Credentials),
    };
    Ok(Some(Credentials {
        user: decoded(url.username())?,
        password: decoded(url.password().unwrap_or_default())?,
    }))
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Socks5 { resolves: false } => "socks5",
            Scheme::Socks5 { resolves: true } => "socks5h",
        };
        write!(formatter, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_a_proxy_is_read_and_shown_without_what_is_secret() {
        for (text, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("http://proxy.example/", "http://proxy.example:80"),
            ("HTTP://al:open%20sesame@Proxy.example", "http://proxy.example:80"),
            ("socks5://10.0.0.1", "socks5://10.0.0.1:1080"),
            ("socks5h://[::1]:80", "socks5h://[::1]:80"),
            ("socks5h://al:sesame@proxy.example:9050", "socks5h://proxy.example:9050"),
        ] {
            let proxy: Proxy = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(proxy.to_string(), shown);
            assert!(!format!("{proxy:?}").contains("sesame"), "{proxy:?}");
        }
        let proxy: Proxy = "http://al%40x:open%20sesame@h".parse().unwrap();
        let credentials = proxy.credentials().unwrap();
        assert_eq!((credentials.user.reveal(), credentials.password.reveal()), ("al@x", "open sesame"));
        assert_eq!(
            "socks5://10.0.0.1".parse::<Proxy>().unwrap().host,
            Host::<String>::Ipv4([10, 0, 0, 1].into())
        );
    }

    #[test]
    fn what_is_wrong_with_a_url_of_a_proxy_is_told_without_the_url() {
        let long = format!("socks5://{}:x@h", "u".repeat(256));
        for (text, message) in [
            ("", "it names no host"),
            ("http://", "it names no host"),
            ("socks5://", "it names no host"),
            ("https://h", "a proxy is http://, socks5:// or socks5h://, not \"https\""),
            ("socks4://h", "a proxy is http://, socks5:// or socks5h://, not \"socks4\""),
            ("http://h:99999", "it is not a URL: invalid port number"),
            ("http://al:%ff@h", "its user or its password cannot be sent"),
            ("socks5://al@h", "its user or its password cannot be sent"),
            (long.as_str(), "its user or its password cannot be sent"),
        ] {
            assert_eq!(text.parse::<Proxy>().unwrap_err().to_string(), message, "{text}");
        }
    }
}
