//! What nobody can guess: from the system's random source.

use concierge_client::payload::Secret;
use data_encoding::HEXLOWER;
use uuid::Uuid;

use crate::events::Fresh;
use crate::events::record::SessionId;

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// For a session that may begin.
pub(super) fn fresh() -> Fresh {
    Fresh { session: SessionId(Uuid::new_v4()), token: token() }
}

/// A token of 256 bits, as hexadecimal digits.
pub(super) fn token() -> Secret {
    Secret::new(HEXLOWER.encode(&bytes()))
}

/// As many bytes as a token has.
pub(in crate::net) fn bytes() -> [u8; TOKEN_BYTES] {
    let mut bytes = [0; TOKEN_BYTES];
    // The system says so before anything is served, or never.
    getrandom::fill(&mut bytes).expect("a system has a random source");
    bytes
}

/// What begins the names of this start's epochs: always as long, so that no two starts have the same by what follows it.
pub(super) fn incarnation() -> String {
    let mut text = Uuid::new_v4().simple().to_string();
    text.truncate(12);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_256_bits_and_no_two_are_the_same() {
        let (one, other) = (token(), token());
        assert_eq!(one.reveal().len(), 64);
        assert_ne!(one.reveal(), other.reveal());
        assert_ne!(incarnation(), incarnation());
    }
}
