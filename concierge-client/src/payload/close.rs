//! Why a connection was closed.

use super::close_codes::close_codes;

/// A WebSocket close code: the protocol's own, 4000 to 4013, and those of
/// [RFC 6455, section 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1) that occur.
///
/// ```
/// use concierge_client::payload::CloseCode;
/// assert_eq!(CloseCode::from(4006), CloseCode::BadSecret);
/// assert_eq!(u16::from(CloseCode::BadSecret), 4006);
/// assert_eq!(CloseCode::BadSecret.to_string(), "4006 BAD_SECRET");
/// assert_eq!(CloseCode::BadSecret.reason(), "Secret mismatch");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseCode {
    /// 1000: the connection has served its purpose.
    Normal,
    /// 1001: the gateway stops, or the client leaves the page.
    GoingAway,
    /// 1002: a peer broke the WebSocket protocol.
    ProtocolError,
    /// 1003: a kind of data that cannot be accepted.
    UnsupportedData,
    /// 1006: the connection was lost without a close frame. Never sent.
    Lost,
    /// 1007: a text that is not UTF-8.
    InvalidData,
    /// 1008: against a policy.
    PolicyViolation,
    /// 1009: a message larger than the receiver takes.
    MessageTooBig,
    /// 1010: an extension the client needs was not negotiated.
    ExtensionRequired,
    /// 1011: the gateway failed on this connection.
    InternalError,
    /// 1012: the gateway restarts.
    ServiceRestart,
    /// 1013: the gateway has too much to do.
    TryAgainLater,
    /// 4000: the gateway failed internally.
    Unknown,
    /// 4002: the first payload cannot be decoded.
    FatalDecode,
    /// 4003: the first payload is not `IDENTIFY`.
    NoAuth,
    /// 4004: no `IDENTIFY` in time.
    AuthFailed,
    /// 4005: another client has that name.
    DuplicateAuth,
    /// 4006: the secret is missing or wrong.
    BadSecret,
    /// 4007: the version is not one the gateway speaks.
    BadVersion,
    /// 4008: the name is not valid.
    BadAuth,
    /// 4009: nothing was heard from the client for too long.
    HeartbeatFailed,
    /// 4010: over a configured rate for too long.
    RateLimited,
    /// 4011: the client does not read what it is sent.
    SlowConsumer,
    /// 4012: refused for a limit on counts too often.
    LimitExceeded,
    /// 4013: removed by an operator.
    Kicked,
    /// Any other code.
    Other(u16),
}

/// Each code once: its number, its name in the protocol, and the reason the gateway sends with it.
const CODES: [(CloseCode, u16, &str, &str); 25] = [
    (CloseCode::Normal, 1000, "NORMAL", ""),
    (CloseCode::GoingAway, 1001, "GOING_AWAY", "Going away"),
    (CloseCode::ProtocolError, 1002, "PROTOCOL_ERROR", "Protocol error"),
    (CloseCode::UnsupportedData, 1003, "UNSUPPORTED_DATA", "Unsupported data"),
    (CloseCode::Lost, 1006, "LOST", ""),
    (CloseCode::InvalidData, 1007, "INVALID_DATA", "Invalid UTF-8"),
    (CloseCode::PolicyViolation, 1008, "POLICY_VIOLATION", "Policy violation"),
    (CloseCode::MessageTooBig, 1009, "MESSAGE_TOO_BIG", "Message too big"),
    (CloseCode::ExtensionRequired, 1010, "EXTENSION_REQUIRED", "Extension required"),
    (CloseCode::InternalError, 1011, "INTERNAL_ERROR", "Internal error"),
    (CloseCode::ServiceRestart, 1012, "SERVICE_RESTART", "Service restart"),
    (CloseCode::TryAgainLater, 1013, "TRY_AGAIN_LATER", "Try again later"),
    (CloseCode::Unknown, 4000, "UNKNOWN", "Unknown reason"),
    (CloseCode::FatalDecode, 4002, "FATAL_DECODE", "Failed to decode payload"),
    (CloseCode::NoAuth, 4003, "NO_AUTH", "No identification payload sent"),
    (CloseCode::AuthFailed, 4004, "AUTH_FAILED", "Authorization failed"),
    (CloseCode::DuplicateAuth, 4005, "DUPLICATE_AUTH", "Duplicate name in namespace"),
    (CloseCode::BadSecret, 4006, "BAD_SECRET", "Secret mismatch"),
    (CloseCode::BadVersion, 4007, "BAD_VERSION", "Version mismatch"),
    (CloseCode::BadAuth, 4008, "BAD_AUTH", "Name must be alphanumeric"),
    (CloseCode::HeartbeatFailed, 4009, "HB_FAILED", "Heartbeat failed"),
    (CloseCode::RateLimited, 4010, "RATE_LIMITED", "Rate limited"),
    (CloseCode::SlowConsumer, 4011, "SLOW_CONSUMER", "Slow consumer"),
    (CloseCode::LimitExceeded, 4012, "LIMIT_EXCEEDED", "Limit exceeded"),
    (CloseCode::Kicked, 4013, "KICKED", "Kicked"),
];

impl CloseCode {
    /// The longest reason a close frame can carry, in bytes
    /// ([RFC 6455, section 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5): 125 with the code).
    pub const MAX_REASON_BYTES: usize = 123;

    /// The reason the gateway sends with this code.
    pub fn reason(self) -> &'static str {
        self.row().map_or("", |(_, _, _, reason)| reason)
    }
}

close_codes!(CloseCode, &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_fits_into_a_close_frame() {
        for (code, ..) in CODES {
            assert!(code.reason().len() <= CloseCode::MAX_REASON_BYTES, "{code}");
        }
    }
}
