//! The messages under way in a closed loop: the next one goes out when the one a window before it has arrived everywhere. It waits
//! for nothing itself: it tells who waits when there is room again.

use std::sync::atomic::{AtomicU32, Ordering};

/// The window of one sender.
#[derive(Debug)]
pub(super) struct Window {
    /// How many arrivals the message in each place still waits for.
    places: Vec<AtomicU32>,
    arrivals: u32,
}

impl Window {
    /// So many messages, each of which arrives so often: the gateway's answer, and each delivery.
    pub(super) fn new(size: usize, arrivals: u32) -> Self {
        Self { places: (0..size.max(1)).map(|_| AtomicU32::new(0)).collect(), arrivals }
    }

    /// Whether the message of this number may go out.
    pub(super) fn is_free(&self, number: u64) -> bool {
        self.place(number).load(Ordering::Acquire) == 0
    }

    /// It goes out.
    pub(super) fn take(&self, number: u64) {
        self.place(number).store(self.arrivals, Ordering::Release);
    }

    /// It has arrived at one more place. Whether that makes room.
    pub(super) fn arrived(&self, number: u64) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        self.place(number).fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less) == Ok(1)
    }

    /// It arrives nowhere: the gateway refused it.
    pub(super) fn refused(&self, number: u64) {
        self.place(number).store(0, Ordering::Release);
    }

    fn place(&self, number: u64) -> &AtomicU32 {
        let index = usize::try_from(number % self.places.len() as u64).unwrap_or_default();
        self.places.get(index).expect("the remainder is smaller than the length, which is not 0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_message_has_arrived_everywhere() {
        let window = Window::new(2, 3);
        window.take(0);
        window.take(1);
        assert!(!window.arrived(0));
        assert!(!window.arrived(0));
        assert!(!window.is_free(2));
        assert!(window.arrived(0));
        assert!(window.is_free(2));
        assert!(!window.is_free(3), "another message's place");
    }

    #[test]
    fn what_was_refused_or_arrives_too_often_does_no_harm() {
        let window = Window::new(1, 2);
        window.take(0);
        window.refused(0);
        assert!(!window.arrived(0));
        assert!(window.is_free(1));
        window.take(1);
        assert!(!window.is_free(2));
    }
}
