//! Where somebody comes from.

use std::{fmt, net::IpAddr};

/// Where somebody comes from: what file keys are bound to, and what is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Address {
    /// A machine of the network, or this one.
    Ip(IpAddr),
    /// A user of this machine, by its number: who comes over a Unix socket has no address.
    User(u32),
}

impl Address {
    /// Whether it is this machine's own, as a network has it.
    pub fn is_loopback(self) -> bool {
        matches!(self, Self::Ip(address) if address.to_canonical().is_loopback())
    }

    /// Whether two are one place: an IPv4 address stays one when it is written as IPv6, and a machine has many loopback addresses.
    pub fn is_same_place(self, other: Self) -> bool {
        match (self, other) {
            (Self::Ip(one), Self::Ip(other)) if one.to_canonical() == other.to_canonical() => true,
            (one, other) => one == other || (one.is_loopback() && other.is_loopback()),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(formatter),
            Self::User(number) => write!(formatter, "user {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    #[test]
    fn all_loopback_addresses_are_one_place() {
        assert!(at("127.0.0.1").is_same_place(at("::1")));
        assert!(at("127.0.0.1").is_same_place(at("::ffff:127.9.9.9")));
        assert!(at("::ffff:192.0.2.1").is_same_place(at("192.0.2.1")));
        assert!(!at("127.0.0.1").is_same_place(at("192.0.2.1")));
    }

    #[test]
    fn a_user_is_one_place_and_no_machine() {
        assert!(Address::User(7).is_same_place(Address::User(7)));
        assert!(!Address::User(7).is_same_place(Address::User(8)));
        assert!(!Address::User(0).is_same_place(at("127.0.0.1")));
    }
}
