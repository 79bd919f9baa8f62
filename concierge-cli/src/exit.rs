//! The exit codes: what each means, and the table that `--help` shows. Which failure has which is in `failure.rs`.

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
    /// 4: the gateway refused the name, the secret or the version.
    NotAdmitted,
    /// 5: something took longer than it may.
    TimedOut,
    /// 6: no such client or service.
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
    /// 130: interrupted, by Ctrl-C or SIGINT.
    Interrupted,
    /// 143: terminated, by SIGTERM.
    Terminated,
}

/// The table at the end of `--help`.
macro_rules! exit_codes {
    () => {
        "\
Exit codes:
    0  done; also a stream that reached its limit, and a closed pipe
    1  the gateway said no
    2  the command line makes no sense
    3  could not connect
    4  refused at the door: name, secret or version
    5  timed out
    6  no such client or service
    7  connection lost, outcome unknown
    8  an expectation failed
    9  partly done (`run --keep-going`)
   10  local input or output failed
  130  interrupted (143: terminated)
The gateway (`concierge server`) has its own: 0 stopped, 2 usage, 10 cannot bind, 78 configuration."
    };
}
pub(crate) use exit_codes;

impl Exit {
    /// Every exit there is.
    pub const ALL: [Self; 14] = [
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
        Self::Interrupted,
        Self::Terminated,
    ];

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
    fn every_exit_has_a_code_of_its_own_and_stands_in_the_help() {
        let mut codes: Vec<_> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        for code in &codes {
            assert!(exit_codes!().contains(&code.to_string()), "{code} is not in the help");
        }
        codes.dedup();
        assert_eq!(codes.len(), Exit::ALL.len());
    }
}
