//! Auth tokens that wait to be used, once.

use core::net::IpAddr;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use concierge_client::telegraphy::{Grants, Timestamp, UserId};

use super::record::TokenHash;

/// What the web application says of whoever presents a token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pass {
    /// Who it is.
    pub user: Option<UserId>,
    /// What it may see.
    pub grants: Arc<Grants>,
    /// The only address it may come from, if that was said.
    pub host: Option<IpAddr>,
    /// The only page it may come from, if that was said.
    pub origin: Option<Arc<str>>,
}

/// The tokens that nobody has presented yet. Only in memory, so that none works twice across a crash.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    unspent: BTreeMap<TokenHash, (Timestamp, Pass)>,
    by_expiry: BTreeSet<(Timestamp, TokenHash)>,
}

impl Tokens {
    /// How many there are that may still be used.
    pub(super) fn len(&mut self, now: Timestamp) -> usize {
        while let Some((expires, token)) = self.by_expiry.first().copied()
            && expires <= now
        {
            self.by_expiry.remove(&(expires, token));
            self.unspent.remove(&token);
        }
        self.unspent.len()
    }

    /// When the next one expires.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.by_expiry.first().map(|(expires, _)| *expires)
    }

    pub(super) fn insert(&mut self, token: TokenHash, expires: Timestamp, pass: Pass) {
        self.by_expiry.insert((expires, token));
        self.unspent.insert(token, (expires, pass));
    }

    /// Takes a token: whatever comes of it, there is none after this.
    pub(super) fn spend(&mut self, token: TokenHash, now: Timestamp) -> Option<Pass> {
        let (expires, pass) = self.unspent.remove(&token)?;
        self.by_expiry.remove(&(expires, token));
        (now < expires).then_some(pass)
    }
}
