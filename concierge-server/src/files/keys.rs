//! Keys: who may write into a folder, and who may read.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use concierge_client::payload::ClientName;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Address;
use crate::hub::ClientId;

/// How many keys of clients that left are told from keys that never were.
const EXPIRED: usize = 1024;

/// The keys of everybody who is connected. A secret key is kept as its hash alone.
#[derive(Debug, Default)]
pub struct Keys {
    rules: Rules,
    holders: BTreeMap<ClientId, Holder>,
    by_key: BTreeMap<[u8; 32], ClientId>,
    by_name: BTreeMap<ClientName, ClientId>,
    /// Those of clients that left, the latest last: whoever still comes with one does not guess.
    expired: VecDeque<[u8; 32]>,
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    legacy: LegacyKeys,
    public_keys_read: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { legacy: LegacyKeys::Bound, public_keys_read: true }
    }
}

/// What the public id of a client that asked for no secret key may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LegacyKeys {
    /// Write, from where its connection comes.
    #[default]
    Bound,
    /// Not write.
    Deny,
    /// Write, from anywhere, as with the original.
    Open,
}

/// A client that has a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name of its folder.
    pub name: ClientName,
    /// Its public id, which is its key when it has no other.
    pub uuid: Uuid,
    /// Its secret key, when it asked for one.
    pub secret: Option<Uuid>,
    /// Where its connection comes from.
    pub address: Address,
    /// The page its connection comes from, when it comes from one.
    pub origin: Option<String>,
}

/// Who asks for something.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The value of `x-fs-key`.
    pub key: Option<&'a str>,
    /// Where the request comes from.
    pub address: Address,
    /// The page it comes from.
    pub origin: Option<&'a str>,
}

// Whatever may be a key is shown nowhere.

impl fmt::Debug for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, uuid: _, secret: _, address, origin } = self;
        let mut holder = formatter.debug_struct("Holder");
        holder.field("name", name).field("address", address).field("origin", origin).finish_non_exhaustive()
    }
}

impl fmt::Debug for Caller<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: _, address, origin } = self;
        let mut caller = formatter.debug_struct("Caller");
        caller.field("address", address).field("origin", origin).finish_non_exhaustive()
    }
}

/// What somebody wants to do with a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Look at what is in it.
    Read,
    /// Change what is in it.
    Write,
}

/// Why a key does not do. In the order in which they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRefusal {
    /// There is none. 428.
    #[error("the header x-fs-key is missing: it carries the file key of a connected client")]
    Missing,
    /// It is no UUID. 417.
    #[error("the header x-fs-key is not a UUID")]
    NotAUuid,
    /// It is nobody's who is connected. 401.
    #[error("nobody who is connected has this file key")]
    Unknown,
    /// It was somebody's who was connected not long ago. 401.
    #[error("the connection that this file key belonged to is gone: another one has another key")]
    Expired,
    /// It is somebody else's. 403.
    #[error("only the client whose folder it is may change it")]
    NotYours,
    /// It is the public id of a client, and comes from elsewhere than that client. 403.
    #[error("a public id is a key only where its client's connection comes from: ask for the feature fs_key")]
    Elsewhere,
    /// It is the public id of a client, and such are no keys here. 403.
    #[error("a public id is no key for this here: ask for the feature fs_key")]
    PublicId,
}

impl Keys {
    /// No keys, and these rules for public ids.
    pub fn new(legacy: LegacyKeys, public_keys_read: bool) -> Self {
        Self { rules: Rules { legacy, public_keys_read }, ..Self::default() }
    }

    /// A client is connected. For one with a secret key its public id is no key at all.
    pub fn join(&mut self, client: ClientId, holder: Holder) {
        self.by_key.insert(hash(holder.secret.unwrap_or(holder.uuid)), client);
        self.by_name.insert(holder.name.clone(), client);
        self.holders.insert(client, Holder { secret: holder.secret.map(|_| Uuid::nil()), ..holder });
    }

    /// A client is gone, and its key with it.
    pub fn leave(&mut self, client: ClientId) {
        if let Some(holder) = self.holders.remove(&client) {
            // The name may be somebody else's by now.
            if self.owner(&holder.name) == Some(client) {
                self.by_name.remove(&holder.name);
            }
            let mine = self.by_key.extract_if(.., |_, holder| *holder == client);
            self.expired.extend(mine.map(|(key, _)| key));
            let too_many = self.expired.len().saturating_sub(EXPIRED);
            self.expired.drain(..too_many);
        }
    }

