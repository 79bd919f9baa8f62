//! Keys that a request presents in `Authorization: Bearer …`.

use concierge_client::payload::Secret;
use hyper::header::HeaderValue;
use subtle::{Choice, ConstantTimeEq as _};

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// It presents none.
    Missing,
    /// It presents another one.
    Wrong,
}

/// Whether a request presents one of these keys. Compared in constant time: only lengths can be told from how long it takes.
pub(super) fn check(given: Option<&HeaderValue>, keys: &[Secret]) -> Result<(), NoKey> {
    let given = given.and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
    match given {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => {
            let given = given.trim().as_bytes();
            // Each is compared, whichever it is.
            let is_one =
                keys.iter().fold(Choice::from(0), |one, key| one | given.ct_eq(key.reveal().as_bytes()));
            if is_one.into() { Ok(()) } else { Err(NoKey::Wrong) }
        }
        _ => Err(NoKey::Missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keys_themselves_do() {
        let keys = [Secret::new("the key"), Secret::new("another")];
        let check = |given: Option<&'static str>| check(given.map(HeaderValue::from_static).as_ref(), &keys);
        for right in ["Bearer the key", "bearer the key", "BEARER  the key ", "Bearer another"] {
            assert_eq!(check(Some(right)), Ok(()), "{right}");
        }
        for wrong in ["Bearer the ke", "Bearer the key.", "Bearer x", "Bearer ", "Bearer the keyanother"] {
            assert_eq!(check(Some(wrong)), Err(NoKey::Wrong), "{wrong}");
        }
        for missing in [None, Some(""), Some("Bearer"), Some("the key"), Some("Basic dGhlIGtleQ==")] {
            assert_eq!(check(missing), Err(NoKey::Missing), "{missing:?}");
        }
    }
}
