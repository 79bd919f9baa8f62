//! Whether to try again after a close: the last column of the protocol's table of close codes, as a function.

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

impl Retry {
    /// What the close code of a gateway allows.
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