    /// Whose folder has this name.
    pub fn owner(&self, folder: &str) -> Option<ClientId> {
        self.by_name.get(folder).copied()
    }

    /// Whether a caller may do this with the folder of this name, which need not be there.
    ///
    /// # Errors
    ///
    /// [`KeyRefusal`]: the first reason against it.
    pub fn check(&self, caller: Caller<'_>, folder: &str, access: Access) -> Result<ClientId, KeyRefusal> {
        let text = caller.key.ok_or(KeyRefusal::Missing)?;
        let key = Uuid::try_parse(text.trim()).map_err(|_| KeyRefusal::NotAUuid)?;
        let key = hash(key);
        let client = *self.by_key.get(&key).ok_or_else(|| self.refusal_of(&key))?;
        let holder = self.holders.get(&client).ok_or(KeyRefusal::Unknown)?;
        let is_public = holder.secret.is_none();
        match access {
            Access::Read if is_public && !self.rules.public_keys_read => Err(KeyRefusal::PublicId),
            Access::Write if holder.name != *folder => Err(KeyRefusal::NotYours),
            Access::Write if is_public => self.may_write_by_id(holder, caller).map(|()| client),
            Access::Read | Access::Write => Ok(client),
        }
    }

    /// What is wrong with a key that is nobody's.
    fn refusal_of(&self, key: &[u8; 32]) -> KeyRefusal {
        if self.expired.contains(key) { KeyRefusal::Expired } else { KeyRefusal::Unknown }
    }

    fn may_write_by_id(&self, holder: &Holder, caller: Caller<'_>) -> Result<(), KeyRefusal> {
        match self.rules.legacy {
            LegacyKeys::Open => Ok(()),
            LegacyKeys::Deny => Err(KeyRefusal::PublicId),
            LegacyKeys::Bound => {
                let same_page = caller.origin.is_none() || caller.origin == holder.origin.as_deref();
                if same_page && holder.address.is_same_place(caller.address) {
                    Ok(())
                } else {
                    Err(KeyRefusal::Elsewhere)
                }
            }
        }
    }
}

