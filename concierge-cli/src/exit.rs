//! The exit codes: what each means, in a sentence and in a word. Which failure has which is in `failure.rs`.

use std::process::ExitCode;

/// How the command ended, as a script sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done. A stream that reached its limit, and a reader that closed the pipe, are done too.
    Done,
    /// 1: the gateway said no.
    Rejected,
    /// 2: the command line makes no sense.
    Usage,
    /// 3: there is no connection to be had.
    Unreachable,
    /// 4: the gateway refused the name, the secret, the version or the key.
    NotAdmitted,
    /// 5: something took longer than it may.
    TimedOut,
    /// 6: no such client, service, file, event or session.
    NotFound,
    /// 7: the connection was lost; whether the request was carried out is not known.
    Lost,
    /// 8: an expectation failed.
    Unexpected,
    /// 9: some of it was done, some of it failed.
    Partly,
    /// 10: local input or output failed.
    LocalIo,
    /// 78: the embedded gateway's configuration is unsafe or contradicts itself.
    Configuration,
    /// 129: the terminal was taken away, or SIGHUP.
    HungUp,
    /// 130: interrupted, by Ctrl-C or SIGINT.
    Interrupted,
    /// 143: terminated, by SIGTERM.
    Terminated,
}

impl Exit {
    /// Every exit there is.
    pub const ALL: [Self; 15] = [
        Self::Done,
        Self::Rejected,
        Self::Usage,
        Self::Unreachable,
        Self::NotAdmitted,
        Self::TimedOut,
        Self::NotFound,
        Self::Lost,
        Self::Unexpected,
        Self::Partly,
        Self::LocalIo,
        Self::Configuration,
        Self::HungUp,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// What it means, as the table of exit codes has it.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; also a stream that reached its limit, and a closed pipe",
            Self::Rejected => "the gateway said no",
            Self::Usage => "the command line makes no sense, or a filter does not",
            Self::Unreachable => "could not connect",
            Self::NotAdmitted => "refused at the door: name, secret, version or key",
            Self::TimedOut => "timed out",
            Self::NotFound => "no such client, service, file, event or session",
            Self::Lost => "connection lost, outcome unknown",
            Self::Unexpected => "an expectation failed",
            Self::Partly => "partly done",
            Self::LocalIo => "local input or output failed",
            Self::Configuration => "the gateway's configuration is refused",
            Self::HungUp => "hung up: the terminal is gone, or SIGHUP",
            Self::Interrupted => "interrupted, by Ctrl-C or SIGINT",
            Self::Terminated => "terminated, by SIGTERM",
        }
    }

    /// What it means, in a word or two.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Rejected => "refused",
            Self::Usage => "usage",
            Self::Unreachable => "no connection",
            Self::NotAdmitted => "not let in",
            Self::TimedOut => "timed out",
            Self::NotFound => "not found",
            Self::Lost => "connection lost",
            Self::Unexpected => "not as expected",
            Self::Partly => "partly done",
            Self::LocalIo => "local input or output",
            Self::Configuration => "configuration",
            Self::HungUp => "hung up",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// The number the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Rejected => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::NotAdmitted => 4,
            Self::TimedOut => 5,
            Self::NotFound => 6,
            Self::Lost => 7,
            Self::Unexpected => 8,
            Self::Partly => 9,
            Self::LocalIo => 10,
            Self::Configuration => 78,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_has_a_code_and_a_meaning_of_its_own() {
        let mut codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes.len(), Exit::ALL.len());
        for tell in [Exit::meaning, Exit::word] {
            let told: std::collections::BTreeSet<_> = Exit::ALL.iter().map(|exit| tell(*exit)).collect();
            assert_eq!(told.len(), Exit::ALL.len());
        }
    }
}
