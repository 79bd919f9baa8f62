//! How long a server asks to be left alone: `Retry-After` (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use super::LONGEST;

/// Reads the value of the header: seconds, or a date. What is neither says nothing; more than a year is a year.
pub(super) fn retry_after(value: &[u8]) -> Option<Duration> {
    at(value, SystemTime::now())
}

fn at(value: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that are no number are too many of them.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999999", Some(LONGEST.as_secs())),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(LONGEST.as_secs())),
            ("", None),
            ("-5", None),
            ("soon", None),
        ] {
            assert_eq!(at(value.as_bytes(), now).map(|wait| wait.as_secs()), expected, "{value:?}");
        }
        assert_eq!(at(b"\xff", now), None);
    }
}
