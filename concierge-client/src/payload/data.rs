//! What a message carries: JSON that nobody on the way reads, changes or trusts.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// A message's `data`: any JSON value, kept byte for byte as it was sent.
///
/// Numbers are untouched, keys stay in order, and duplicate keys are kept. Cloning shares the text.
///
/// ```
/// use concierge_client::payload::Data;
/// let data: Data = serde_json::from_str(r#"{"price": 1.10, "price": 1e400}"#)?;
/// assert_eq!(data.as_str(), r#"{"price": 1.10, "price": 1e400}"#);
/// assert_eq!(Data::from_value(&[1, 2])?.parse::<Vec<u8>>()?, [1, 2]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Data(Arc<RawValue>);

impl Data {
    /// How deep `data` may be nested: 64 arrays or objects within each other.
    pub const MAX_DEPTH: usize = 64;

    /// Takes a JSON text as it is.
    ///
    /// # Errors
    ///
    /// When the text is not one JSON value.
    pub fn from_json(json: impl Into<String>) -> Result<Self, serde_json::Error> {
        RawValue::from_string(json.into()).map(Self::from)
    }

    /// The JSON of a value.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON: a map with keys that are not strings, or its own `Serialize` fails.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self::from)
    }

    /// Whether it can be passed on to anybody.
    ///
    /// # Errors
    ///
    /// When it is nested deeper than [`Data::MAX_DEPTH`], or a string in it is not one of Unicode.
    pub fn check(&self) -> Result<(), DataError> {
        check(&self.0, Self::MAX_DEPTH)
    }

    /// Reads it as a value of type `T`.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.0.get())
    }

    /// The JSON text, byte for byte as it was sent.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The JSON text as `serde_json` knows it, for embedding in another value.
    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }
}

impl From<Box<RawValue>> for Data {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw.into())
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Data {}

/// Why a JSON value is not passed on: it could break the parser of whoever receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Arrays and objects within each other, more than the limit.
    #[error("nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A `\ud800` to `\udfff` escape that is not half of a pair.
    #[error("a lone surrogate escape in a string")]
    LoneSurrogate,
}

/// Checks a value that is known to be JSON, in one pass and without recursion.
pub(crate) fn check(json: &RawValue, max_depth: usize) -> Result<(), DataError> {
    let bytes = json.get().as_bytes();
    if is_plain(bytes, max_depth) { Ok(()) } else { check_closely(bytes, max_depth) }
}

/// Whether there is nothing that could be wrong: no escape at all, and no more brackets than may be within each other, wherever they
/// stand. Nearly all data is like that, and it is seen at a fraction of what a closer look costs.
fn is_plain(bytes: &[u8], max_depth: usize) -> bool {
    // Counted in bytes, of which the processor adds many at once: a block is short enough for the sum to fit.
    let opening = |block: &[u8]| block.iter().map(|byte| u8::from(matches!(byte, b'[' | b'{'))).sum::<u8>();
    // What is nested opens and closes.
    let may_be_deep = bytes.len() / 2 > max_depth
        && bytes.chunks(128).map(|block| usize::from(opening(block))).sum::<usize>() > max_depth;
    !may_be_deep && !bytes.contains(&b'\\')
}

fn check_closely(bytes: &[u8], max_depth: usize) -> Result<(), DataError> {
    let mut depth = 0_usize;
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > max_depth {
                    return Err(DataError::TooDeep { limit: max_depth });
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => rest = check_string(rest)?,
            _ => {}
        }
    }
    Ok(())
}

/// Checks the inside of a string and returns what follows its closing quote.
fn check_string(mut rest: &[u8]) -> Result<&[u8], DataError> {
    loop {
        match rest {
            [b'"', tail @ ..] => return Ok(tail),
            [b'\\', b'u', tail @ ..] => rest = check_unicode_escape(tail)?,
            [b'\\', _, tail @ ..] | [_, tail @ ..] => rest = tail,
            [] => return Ok(rest),
        }
    }
}

/// Checks what follows `\u`: a high surrogate needs a low one right behind it, a low one may not stand alone.
fn check_unicode_escape(digits: &[u8]) -> Result<&[u8], DataError> {
    let (Some(unit), Some(rest)) = (hex_unit(digits), digits.get(4..)) else {
        return Ok(digits);
    };
    match unit {
        0xD800..=0xDBFF => match rest {
            [b'\\', b'u', low @ ..] if matches!(hex_unit(low), Some(0xDC00..=0xDFFF)) => {
                Ok(low.get(4..).unwrap_or_default())
            }
            _ => Err(DataError::LoneSurrogate),
        },
        0xDC00..=0xDFFF => Err(DataError::LoneSurrogate),
        _ => Ok(rest),
    }
}

fn hex_unit(digits: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(digits.get(..4)?).ok()?;
    u16::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(json: &str) -> Result<(), DataError> {
        check(serde_json::from_str::<&RawValue>(json).unwrap(), Data::MAX_DEPTH)
    }

    #[test]
    fn what_is_plain_passes_the_closer_look_as_well() {
        let many = format!("[{}\"[\"]", "\"{\",".repeat(Data::MAX_DEPTH));
        let texts = ["1", "[[1],{\"a\":[]}]", "\"a\\nb\"", "\"\\ud800\"", &nested(64), &nested(65), &many];
        for text in texts {
            let closely = check_closely(text.as_bytes(), Data::MAX_DEPTH);
            assert_eq!(checked(text), closely, "{text}");
            assert!(!is_plain(text.as_bytes(), Data::MAX_DEPTH) || closely.is_ok(), "{text}");
        }
        assert!(!is_plain(many.as_bytes(), Data::MAX_DEPTH) && checked(&many).is_ok());
    }

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn data_may_be_nested_64_deep_and_no_deeper() {
        assert_eq!(checked(&nested(64)), Ok(()));
        assert_eq!(checked(&nested(65)), Err(DataError::TooDeep { limit: 64 }));
        assert_eq!(checked(&nested(100_000)), Err(DataError::TooDeep { limit: 64 }));
    }

    #[test]
    fn width_is_not_depth() {
        assert_eq!(checked(&format!("[{}[]]", "[],{},".repeat(1000))), Ok(()));
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert_eq!(checked(&format!("[\"{}\\\"[\"]", "[{".repeat(100))), Ok(()));
    }

    #[test]
    fn surrogates_come_in_pairs() {
        for good in [r#""\ud83d\ude00""#, r#"{"\uD83D\uDE00":"\u00e9\\ud800"}"#, r#""\\""#] {
            assert_eq!(checked(good), Ok(()), "{good}");
        }
        for bad in [
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800\ud800""#,
            r#"{"\udc00":1}"#,
            r#""\ud800\n""#,
            r#""\ud800x\udc00""#,
        ] {
            assert_eq!(checked(bad), Err(DataError::LoneSurrogate), "{bad}");
        }
    }
}
