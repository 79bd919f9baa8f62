//! Who is there, and what they may see.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::{Grants, Subscribe, Timestamp, UserId};

/// The answer to `GET /sessions`.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::SessionList};
/// let json = concat!(
///     r#"{"sessions":[{"session":"00000000-0000-0000-0000-000000000001","user":"42","connection":"c-7f","#,
///     r#""subscriptions":2,"expires":"2026-12-04T20:31:00.000000Z"}],"after":null}"#,
/// );
/// assert_eq!(encode(&serde_json::from_str::<SessionList>(json)?), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionList {
    /// In the order of their ids.
    pub sessions: Vec<SessionInfo>,
    /// What to ask on with; none when these were the last ones.
    pub after: Option<Arc<str>>,
}

/// A session, as the web application sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Its public id, which proves nothing.
    pub session: Arc<str>,
    /// Whose it is; none for an anonymous client.
    #[serde(default)]
    pub user: Option<UserId>,
    /// The connection, when there is one.
    #[serde(default)]
    pub connection: Option<String>,
    /// How many subscriptions it has.
    #[serde(default)]
    pub subscriptions: u64,
    /// When it ends.
    pub expires: Timestamp,
}

/// `POST /users/{id}/grants`: what each session of a user may see from now on, in place of what it might before.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::ChangeGrants};
/// let json = r#"{"grants":{"app.Order":{"filters":{"customer":42}},"chat.Message":true}}"#;
/// assert_eq!(encode(&serde_json::from_str::<ChangeGrants>(json)?), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangeGrants {
    /// All that is granted.
    pub grants: Grants,
}

/// `POST /subscriptions`: subscribes each session of a user that may be, as if it had asked itself.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::SubscribeUser};
/// let json = concat!(
///     r#"{"user":"42","event_name":"app.Model","filters":{"room":42},"permanent":true,"lazy":false}"#,
/// );
/// assert_eq!(encode(&serde_json::from_str::<SubscribeUser>(json)?), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubscribeUser {
    /// Whose sessions.
    pub user: UserId,
    /// To what.
    #[serde(flatten)]
    pub subscribe: Subscribe,
}

/// How many sessions something concerned.
///
/// ```
/// use concierge_client::{payload::encode, telegraphy::web::Concerned};
/// let json = r#"{"sessions":2}"#;
/// assert_eq!(encode(&serde_json::from_str::<Concerned>(json)?), json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concerned {
    /// So many.
    pub sessions: u64,
}
