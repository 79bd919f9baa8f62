//! Whether to try again: one table over everything that can go wrong with a connection, or with an attempt at one.

use crate::payload::CloseCode;

/// What a client may do by itself after a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// Nothing: trying again ends the same way.
    Never,
    /// Try again now; nothing is wrong with the gateway.
    AtOnce,
    /// Try again, waiting longer after each failure.
    Backoff,
    /// Try again, but leave the gateway some time first.
    Later,
    /// Give up, unless this client was connected a moment ago: then the gateway may still hold its dead connection, and
    /// the name comes free by itself.
    WhileReconnecting,
}

/// Something that went wrong with a connection, or with an attempt at one, as far as it matters for another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// The gateway closed the connection with this code.
    Closed(CloseCode),
    /// A server answered with this HTTP status instead of opening a WebSocket.
    Http(u16),
    /// A name has no address: that of the gateway, or that of a proxy.
    Resolve,
    /// Nothing took the connection, or it broke off: refused, unreachable, reset, hung up.
    Broken,
    /// It took too long, or was silent for too long.
    Timeout,
    /// Something outside of the network did not deliver: whoever has the secret, whoever makes the connections.
    Unavailable,
    /// What was set cannot work: the URL, a header, a name.
    Setting,
    /// The server is not who it should be: its certificate has another name, no known issuer, or is out of date.
    Untrusted,
    /// What answers there does not speak the protocol, or broke it.
    Foreign,
    /// The gateway ended it, and said that coming back as before is of no use.
    Dismissed,
    /// This client ended it.
    Own,
}

impl Retry {
    /// What a client may do by itself after this.
    ///
    /// ```
    /// use concierge_client::{payload::CloseCode, session::{Retry, Trouble}};
    /// assert_eq!(Retry::decide(Trouble::Http(503)), Retry::Backoff);
    /// assert_eq!(Retry::decide(Trouble::Http(404)), Retry::Never);
    /// assert_eq!(Retry::decide(Trouble::Closed(CloseCode::DuplicateAuth)), Retry::WhileReconnecting);
    /// ```
    pub const fn decide(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Closed(code) => Self::after(code),
            Trouble::Resolve
            | Trouble::Broken
            | Trouble::Timeout
            | Trouble::Unavailable
            | Trouble::Http(408 | 425 | 429 | 500..=599) => Self::Backoff,
            Trouble::Http(_)
            | Trouble::Setting
            | Trouble::Untrusted
            | Trouble::Foreign
            | Trouble::Dismissed
            | Trouble::Own => Self::Never,
        }
    }

    /// What the close code of a gateway allows: the last column of the protocol's table.
    ///
    /// ```
    /// use concierge_client::{payload::CloseCode, session::Retry};
    /// assert_eq!(Retry::after(CloseCode::ServiceRestart), Retry::Backoff);
    /// assert_eq!(Retry::after(CloseCode::BadSecret), Retry::Never);
    /// ```
    pub const fn after(code: CloseCode) -> Self {
        match code {
            CloseCode::Unknown => Self::Later,
            CloseCode::AuthFailed | CloseCode::HeartbeatFailed | CloseCode::SlowConsumer => Self::AtOnce,
            CloseCode::DuplicateAuth => Self::WhileReconnecting,
            CloseCode::RateLimited
            | CloseCode::GoingAway
            | CloseCode::InternalError
            | CloseCode::ServiceRestart
            | CloseCode::TryAgainLater
            | CloseCode::Lost
            // 1005, a close frame without a code, and 1014, a proxy that lost its gateway: neither says that anything is
            // wrong with this client.
            | CloseCode::Other(1005 | 1014) => Self::Backoff,
            CloseCode::Normal
            | CloseCode::ProtocolError
            | CloseCode::UnsupportedData
            | CloseCode::InvalidData
            | CloseCode::PolicyViolation
            | CloseCode::MessageTooBig
            | CloseCode::ExtensionRequired
            | CloseCode::FatalDecode
            | CloseCode::NoAuth
            | CloseCode::BadSecret
            | CloseCode::BadVersion
            | CloseCode::BadAuth
            | CloseCode::LimitExceeded
            | CloseCode::Kicked
            | CloseCode::Other(_) => Self::Never,
        }
    }

    /// Whether a client that is not reconnecting may try again.
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::AtOnce | Self::Backoff | Self::Later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_retried_as_the_protocol_says() {
        let table: [(Retry, &[u16]); 5] = [
            (Retry::Later, &[4000]),
            (Retry::AtOnce, &[4004, 4009, 4011]),
            (Retry::WhileReconnecting, &[4005]),
            (Retry::Backoff, &[4010, 1001, 1005, 1006, 1011, 1012, 1013, 1014]),
            (
                Retry::Never,
                &[
                    1000, 1002, 1003, 1007, 1008, 1009, 1010, 4001, 4002, 4003, 4006, 4007, 4008, 4012, 4013,
                    4014, 4999, 3000, 0,
                ],
            ),
        ];
        for (retry, codes) in table {
            for code in codes {
                assert_eq!(Retry::after(CloseCode::from(*code)), retry, "{code}");
            }
        }
    }

    #[test]
    fn a_taken_name_is_final_for_a_client_that_was_not_there_before() {
        assert!(!Retry::WhileReconnecting.is_allowed());
        assert!(Retry::Later.is_allowed());
        assert!(!Retry::Never.is_allowed());
    }
}
