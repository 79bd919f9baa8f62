//! Which proxy the environment names, and for which hosts it names none.
//!
//! Owns the reading of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; variables come in through a function.

use std::net::IpAddr;

use url::Host;

use super::proxy_url::Proxy;
use crate::{error::BuildError, net::url::GatewayUrl};

/// The proxy on the way to a gateway: of `https_proxy` for `wss://`, of `http_proxy` for `ws://`, else of `all_proxy`;
/// each in lower case first. This machine itself, and what `no_proxy` names, is connected to directly.
pub(super) fn proxy(
    gateway: &GatewayUrl,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, BuildError> {
    let set = |name: &'static str| {
        let value = variable(name)?;
        (!value.trim().is_empty()).then_some((name, value))
    };
    let own = if gateway.is_tls() {
        set("https_proxy").or_else(|| set("HTTPS_PROXY"))
    } else {
        // In a CGI program HTTP_PROXY is the header `Proxy` of whoever asks (CVE-2016-5385).
        let is_cgi = set("REQUEST_METHOD").is_some();
        set("http_proxy").or_else(|| if is_cgi { None } else { set("HTTP_PROXY") })
    };
    let Some((origin, text)) = own.or_else(|| set("all_proxy")).or_else(|| set("ALL_PROXY")) else {
        return Ok(None);
    };
    let (host, port) = (gateway.parsed_host(), gateway.port());
    let exempt = set("no_proxy").or_else(|| set("NO_PROXY"));
    if is_this_machine(host) || exempt.is_some_and(|(_, rules)| is_exempt(&rules, host, port)) {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|reason| BuildError::Proxy { origin, reason })
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// Whether one of the rules of `NO_PROXY`, which commas or spaces separate, is for this host and port.
fn is_exempt(rules: &str, host: &Host, port: u16) -> bool {
    let mut rules = rules.split(|character: char| character == ',' || character.is_whitespace());
    rules.any(|rule| !rule.is_empty() && is_met(rule, host, port))
}

fn is_met(rule: &str, host: &Host, port: u16) -> bool {
    if rule == "*" {
        return true;
    }
    let (rule, of_port) = split_port(rule);
    if of_port.is_some_and(|of_port| of_port != port) {
        return false;
    }
    match host {
        Host::Ipv4(address) => is_in(rule, IpAddr::from(*address).to_canonical()),
        Host::Ipv6(address) => is_in(rule, IpAddr::from(*address).to_canonical()),
        Host::Domain(name) => is_below(rule, name),
    }
}

/// A rule and the port that it is for. An IPv6 address has colons of its own, and needs brackets for a port.
fn split_port(rule: &str) -> (&str, Option<u16>) {
    let split = match rule.rsplit_once(':') {
        Some((rest, port)) if !rest.contains(':') || rest.ends_with(']') => {
            port.parse().ok().map(|port| (rest, Some(port)))
        }
        _ => None,
    };
    let (rule, port) = split.unwrap_or((rule, None));
    (rule.strip_prefix('[').and_then(|rule| rule.strip_suffix(']')).unwrap_or(rule), port)
}

/// Whether an address is the rule's, or in its block (RFC 4632, section 3.1).
fn is_in(rule: &str, address: IpAddr) -> bool {
    let (network, length) = match rule.split_once('/') {
        Some((network, length)) => (network, length.parse::<u32>().ok()),
        None => (rule, Some(128)),
    };
    let (Ok(network), Some(length)) = (network.parse::<IpAddr>(), length) else { return false };
    let whole = rule.contains('/');
    match (network.to_canonical(), address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask =
                if whole { leading(length, 32).map(|mask| mask >> 96) } else { Some(u128::from(u32::MAX)) };
            mask.is_some_and(|mask| (u128::from(network.to_bits() ^ address.to_bits())) & mask == 0)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            leading(length, 128).is_some_and(|mask| (network.to_bits() ^ address.to_bits()) & mask == 0)
        }
        _ => false,
    }
}

/// A mask of so many leading bits; none when there are not that many in an address.
fn leading(length: u32, bits: u32) -> Option<u128> {
    (length <= bits).then(|| u128::MAX.checked_shl(128 - length).unwrap_or(0))
}

