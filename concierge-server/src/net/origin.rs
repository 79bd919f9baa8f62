//! Which web pages may talk to the gateway, and by which names it may be called: what keeps a page of another site from
//! using its visitor's gateway. Programs that are no browsers send no `Origin` and are not concerned.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, ORIGIN};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// There is no `Host`, or more than one.
    NoHost,
    /// The gateway was called over the loopback address by a name that is not this machine's: DNS rebinding.
    Host,
    /// A page of another site.
    Origin,
}

/// What is allowed beside what is always allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed<'c> {
    pub(super) origins: &'c [String],
    pub(super) hosts: &'c [String],
}

/// The way that a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Over a network, from wherever.
    Network,
    /// Over the loopback address, from this machine.
    Loopback,
    /// Over the loopback address, by a proxy on this machine for somebody elsewhere.
    Proxied,
}

impl Way {
    /// Who is at hand is on this machine when it comes over the loopback address.
    pub(super) fn of(over_loopback: bool, is_at_hand: bool) -> Self {
        match (over_loopback, is_at_hand) {
            (false, _) => Self::Network,
            (true, true) => Self::Loopback,
            (true, false) => Self::Proxied,
        }
    }
}

/// Checks `Host` and `Origin` of a request that came that way.
pub(super) fn check(headers: &HeaderMap, way: Way, allowed: Allowed<'_>) -> Result<(), Foreign> {
    let host = only(headers, &HOST).map_err(|()| Foreign::NoHost)?.ok_or(Foreign::NoHost)?;
    let is_named = || allowed.hosts.iter().any(|entry| entry.eq_ignore_ascii_case(host_of(host)));
    if way != Way::Network && !is_loopback(host_of(host)) && !is_named() {
        return Err(Foreign::Host);
    }
    let Some(origin) = only(headers, &ORIGIN).map_err(|()| Foreign::Origin)? else { return Ok(()) };
    let is_ours = origin.split_once("://").is_some_and(|(scheme, authority)| {
        is_same_host(scheme, authority, host) || (way == Way::Loopback && is_loopback(host_of(authority)))
    });
    if is_ours || allowed.origins.iter().any(|entry| entry == "*" || entry == origin) {
        Ok(())
    } else {
        Err(Foreign::Origin)
    }
}

/// The value of a header that may be given once; an error when it is given twice or is not text.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        (Some(_), Some(_)) => Err(()),
    }
}

/// An authority without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Whether a host, as it stands in a URL, is this machine and can be no other.
fn is_loopback(host: &str) -> bool {
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match literal {
        Some(address) => address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback()),
        None => {
            host.eq_ignore_ascii_case("localhost")
                || host.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4() && address.is_loopback())
        }
    }
}

