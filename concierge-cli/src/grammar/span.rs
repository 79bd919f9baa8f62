//! Time spans: `10s`, `500ms`, `1h30m`, or a number of seconds.

use std::time::Duration;

use jiff::SignedDuration;

/// The longest time span: one that ends before clocks do.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// Reads a time span that is longer than nothing, and no longer than a hundred years.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let span = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => text.parse::<SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok()),
    };
    match span {
        Some(Duration::ZERO) => Err("a time span is longer than nothing".to_owned()),
        Some(span) if span > LONGEST => Err("a time span is at most a hundred years".to_owned()),
        Some(span) => Ok(span),
        None => Err("expected a time span such as 10s, 500ms or 1h30m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units_or_are_seconds() {
        assert_eq!(parse_span("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_span("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse_span("2"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_span("0.5"), Ok(Duration::from_millis(500)));
    }

    #[test]
    fn a_span_that_outlasts_every_clock_is_refused() {
        assert_eq!(parse_span("876000h"), Ok(LONGEST));
        for text in ["876001h", "1.8e19"] {
            assert_eq!(parse_span(text), Err("a time span is at most a hundred years".to_owned()), "{text}");
        }
    }

    #[test]
    fn nothing_and_nonsense_are_refused() {
        for text in ["0", "0s", "-1", "-5s", "soon", "", "nan", "inf", "1e300"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