fn hash(key: Uuid) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: ClientId = ClientId(1);
    const NEW: ClientId = ClientId(2);
    const HOME: &str = "192.0.2.1";

    fn at(address: &str) -> Address {
        Address::Ip(address.parse().unwrap())
    }

    fn uuid(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn keys(legacy: LegacyKeys, public_keys_read: bool) -> Keys {
        let mut keys = Keys::new(legacy, public_keys_read);
        let holder = |name: &str, number, secret: Option<Uuid>| Holder {
            name: name.parse().unwrap(),
            uuid: uuid(number),
            secret,
            address: at(HOME),
            origin: None,
        };
        keys.join(OLD, holder("old", 1, None));
        keys.join(NEW, holder("new", 2, Some(uuid(20))));
        keys
    }

    fn ask(
        keys: &Keys,
        key: u128,
        folder: &str,
        access: Access,
        address: &str,
    ) -> Result<ClientId, KeyRefusal> {
        let key = uuid(key).to_string();
        keys.check(Caller { key: Some(&key), address: at(address), origin: None }, folder, access)
    }

    #[test]
    fn a_key_must_be_there_be_one_and_be_alive() {
        let keys = keys(LegacyKeys::Bound, true);
        let caller = |key| Caller { key, address: at(HOME), origin: None };
        assert_eq!(keys.check(caller(None), "old", Access::Read), Err(KeyRefusal::Missing));
        assert_eq!(keys.check(caller(Some("x")), "old", Access::Read), Err(KeyRefusal::NotAUuid));
        assert_eq!(ask(&keys, 9, "old", Access::Read, HOME), Err(KeyRefusal::Unknown));
    }

    #[test]
    fn the_public_id_of_a_client_with_a_secret_key_is_no_key() {
        let keys = keys(LegacyKeys::Open, true);
        for access in [Access::Read, Access::Write] {
            assert_eq!(ask(&keys, 2, "new", access, HOME), Err(KeyRefusal::Unknown));
            assert_eq!(ask(&keys, 20, "new", access, "198.51.100.1"), Ok(NEW));
        }
    }

    #[test]
    fn only_the_owner_writes_and_everybody_reads() {
        let keys = keys(LegacyKeys::Bound, true);
        assert_eq!(ask(&keys, 20, "old", Access::Write, HOME), Err(KeyRefusal::NotYours));
        assert_eq!(ask(&keys, 1, "new", Access::Write, HOME), Err(KeyRefusal::NotYours));
        assert_eq!(ask(&keys, 20, "nobody", Access::Write, HOME), Err(KeyRefusal::NotYours));
        assert_eq!(ask(&keys, 1, "new", Access::Read, "198.51.100.1"), Ok(OLD));
        assert_eq!(ask(&keys, 20, "nobody", Access::Read, HOME), Ok(NEW));
    }

    #[test]
    fn a_public_id_writes_as_the_rule_says() {
        for (legacy, here, elsewhere) in [
            (LegacyKeys::Bound, Ok(OLD), Err(KeyRefusal::Elsewhere)),
            (LegacyKeys::Deny, Err(KeyRefusal::PublicId), Err(KeyRefusal::PublicId)),
            (LegacyKeys::Open, Ok(OLD), Ok(OLD)),
        ] {
            let keys = keys(legacy, true);
            assert_eq!(ask(&keys, 1, "old", Access::Write, HOME), here, "{legacy:?}");
            assert_eq!(ask(&keys, 1, "old", Access::Write, "::ffff:192.0.2.1"), here, "{legacy:?}");
            assert_eq!(ask(&keys, 1, "old", Access::Write, "192.0.2.2"), elsewhere, "{legacy:?}");
        }
    }

    #[test]
    fn a_bound_id_comes_from_the_page_its_connection_comes_from() {
        let mut keys = Keys::default();
        let holder = Holder {
            name: "page".parse().unwrap(),
            uuid: uuid(3),
            secret: None,
            address: at(HOME),
            origin: Some("https://a.example".to_owned()),
        };
        keys.join(OLD, holder);
        let key = uuid(3).to_string();
        let from = |origin| Caller { key: Some(&key), address: at(HOME), origin };
        assert_eq!(keys.check(from(Some("https://a.example")), "page", Access::Write), Ok(OLD));
        assert_eq!(keys.check(from(None), "page", Access::Write), Ok(OLD));
        let elsewhere = keys.check(from(Some("https://b.example")), "page", Access::Write);
        assert_eq!(elsewhere, Err(KeyRefusal::Elsewhere));
    }

    #[test]
    fn reading_can_be_kept_to_secret_keys() {
        let keys = keys(LegacyKeys::Open, false);
        assert_eq!(ask(&keys, 1, "old", Access::Read, HOME), Err(KeyRefusal::PublicId));
        assert_eq!(ask(&keys, 20, "old", Access::Read, HOME), Ok(NEW));
    }

    #[test]
    fn a_key_dies_with_its_connection() {
        let mut keys = keys(LegacyKeys::Open, true);
        keys.leave(NEW);
        assert_eq!(ask(&keys, 20, "new", Access::Read, HOME), Err(KeyRefusal::Expired));
        assert_eq!((keys.owner("new"), keys.owner("old")), (None, Some(OLD)));
    }

    #[test]
    fn keys_of_those_who_left_are_remembered_up_to_a_bound() {
        let mut keys = Keys::default();
        let last = EXPIRED as u64 + 9;
        for number in 0..=last {
            let name = format!("client_{number}").parse().unwrap();
            let address = at(HOME);
            let holder = Holder { name, uuid: uuid(number.into()), secret: None, address, origin: None };
            keys.join(ClientId(number), holder);
            keys.leave(ClientId(number));
        }
        assert_eq!(keys.expired.len(), EXPIRED);
        assert_eq!(ask(&keys, 0, "x", Access::Read, HOME), Err(KeyRefusal::Unknown));
        assert_eq!(ask(&keys, last.into(), "x", Access::Read, HOME), Err(KeyRefusal::Expired));
    }

    #[test]
    fn a_secret_key_is_kept_nowhere() {
        let shown = format!("{:?}", keys(LegacyKeys::Bound, true));
        assert!(!shown.contains(&uuid(20).to_string()), "{shown}");
    }

    #[test]
    fn nothing_that_is_shown_has_a_key_in_it() {
        let address = at(HOME);
        let name = "new".parse().unwrap();
        let holder = Holder { name, uuid: uuid(2), secret: Some(uuid(20)), address, origin: None };
        let key = uuid(20).to_string();
        let caller = Caller { key: Some(&key), address, origin: None };
        let shown = format!("{holder:?} {caller:?}");
        assert!(shown.contains(HOME) && shown.contains("new"), "{shown}");
        assert!(!shown.contains(&key) && !shown.contains(&uuid(2).to_string()), "{shown}");
    }
}
