//! Which part of a file is asked for: RFC 9110, section 14.

/// What is to be sent of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    Part {
        from: u64,
        /// The last byte.
        to: u64,
    },
    /// Nothing that there is.
    Nothing,
}

/// One range.
#[derive(Debug, Clone, Copy)]
enum Range {
    From {
        first: u64,
        last: u64,
    },
    /// So many bytes at the end.
    Last(u64),
}

/// What a header `Range` asks for of a file of a size. One range is served. Several, and what is none, are passed over, which the
/// standard allows; and so is any of an empty file, as `Content-Range` has no words for a part of it.
pub(super) fn wanted(header: &str, size: u64) -> Wanted {
    let Some(end) = size.checked_sub(1) else { return Wanted::Whole };
    match parse(header) {
        None => Wanted::Whole,
        Some(Range::From { first, last }) if first <= end => Wanted::Part { from: first, to: last.min(end) },
        Some(Range::Last(bytes)) if bytes > 0 => Wanted::Part { from: size.saturating_sub(bytes), to: end },
        Some(_) => Wanted::Nothing,
    }
}

fn parse(header: &str) -> Option<Range> {
    let (unit, ranges) = header.split_once('=')?;
    let (first, last) = ranges.trim_matches([' ', '\t']).split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (first, last) {
        ("", last) => number(last).map(Range::Last),
        (first, "") => Some(Range::From { first: number(first)?, last: u64::MAX }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Range::From { first, last })
        }
    }
}

/// A number of any length: what no file reaches is as good as the end of the largest.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEYOND: &str = "99999999999999999999999";

    fn part(from: u64, to: u64) -> Wanted {
        Wanted::Part { from, to }
    }

    #[test]
    fn one_range_is_served_as_far_as_the_file_goes() {
        for (header, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=2-4", part(2, 4)),
            ("bytes=7-", part(7, 9)),
            ("bytes=5-99", part(5, 9)),
            ("bytes=-2", part(8, 9)),
            ("bytes=-10", part(0, 9)),
            ("bytes=-11", part(0, 9)),
            ("Bytes= 002-4 ", part(2, 4)),
            (&format!("bytes=1-{BEYOND}"), part(1, 9)),
            (&format!("bytes=-{BEYOND}"), part(0, 9)),
        ] {
            assert_eq!(wanted(header, 10), expected, "{header}");
        }
    }

    #[test]
    fn what_the_file_does_not_reach_is_nothing() {
        for header in ["bytes=10-", "bytes=10-20", "bytes=-0", &format!("bytes={BEYOND}-")] {
            assert_eq!(wanted(header, 10), Wanted::Nothing, "{header}");
        }
    }

    #[test]
    fn several_ranges_and_what_is_none_are_passed_over() {
        for header in [
            "bytes=0-1,4-5",
            "bytes=0-5,2-7",
            "bytes=50-60,0-1",
            "bytes=-2,0-1",
            "bytes=4-2",
            "bytes=-",
            "bytes=",
            "bytes",
            "",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1--2",
            "lines=1-2",
        ] {
            assert_eq!(wanted(header, 10), Wanted::Whole, "{header}");
        }
    }

    #[test]
    fn an_empty_file_has_no_parts() {
        for header in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=5-9"] {
            assert_eq!(wanted(header, 0), Wanted::Whole, "{header}");
        }
    }
}
