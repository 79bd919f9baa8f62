//! What came of what was sent, as one receiver sees it: in order, out of order, twice, or not at all. Pure.

use std::collections::BTreeMap;

/// How many gaps are kept in mind; of more, the oldest count as lost for good.
const GAPS: usize = 4096;

/// The numbers a receiver saw of one sender, who counts from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    next: u64,
    /// What was passed over: from here until there, exclusive.
    gaps: BTreeMap<u64, u64>,
    given_up: u64,
    reordered: u64,
    duplicated: u64,
}

impl Tally {
    /// Sees a number. Whether it is the first time.
    pub(super) fn see(&mut self, number: u64) -> bool {
        if number < self.next {
            let late = self.close(number);
            self.reordered += u64::from(late);
            self.duplicated += u64::from(!late);
            return late;
        }
        if number > self.next {
            self.gaps.insert(self.next, number);
            if self.gaps.len() > GAPS
                && let Some((start, end)) = self.gaps.pop_first()
            {
                self.given_up += end - start;
            }
        }
        self.next = number + 1;
        true
    }

    /// Takes a number out of the gaps. Whether it was in one.
    fn close(&mut self, number: u64) -> bool {
        let Some((&start, &end)) = self.gaps.range(..=number).next_back() else { return false };
        if number >= end {
            return false;
        }
        self.gaps.remove(&start);
        if start < number {
            self.gaps.insert(start, number);
        }
        if number + 1 < end {
            self.gaps.insert(number + 1, end);
        }
        true
    }

    /// Those that came after a later one.
    pub(super) fn reordered(&self) -> u64 {
        self.reordered
    }

    /// Those that came once more.
    pub(super) fn duplicated(&self) -> u64 {
        self.duplicated
    }

    /// Those that did not come, of so many that were sent.
    pub(super) fn missing(&self, sent: u64) -> u64 {
        let gaps: u64 = self.gaps.iter().map(|(start, end)| end - start).sum();
        gaps + self.given_up + sent.saturating_sub(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: impl IntoIterator<Item = u64>) -> Tally {
        let mut tally = Tally::default();
        for number in numbers {
            tally.see(number);
        }
        tally
    }

    fn outcome(tally: &Tally, sent: u64) -> (u64, u64, u64) {
        (tally.missing(sent), tally.reordered(), tally.duplicated())
    }

    #[test]
    fn what_comes_in_order_is_complete() {
        assert_eq!(outcome(&tally(0..1000), 1000), (0, 0, 0));
    }

    #[test]
    fn what_does_not_come_is_missing_also_at_the_end() {
        assert_eq!(outcome(&tally([0, 1, 4, 5]), 8), (4, 0, 0));
        assert_eq!(outcome(&tally([]), 3), (3, 0, 0));
    }

    #[test]
    fn what_comes_late_is_out_of_order_and_not_missing() {
        assert_eq!(outcome(&tally([0, 3, 1, 2, 4]), 5), (0, 2, 0));
        assert_eq!(outcome(&tally([5, 2]), 6), (4, 1, 0));
    }

    #[test]
    fn what_comes_twice_is_counted_so() {
        assert_eq!(outcome(&tally([0, 0, 1, 4, 2, 2, 4]), 5), (1, 1, 3));
    }

    #[test]
    fn gaps_without_end_are_not_kept_and_still_counted() {
        let every_other = tally((0..100_000).map(|number| number * 2));
        assert!(every_other.gaps.len() <= GAPS);
        assert_eq!(outcome(&every_other, 200_000), (100_000, 0, 0));
    }
}
