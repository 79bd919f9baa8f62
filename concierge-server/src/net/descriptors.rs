//! What the descriptors that the process may have are for: connections, and a reserve for everything else, so that a flood of connections
//! finds its end before the system runs out of them.

use rustix::process::{Resource, getrlimit};

use crate::config::ConnectionLimit;

/// More than a gateway has open besides: standard streams, listeners, signals, the runtime, the folder of the files.
const OWN: usize = 24;

/// At least so many are no connections.
const LEAST_RESERVE: usize = 48;

/// For so many of them there is one to tell somebody who is refused, and one for an operator …
const SHARE: usize = 32;

/// … but never more than this.
const MOST_SHARED: usize = 32;

/// For so many there is one for a connection of a web application, but never more of them than this.
const SHARE_OF_APPLICATIONS: usize = 8;
const MOST_APPLICATIONS: usize = 256;

/// The descriptors that the process may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descriptors {
    most: usize,
}

impl Descriptors {
    pub(super) fn of_process() -> Self {
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self { most: usize::try_from(most).unwrap_or(usize::MAX) }
    }

    /// How many there are.
    pub(super) fn most(self) -> usize {
        self.most
    }

    /// How many connections there may be, beside those of web applications where these are served.
    pub(super) fn connections(self, limit: ConnectionLimit, serves_applications: bool) -> usize {
        match limit {
            ConnectionLimit::AtMost(most) => most,
            ConnectionLimit::Unlimited => usize::MAX,
            ConnectionLimit::Automatic => {
                // One more for a connection that is not counted yet.
                let reserve = (OWN + self.refusals() + self.operators() + 1).max(LEAST_RESERVE);
                let reserve = reserve + if serves_applications { self.applications() } else { 0 };
                (self.most / 10 * 9).min(self.most.saturating_sub(reserve)).max(1)
            }
        }
    }

    /// How many connections that are refused may be told so at the same time.
    pub(super) fn refusals(self) -> usize {
        (self.most / SHARE).clamp(1, MOST_SHARED)
    }

    /// How many connections of operators may be served at the same time.
    pub(super) fn operators(self) -> usize {
        self.refusals()
    }

    /// How many connections of web applications may be served at the same time.
    pub(super) fn applications(self) -> usize {
        (self.most / SHARE_OF_APPLICATIONS).clamp(1, MOST_APPLICATIONS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_enough_for_everything_else() {
        for most in (64..5000).chain([65_536, 1_048_576]) {
            let descriptors = Descriptors { most };
            for (serves_applications, applications) in [(false, 0), (true, descriptors.applications())] {
                let connections = descriptors.connections(ConnectionLimit::Automatic, serves_applications);
                let at_most = OWN + connections + descriptors.refusals() + descriptors.operators();
                assert!(at_most + applications < most, "{at_most} and {applications} of {most}");
                assert!(connections + applications >= most / 4, "{connections} of {most}");
            }
        }
        let usual = Descriptors { most: 1024 };
        assert_eq!((usual.connections(ConnectionLimit::Automatic, false), usual.refusals()), (918, 32));
    }
}
