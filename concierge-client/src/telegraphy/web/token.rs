//! Tokens for those whom the web application knows.

use core::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Grants, Timestamp, UserId};
use crate::payload::Secret;

/// `POST /tokens`: an auth token, which works once.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::IssueToken};
/// let json = concat!(
///     r#"{"user":"42","grants":{"app.Order":{"filters":{"customer":42}}},"ip":"192.0.2.7","#,
///     r#""origin":"https://app.example","ttl":30}"#,
/// );
/// assert_eq!(encode(&serde_json::from_str::<IssueToken>(json)?), json);
/// assert_eq!(serde_json::from_str::<IssueToken>("{}")?.user, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssueToken {
    /// Who presents it; none for an anonymous client.
    pub user: Option<UserId>,
    /// What it may see besides what everybody may.
    pub grants: Grants,
    /// The only address it may come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// The only page it may come from, as browsers say it in `Origin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Arc<str>>,
    /// How long it waits to be used, in seconds: 1 to [`MAX_TOKEN_TTL`](super::MAX_TOKEN_TTL). A minute if nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
}

impl IssueToken {
    /// A token of a user, without grants.
    pub fn new(user: UserId) -> Self {
        Self { user: Some(user), ..Self::default() }
    }
}

/// The answer to `POST /tokens`. The gateway itself keeps no more than a hash of the token.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::IssuedToken};
/// let json = r#"{"token":"aabbccddeeff","expires":"2026-11-20T20:32:00.000000Z"}"#;
/// let issued: IssuedToken = serde_json::from_str(json)?;
/// assert_eq!(encode(&issued), json);
/// assert!(!format!("{issued:?}").contains("aabb"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedToken {
    /// What the client presents in `CONNECT`.
    pub token: Secret,
    /// Until when.
    pub expires: Timestamp,
}
