//! A network of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A network of IP addresses, such as `10.0.0.0/8`; one of a single address is written as that alone.
///
/// ```
/// use concierge_server::config::Network;
/// let network: Network = "2001:db8::/32".parse()?;
/// assert!(network.contains("2001:db8::1".parse()?) && !network.contains("192.0.2.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many bits all its addresses begin with.
    prefix: u8,
}

/// What was given is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a network, such as 192.0.2.1 or 10.0.0.0/8")]
pub struct NotANetwork;

impl Network {
    /// Whether an address belongs to it. An IPv4 address is the same when it is written as IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        (as_ipv6(self.address).to_bits() ^ as_ipv6(address).to_bits()) & self.mask() == 0
    }

    /// Whether every address belongs to it, or every one of IPv4.
    pub(super) fn is_everything(&self) -> bool {
        [[0; 4], [255; 4]].into_iter().all(|address| self.contains(IpAddr::from(address)))
    }

    /// What it would be without the bits that its address has beyond the prefix, if it has any.
    pub(super) fn corrected(&self) -> Option<Self> {
        let bits = as_ipv6(self.address).to_bits() & self.mask();
        let address = match (self.address, Ipv6Addr::from_bits(bits)) {
            (IpAddr::V4(_), address) => address.to_canonical(),
            (IpAddr::V6(_), address) => IpAddr::V6(address),
        };
        (address != self.address).then_some(Self { address, ..*self })
    }

    /// The bits that count, of an address written as IPv6.
    fn mask(&self) -> u128 {
        let others = width(self.address).saturating_sub(self.prefix);
        u128::MAX.checked_shl(u32::from(others)).unwrap_or_default()
    }
}

fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// How many bits an address has.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let prefix = match prefix {
            // As Rust reads numbers, "+8" is one.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| NotANetwork)?
            }
            Some(_) => return Err(NotANetwork),
            None => width(address),
        };
        if prefix <= width(address) { Ok(Self { address, prefix }) } else { Err(NotANetwork) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, prefix } = self;
        if *prefix == width(*address) {
            address.fmt(formatter)
        } else {
            write!(formatter, "{address}/{prefix}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        for (text, within, without) in [
            (
                "10.0.0.0/8",
                vec!["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
                vec!["11.0.0.0", "9.255.255.255", "::a00:1"],
            ),
            ("192.0.2.1", vec!["192.0.2.1"], vec!["192.0.2.0", "192.0.2.2"]),
            ("172.16.0.0/12", vec!["172.16.0.1", "172.31.255.255"], vec!["172.32.0.0", "172.15.0.0"]),
            ("2001:db8::/32", vec!["2001:db8::1", "2001:db8:ffff::"], vec!["2001:db9::", "10.0.0.1"]),
            ("::1", vec!["::1"], vec!["::2", "127.0.0.1"]),
            ("::ffff:10.0.0.0/104", vec!["10.9.9.9"], vec!["11.0.0.0"]),
        ] {
            let network = network(text);
            assert_eq!(network.to_string(), text);
            for address in within {
                assert!(network.contains(address.parse().unwrap()), "{address} in {text}");
            }
            for address in without {
                assert!(!network.contains(address.parse().unwrap()), "{address} in {text}");
            }
        }
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "::/+8",
            "::/-1",
            "10.0.0.0/8/8",
            "a",
            "[::1]",
            "::1/999",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }

    #[test]
    fn bits_beyond_the_prefix_are_seen() {
        assert_eq!(network("10.1.2.3/8").corrected(), Some(network("10.0.0.0/8")));
        assert_eq!(network("2001:db8::1/32").corrected(), Some(network("2001:db8::/32")));
        for text in ["10.0.0.0/8", "10.1.2.3", "::1", "0.0.0.0/0"] {
            assert_eq!(network(text).corrected(), None, "{text}");
        }
    }

    #[test]
    fn everything_is_seen() {
        for (text, expected) in [
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("::ffff:0:0/96", true),
            ("0.0.0.0/1", false),
            ("8000::/1", false),
        ] {
            assert_eq!(network(text).is_everything(), expected, "{text}");
        }
    }
}
