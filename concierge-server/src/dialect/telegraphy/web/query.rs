//! The part of an address after the question mark.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The value of a key; none when it is not there. Of two the first counts.
pub(super) fn value<'q>(query: Option<&'q str>, key: &str) -> Option<Cow<'q, str>> {
    let pairs = query.unwrap_or_default().split('&');
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.into_iter().find(|(name, _)| decoded(name) == key)?;
    Some(decoded(value))
}

/// As forms encode it.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return text.into();
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_key() {
        let query = Some("user=a%20b+c&after&us%65r2=d&user=e");
        for (key, found) in [("user", Some("a b c")), ("after", Some("")), ("user2", Some("d")), ("x", None)]
        {
            assert_eq!(value(query, key).as_deref(), found, "{key}");
        }
        assert_eq!(
            value(None, ""),
            None::<Cow<'_, str>>.or(Some("".into())),
            "an empty query has an empty key"
        );
    }
}
