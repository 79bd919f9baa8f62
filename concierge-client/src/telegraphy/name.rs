//! Names that are valid by construction: of events, and of users.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::payload::{
    InvalidName,
    name::{check_characters, check_no_control, check_not_empty, checked_text},
};

checked_text! {
    /// An event's name: 1 to 200 characters, none of them a control or text-direction character.
    ///
    /// Web applications name a model's event `app.Model`. What begins with `telegraphy.` is the gateway's own.
    ///
    /// ```
    /// use concierge_client::telegraphy::EventName;
    /// assert!(EventName::new("app.Model")?.is_publishable());
    /// assert!(!EventName::new("telegraphy.gap")?.is_publishable());
    /// assert_eq!(EventName::new("").unwrap_err().to_string(), "an event name must not be empty");
    /// # Ok::<(), concierge_client::payload::InvalidName>(())
    /// ```
    EventName, check_event_name
}

checked_text! {
    /// A user, as the web application names it: 1 to 200 characters, none of them a control or text-direction character.
    ///
    /// ```
    /// use concierge_client::telegraphy::UserId;
    /// assert_eq!(UserId::new("42")?, "42");
    /// # Ok::<(), concierge_client::payload::InvalidName>(())
    /// ```
    UserId, check_user_id
}

impl EventName {
    /// The longest event name, in characters.
    pub const MAX_CHARACTERS: usize = 200;

    /// What the names of the gateway's own events begin with.
    pub const SYSTEM_PREFIX: &str = "telegraphy.";

    /// Whether a web application may register and publish it.
    pub fn is_publishable(&self) -> bool {
        !self.as_str().starts_with(Self::SYSTEM_PREFIX)
    }
}

impl UserId {
    /// The longest user id, in characters.
    pub const MAX_CHARACTERS: usize = 200;
}

fn check_event_name(text: &str) -> Result<(), InvalidName> {
    check("an event name", text, EventName::MAX_CHARACTERS)
}

fn check_user_id(text: &str) -> Result<(), InvalidName> {
    check("a user id", text, UserId::MAX_CHARACTERS)
}

fn check(what: &'static str, text: &str, limit: usize) -> Result<(), InvalidName> {
    check_not_empty(what, text)?;
    check_characters(what, text, limit)?;
    check_no_control(what, text)
}
