//! The time, as it stands beside what happens. Most of what comes in a burst has the time of what came before it: a text is made
//! anew when it is another one.

use std::{cell::RefCell, thread::LocalKey};

use jiff::{Timestamp, fmt::temporal::DateTimePrinter, tz::TimeZone};

/// A moment and its text.
type Last = RefCell<Option<(i64, String)>>;

thread_local! {
    static RECORD: Last = const { RefCell::new(None) };
    static CLOCK: Last = const { RefCell::new(None) };
}

/// The time as records have it: RFC 3339, in milliseconds.
pub(crate) fn now() -> String {
    let now = Timestamp::now();
    text_of(&RECORD, now.as_millisecond(), || {
        DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&now)
    })
}

/// The time as a clock on the wall has it, in seconds.
pub(crate) fn clock() -> String {
    let now = Timestamp::now();
    text_of(&CLOCK, now.as_second(), || now.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string())
}

fn text_of(last: &'static LocalKey<Last>, moment: i64, text: impl FnOnce() -> String) -> String {
    last.with_borrow_mut(|last| match last {
        Some((same, text)) if *same == moment => text.clone(),
        _ => last.insert((moment, text())).1.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_once_for_its_moment() {
        thread_local!(static TRIED: Last = const { RefCell::new(None) });
        assert_eq!(text_of(&TRIED, 1, || "one".to_owned()), "one");
        assert_eq!(text_of(&TRIED, 1, || unreachable!("it is there")), "one");
        assert_eq!(text_of(&TRIED, 2, || "two".to_owned()), "two");
        assert_eq!(text_of(&TRIED, 1, || "one again".to_owned()), "one again");
    }

    #[test]
    fn a_record_has_milliseconds_and_a_clock_has_none() {
        assert_eq!(now().len(), "2026-01-01T00:00:00.000Z".len());
        assert_eq!(clock().len(), "00:00:00".len());
    }
}