/// Whether a name is the rule's or below it. A dot or `*.` at the rule's beginning says no more.
fn is_below(rule: &str, name: &str) -> bool {
    let rule = rule.strip_prefix("*.").or_else(|| rule.strip_prefix('.')).unwrap_or(rule);
    let rule = rule.trim_end_matches('.').to_lowercase();
    let name = name.trim_end_matches('.');
    !rule.is_empty()
        && name.strip_suffix(&rule).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        };
        let url = GatewayUrl::new(url).unwrap();
        proxy(&url, variable).unwrap().map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_variable_of_the_scheme_comes_before_that_of_all_and_lower_case_before_upper() {
        let plain = "ws://gateway.example/ws";
        let secure = "wss://gateway.example/ws";
        for (url, variables, expected) in [
            (plain, &[][..], None),
            (plain, &[("HTTP_PROXY", "http://a:1")][..], Some("http://a:1")),
            (plain, &[("HTTP_PROXY", "http://a:1"), ("http_proxy", "http://b:1")], Some("http://b:1")),
            (plain, &[("HTTPS_PROXY", "http://a:1")], None),
            (plain, &[("http_proxy", ""), ("ALL_PROXY", "socks5://a")], Some("socks5://a:1080")),
            (plain, &[("ALL_PROXY", "socks5://a"), ("all_proxy", "socks5h://b")], Some("socks5h://b:1080")),
            (plain, &[("HTTP_PROXY", "http://a:1"), ("ALL_PROXY", "http://b:1")], Some("http://a:1")),
            (secure, &[("HTTPS_PROXY", "http://a:1"), ("HTTP_PROXY", "http://b:1")], Some("http://a:1")),
            (secure, &[("HTTP_PROXY", "http://b:1")], None),
            (secure, &[("https_proxy", "a:1")], Some("http://a:1")),
            // Of a CGI program, the one in upper case is what a stranger sent.
            (plain, &[("HTTP_PROXY", "http://a:1"), ("REQUEST_METHOD", "GET")], None),
            (plain, &[("http_proxy", "http://a:1"), ("REQUEST_METHOD", "GET")], Some("http://a:1")),
            (secure, &[("HTTPS_PROXY", "http://a:1"), ("REQUEST_METHOD", "GET")], Some("http://a:1")),
            // This machine is never at the other side of a proxy.
            ("ws://localhost/ws", &[("ALL_PROXY", "http://a:1")], None),
            ("ws://x.localhost./ws", &[("ALL_PROXY", "http://a:1")], None),
            ("ws://127.9.9.9/ws", &[("ALL_PROXY", "http://a:1")], None),
            ("ws://[::1]/ws", &[("ALL_PROXY", "http://a:1")], None),
            (plain, &[("ALL_PROXY", "http://a:1"), ("NO_PROXY", "gateway.example")], None),
            (plain, &[("ALL_PROXY", "http://a:1"), ("NO_PROXY", "*"), ("no_proxy", "x")], Some("http://a:1")),
        ] {
            if cfg!(not(feature = "rustls")) && url == secure {
                continue;
            }
            assert_eq!(chosen(url, variables).as_deref(), expected, "{url} {variables:?}");
        }
    }

    #[test]
    fn no_proxy_is_read_rule_by_rule() {
        for (rules, url, exempt) in [
            ("", "ws://gateway.example/", false),
            ("*", "ws://gateway.example/", true),
            ("example", "ws://gateway.example/", true),
            ("gateway.example", "ws://gateway.example/", true),
            ("GATEWAY.Example.", "ws://gateway.example./", true),
            (".example", "ws://gateway.example/", true),
            ("*.example", "ws://gateway.example/", true),
            ("way.example", "ws://gateway.example/", false),
            ("other.example", "ws://gateway.example/", false),
            ("a, ,b example", "ws://gateway.example/", true),
            ("gateway.example:80", "ws://gateway.example/", true),
            ("gateway.example:81", "ws://gateway.example/", false),
            ("gateway.example:64209", "ws://gateway.example:64209/", true),
            (".", "ws://gateway.example/", false),
            ("10.1.2.3", "ws://10.1.2.3/", true),
            ("10.1.2.3:80", "ws://10.1.2.3/", true),
            ("10.1.2.3:81", "ws://10.1.2.3/", false),
            ("10.1.2.4", "ws://10.1.2.3/", false),
            ("10.0.0.0/8", "ws://10.1.2.3/", true),
            ("10.1.2.0/31", "ws://10.1.2.3/", false),
            ("0.0.0.0/0", "ws://10.1.2.3/", true),
            ("10.0.0.0/33", "ws://10.1.2.3/", false),
            ("10.0.0.0/x", "ws://10.1.2.3/", false),
            ("3", "ws://10.1.2.3/", false),
            ("10.0.0.0/8", "ws://ten.example/", false),
            ("2001:db8::1", "ws://[2001:db8::1]/", true),
            ("[2001:db8::1]", "ws://[2001:db8::1]/", true),
            ("[2001:db8::1]:80", "ws://[2001:db8::1]/", true),
            ("[2001:db8::1]:81", "ws://[2001:db8::1]/", false),
            ("2001:db8::/32", "ws://[2001:db8::1]/", true),
            ("2001:db9::/32", "ws://[2001:db8::1]/", false),
            ("::/0", "ws://[2001:db8::1]/", true),
            ("::/0", "ws://10.1.2.3/", false),
            ("10.1.2.3", "ws://[::ffff:10.1.2.3]/", true),
        ] {
            let url = GatewayUrl::new(url).unwrap();
            assert_eq!(is_exempt(rules, url.parsed_host(), url.port()), exempt, "{rules:?} {url}");
        }
    }

    #[test]
    fn a_bad_proxy_is_an_error_that_names_the_variable_and_nothing_secret() {
        let url = GatewayUrl::new("ws://gateway.example/ws").unwrap();
        let variable = |name: &str| (name == "ALL_PROXY").then(|| "ftp://al:sesame@h".to_owned());
        let error = proxy(&url, variable).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ALL_PROXY is not the URL of a proxy: a proxy is http://, socks5:// or socks5h://, not \"ftp\""
        );
        assert!(!format!("{error:?}").contains("sesame"));
    }
}
