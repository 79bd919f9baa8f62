//! How many files and sockets this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a process has open besides what it is asked to open: its streams, the runtime, libraries.
const OTHERS: u64 = 64;

/// How many files and sockets may be open; none is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// Now.
    pub soft: Option<u64>,
    /// At most, as this process may allow itself.
    pub hard: Option<u64>,
}

impl Descriptors {
    /// As the system has it.
    pub(crate) fn of_process() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        Self { soft: current, hard: maximum }
    }

    /// Whether there is room for so many sockets, as far as this process may allow itself.
    pub(crate) fn can_have(self, sockets: u64) -> bool {
        self.hard.is_none_or(|hard| sockets.saturating_add(OTHERS) <= hard)
    }

    /// Makes room for so many sockets, where the bound now is lower. Whether there is room.
    pub(crate) fn make_room(self, sockets: u64) -> bool {
        let needed = sockets.saturating_add(OTHERS);
        if self.soft.is_none_or(|soft| needed <= soft) {
            return true;
        }
        let raised = Rlimit { current: Some(needed), maximum: self.hard };
        self.can_have(sockets) && setrlimit(Resource::Nofile, raised).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_up_to_the_hard_bound() {
        let bounded = Descriptors { soft: Some(256), hard: Some(1024) };
        assert!(bounded.can_have(960) && !bounded.can_have(961));
        assert!(bounded.make_room(192));
        assert!(!bounded.make_room(1024));
        let unbounded = Descriptors { soft: None, hard: None };
        assert!(unbounded.can_have(u64::MAX) && unbounded.make_room(u64::MAX));
    }
}
