//! What was probably meant by a word that nobody knows.

/// The candidate that takes the fewest edits, when they are few enough for a slip of the hand.
pub(super) fn nearest(
    word: &str,
    candidates: impl IntoIterator<Item = &'static str>,
) -> Option<&'static str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= (candidate.chars().count() / 3).max(2))
        .map(|(_, candidate)| candidate)
}

/// The edit distance of Levenshtein, a row at a time.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (index, here) in left.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(index + 1);
        for (there, pair) in right.chars().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            let before = next.last().copied().unwrap_or(index + 1);
            next.push((before + 1).min(above + 1).min(diagonal + usize::from(here != there)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (left, right, edits) in
            [("", "", 0), ("kitten", "sitting", 3), ("abc", "", 3), ("bnd", "bind", 1)]
        {
            assert_eq!(distance(left, right), edits, "{left} {right}");
            assert_eq!(distance(right, left), edits, "{right} {left}");
        }
    }

    #[test]
    fn a_slip_is_recognized_and_nonsense_is_not() {
        assert_eq!(nearest("hartbeat.timout", ["heartbeat.timeout", "bind"]), Some("heartbeat.timeout"));
        assert_eq!(nearest("xyzzy", ["heartbeat.timeout", "bind"]), None);
    }
}
