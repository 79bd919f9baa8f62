//! Sequence numbers: which text payload of a client an answer belongs to.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The number of a text payload: 0 is the first one after `HELLO`, and every answer carries its request's.
///
/// At most 2^53 - 1, so that every JSON parser reads it exactly; the number after that is 0.
///
/// ```
/// use concierge_client::payload::Seq;
/// assert_eq!(Seq::ZERO.next(), Seq::new(1)?);
/// assert_eq!(Seq::MAX.next(), Seq::ZERO);
/// assert!(Seq::new(1 << 53).is_err());
/// # Ok::<(), concierge_client::payload::SeqTooLarge>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seq(u64);

/// A number beyond 2^53 - 1 is no sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sequence number is at most {max}, this is {0}", max = Seq::MAX)]
pub struct SeqTooLarge(pub u64);

impl Seq {
    /// The number of the first payload.
    pub const ZERO: Self = Self(0);

    /// The largest number, 2^53 - 1.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// Checks a number.
    ///
    /// # Errors
    ///
    /// [`SeqTooLarge`] beyond [`Seq::MAX`].
    pub const fn new(number: u64) -> Result<Self, SeqTooLarge> {
        if number > Self::MAX.0 { Err(SeqTooLarge(number)) } else { Ok(Self(number)) }
    }

    /// The number of the payload after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 == Self::MAX.0 { Self::ZERO } else { Self(self.0 + 1) }
    }

    /// The number itself.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl TryFrom<u64> for Seq {
    type Error = SeqTooLarge;
    fn try_from(number: u64) -> Result<Self, SeqTooLarge> {
        Self::new(number)
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
