//! Who there is, and who is logged in. Everybody is believed: an application in earnest asks for something that only they have.

use std::{collections::VecDeque, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use concierge_client::{payload::InvalidName, telegraphy::UserId};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{App, refusal::Refusal};

/// The most that are logged in; the one for the longest goes first.
const MAX_LOGINS: usize = 1000;

/// Each name, and its team.
const NAMES: [(&str, &str); 3] = [("alice", "red"), ("amir", "red"), ("bob", "blue")];

/// Somebody who is logged in.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) id: UserId,
    pub(crate) team: &'static str,
}

/// Everybody, and who is logged in: by what their cookie says, the newest last.
pub(crate) struct People {
    all: Vec<Member>,
    logins: Mutex<VecDeque<(Uuid, Member)>>,
}

impl People {
    pub(crate) fn new() -> Result<Self, InvalidName> {
        let member = |&(name, team)| UserId::new(name).map(|id| Member { id, team });
        Ok(Self { all: NAMES.iter().map(member).collect::<Result<_, _>>()?, logins: Mutex::default() })
    }

    /// What the cookie of somebody says from now on, if there is anybody of this name.
    pub(crate) fn log_in(&self, name: &str) -> Option<Uuid> {
        let member = self.all.iter().find(|member| member.id.as_str() == name)?;
        let login = Uuid::new_v4();
        let mut logins = self.logins.lock();
        if logins.len() == MAX_LOGINS {
            logins.pop_front();
        }
        logins.push_back((login, member.clone()));
        Some(login)
    }

    /// In all browsers.
    pub(crate) fn log_out(&self, member: &Member) {
        self.logins.lock().retain(|(_, other)| other.id != member.id);
    }

    fn whose(&self, login: Uuid) -> Option<Member> {
        let logins = self.logins.lock();
        logins.iter().find(|(known, _)| *known == login).map(|(_, member)| member.clone())
    }
}

impl FromRequestParts<Arc<App>> for Member {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut logins = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == "login").then(|| value.parse::<Uuid>().ok())?
        });
        logins.find_map(|login| app.people.whose(login)).ok_or(Refusal::NOT_LOGGED_IN)
    }
}
