//! What may be configured, and every bound.

use core::net::IpAddr;
use std::time::Duration;

use concierge_client::telegraphy::Cookie;

/// The rules of a gateway, with the protocol's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Settings {
    /// Whether a client may connect without a token of the web application.
    pub anonymous: bool,
    /// Whether an anonymous client gets a session to come back to.
    pub anonymous_sessions: bool,
    /// What of a client's address must be the same when it comes back.
    pub host: HostBinding,
    /// Whether an event that a session may not see looks as if there were none.
    pub conceal_private: bool,
    /// Whether events may be published that nobody registered. Only users see them.
    pub unregistered: bool,
    /// How long an auth token waits to be used.
    pub token_ttl: Duration,
    /// How long a session lives after its last connection began, or up to a fourteenth less: a connection that comes back prolongs it
    /// when that much is gained, so that who reconnects often costs few writes. A client is told how long it lives, and so long it
    /// does, whatever restarts.
    pub session_ttl: Duration,
    /// How long a lost connection keeps the subscriptions that are not permanent.
    pub resume_window: Duration,
    /// How long the subscriptions to an event stay that is not registered any more.
    pub registry_grace: Duration,
    /// After how much silence a client is told that the gateway is still there.
    pub ping_interval: Duration,
    /// How a browser is told to keep its session token.
    pub cookie: Option<Cookie>,
    /// How long a guaranteed event means something whose `ttl` nobody said.
    pub guaranteed_ttl: Duration,
    /// How long the id of an event is remembered, so that its publisher may repeat it.
    pub dedupe_window: Duration,
    /// The most connections of a user.
    pub connections_per_user: usize,
    /// The most sessions of a user, or of the anonymous clients of a host: the one that was away the longest goes first. Where hosts
    /// are not told apart, only [`sessions_away`](Self::sessions_away) bounds those of anonymous clients.
    pub sessions_per_owner: usize,
    /// The most sessions that are away.
    pub sessions_away: usize,
    /// The most subscriptions of a session.
    pub subscriptions_per_session: usize,
    /// The most tokens that wait to be used.
    pub tokens: usize,
    /// The most events that are known by name, registered or not.
    pub events: usize,
    /// The largest event: its data, in bytes, and so much again for the values before.
    pub event_bytes: usize,
    /// The most events of a `HISTORY`, and of a piece that is read of a log.
    pub history: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            anonymous: true,
            anonymous_sessions: true,
            host: HostBinding::Address,
            conceal_private: false,
            unregistered: true,
            token_ttl: Duration::from_mins(1),
            session_ttl: Duration::from_hours(14 * 24),
            resume_window: Duration::from_mins(2),
            registry_grace: Duration::from_mins(10),
            ping_interval: Duration::from_secs(25),
            cookie: None,
            guaranteed_ttl: Duration::from_hours(7 * 24),
            dedupe_window: Duration::from_mins(2),
            connections_per_user: 10,
            sessions_per_owner: 20,
            sessions_away: 100_000,
            subscriptions_per_session: 128,
            tokens: 100_000,
            events: 10_000,
            event_bytes: 64 * 1024,
            history: 1_000,
        }
    }
}

/// What of a client's address must be the same when it comes back to a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HostBinding {
    /// All of it: `ip`.
    #[default]
    Address,
    /// The network: the first 24 bits of version 4, the first 64 of version 6.
    Prefix,
    /// Nothing.
    Off,
}

impl HostBinding {
    /// What is compared; none when nothing is.
    pub(super) fn of(self, address: Option<IpAddr>) -> Option<IpAddr> {
        // One host has one address, in whichever form it arrives.
        let address = address.map(|address| address.to_canonical());
        match (self, address) {
            (Self::Off, _) | (_, None) => None,
            (Self::Address, address) => address,
            (Self::Prefix, Some(IpAddr::V4(address))) => {
                Some(IpAddr::from((u32::from(address) & !0xff).to_be_bytes()))
            }
            (Self::Prefix, Some(IpAddr::V6(address))) => {
                Some(IpAddr::from((u128::from(address) & !u128::from(u64::MAX)).to_be_bytes()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_as_much_of_an_address_as_is_asked() {
        let address = |text: &str| text.parse::<IpAddr>().ok();
        for (binding, given, host) in [
            (HostBinding::Address, "192.0.2.7", address("192.0.2.7")),
            (HostBinding::Address, "::ffff:192.0.2.7", address("192.0.2.7")),
            (HostBinding::Prefix, "192.0.2.7", address("192.0.2.0")),
            (HostBinding::Prefix, "2001:db8:1:2:3::4", address("2001:db8:1:2::")),
            (HostBinding::Off, "192.0.2.7", None),
        ] {
            assert_eq!(binding.of(address(given)), host, "{binding:?} of {given}");
        }
        assert_eq!(HostBinding::Address.of(None), None);
    }
}