fn is_same_host(scheme: &str, authority: &str, host: &str) -> bool {
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let plain = |text: &str| text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase();
    plain(authority) == plain(host)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn checked(host: &str, origin: Option<&str>, way: Way, allowed: &[&str]) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let hosts = ["proxied.example".to_owned()];
        check(&headers, way, Allowed { origins: &allowed, hosts: &hosts })
    }

    #[test]
    fn a_proxy_on_the_same_machine_has_a_name_that_is_listed() {
        assert_eq!(checked("Proxied.example:8080", None, Way::Loopback, &[]), Ok(()));
        assert_eq!(checked("proxied.example", Some("https://proxied.example"), Way::Loopback, &[]), Ok(()));
        assert_eq!(checked("other.example", None, Way::Loopback, &[]), Err(Foreign::Host));
    }

    #[test]
    fn no_origin_is_no_browser() {
        assert_eq!(checked("gateway.example", None, Way::Network, &[]), Ok(()));
    }

    #[test]
    fn pages_of_the_same_host_are_fine() {
        for (host, origin) in [
            ("gateway.example:64209", "http://gateway.example:64209"),
            ("Gateway.example", "https://gateway.example"),
            ("gateway.example", "http://gateway.example:80"),
            ("gateway.example:443", "https://gateway.example"),
            ("[2001:db8::1]:80", "http://[2001:db8::1]"),
        ] {
            assert_eq!(checked(host, Some(origin), Way::Network, &[]), Ok(()), "{host} {origin}");
        }
    }

    #[test]
    fn foreign_pages_are_refused() {
        for origin in [
            "http://evil.example",
            "http://gateway.example:8080",
            "http://gateway.example.evil.example:64209",
            "http://evil.example/gateway.example:64209",
            "file://gateway.example:64209",
            "gateway.example:64209",
            "http://localhost:64209",
            "null",
            "",
        ] {
            let outcome = checked("gateway.example:64209", Some(origin), Way::Network, &[]);
            assert_eq!(outcome, Err(Foreign::Origin), "{origin}");
        }
    }

    #[test]
    fn pages_of_this_machine_are_fine_when_only_it_is_listened_to() {
        for origin in ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443", "http://LOCALHOST"]
        {
            assert_eq!(checked("127.0.0.1:64209", Some(origin), Way::Loopback, &[]), Ok(()), "{origin}");
            assert_eq!(
                checked("gateway.example", Some(origin), Way::Network, &[]),
                Err(Foreign::Origin),
                "{origin}"
            );
        }
        for origin in
            ["http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://127.0.0.1@evil"]
        {
            assert_eq!(
                checked("127.0.0.1:64209", Some(origin), Way::Loopback, &[]),
                Err(Foreign::Origin),
                "{origin}"
            );
        }
    }

    #[test]
    fn what_comes_by_a_proxy_from_elsewhere_is_of_no_page_of_this_machine() {
        let checked = |host, origin| checked(host, origin, Way::Proxied, &[]);
        assert_eq!(checked("proxied.example", Some("https://proxied.example")), Ok(()));
        assert_eq!(checked("proxied.example", Some("http://localhost:3000")), Err(Foreign::Origin));
        assert_eq!(checked("other.example", None), Err(Foreign::Host));
    }

    #[test]
    fn listed_origins_are_compared_exactly() {
        let allowed = ["https://app.example", "null"];
        for origin in allowed {
            assert_eq!(checked("gateway.example", Some(origin), Way::Network, &allowed), Ok(()), "{origin}");
        }
        for origin in
            ["https://app.example:8443", "http://app.example", "https://app.example.evil.example", "*"]
        {
            let outcome = checked("gateway.example", Some(origin), Way::Network, &allowed);
            assert_eq!(outcome, Err(Foreign::Origin), "{origin}");
        }
        assert_eq!(checked("gateway.example", Some("https://anything"), Way::Network, &["*"]), Ok(()));
    }

    #[test]
    fn a_gateway_on_loopback_answers_only_to_this_machines_names() {
        for host in
            ["localhost", "localhost:1", "127.0.0.1:64209", "127.1.2.3", "[::1]:64209", "[::ffff:127.0.0.1]"]
        {
            assert_eq!(checked(host, None, Way::Loopback, &[]), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "evil.example:64209", "127.0.0.1.evil.example", "192.0.2.1", "[::2]", "", "::1"]
        {
            assert_eq!(checked(host, None, Way::Loopback, &[]), Err(Foreign::Host), "{host}");
            assert_eq!(checked(host, None, Way::Network, &[]), Ok(()), "{host}");
        }
    }

    #[test]
    fn two_hosts_or_two_origins_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(check(&headers, Way::Network, Allowed { origins: &[], hosts: &[] }), Err(Foreign::NoHost));
        headers.append(HOST, HeaderValue::from_static("a"));
        headers.append(ORIGIN, HeaderValue::from_static("http://a"));
        headers.append(ORIGIN, HeaderValue::from_static("http://b"));
        assert_eq!(check(&headers, Way::Network, Allowed { origins: &[], hosts: &[] }), Err(Foreign::Origin));
        headers.append(HOST, HeaderValue::from_static("b"));
        assert_eq!(check(&headers, Way::Network, Allowed { origins: &[], hosts: &[] }), Err(Foreign::NoHost));
    }
}
