//! Why a connection was closed.

use crate::payload::close_codes::close_codes;

/// A WebSocket close code: the protocol's own, 4400 to 4508, and those of
/// [RFC 6455, section 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1) that occur. The reason is its name.
///
/// ```
/// use concierge_client::telegraphy::CloseCode;
/// assert_eq!(CloseCode::from(4409), CloseCode::TakenOver);
/// assert_eq!(u16::from(CloseCode::TakenOver), 4409);
/// assert_eq!(CloseCode::TakenOver.to_string(), "4409 TAKEN_OVER");
/// assert!(!CloseCode::TakenOver.is_worth_another_try() && CloseCode::SlowConsumer.is_worth_another_try());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseCode {
    /// 1000: the client said `DISCONNECT`.
    Normal,
    /// 1001: the browser leaves the page.
    GoingAway,
    /// 1006: the connection was lost without a close frame. Never sent.
    Lost,
    /// 4400: what the client sends is not JSON.
    InvalidMessage,
    /// 4401: the token is not valid. A new auth token is needed.
    InvalidToken,
    /// 4403: the page may not use this gateway.
    Forbidden,
    /// 4408: no `CONNECT` in time.
    ConnectTimeout,
    /// 4409: the session is used by another connection.
    TakenOver,
    /// 4410: the web application ended the session.
    Revoked,
    /// 4413: a frame larger than 64 KiB.
    TooLarge,
    /// 4429: there are too many connections.
    LimitExceeded,
    /// 4500: the gateway failed on this connection.
    Internal,
    /// 4503: the gateway stops, or cannot serve anybody now.
    Unavailable,
    /// 4508: the client does not read what it is sent.
    SlowConsumer,
    /// Any other code.
    Other(u16),
}

/// Each code once: its number, its name, and whether to try again as before may help.
const CODES: [(CloseCode, u16, &str, bool); 14] = [
    (CloseCode::Normal, 1000, "DISCONNECTED", false),
    (CloseCode::GoingAway, 1001, "GOING_AWAY", false),
    (CloseCode::Lost, 1006, "LOST", true),
    (CloseCode::InvalidMessage, 4400, "INVALID_MESSAGE", false),
    (CloseCode::InvalidToken, 4401, "INVALID_TOKEN", false),
    (CloseCode::Forbidden, 4403, "FORBIDDEN", false),
    (CloseCode::ConnectTimeout, 4408, "CONNECT_TIMEOUT", true),
    (CloseCode::TakenOver, 4409, "TAKEN_OVER", false),
    (CloseCode::Revoked, 4410, "REVOKED", false),
    (CloseCode::TooLarge, 4413, "TOO_LARGE", false),
    (CloseCode::LimitExceeded, 4429, "LIMIT_EXCEEDED", true),
    (CloseCode::Internal, 4500, "INTERNAL", true),
    (CloseCode::Unavailable, 4503, "UNAVAILABLE", true),
    (CloseCode::SlowConsumer, 4508, "SLOW_CONSUMER", true),
];

impl CloseCode {
    /// Every code that the protocol knows.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().map(|(code, ..)| *code)
    }

    /// Whether a client may try again as it is, after a while: `RECONNECT` if it has a session. A code that the protocol does not
    /// know is worth it.
    pub fn is_worth_another_try(self) -> bool {
        self.row().is_none_or(|(.., is_worth_it)| *is_worth_it)
    }
}

close_codes!(CloseCode, bool);
