//! Why something with a file did not come about.

use std::{io, time::Duration};

use crate::error::ConnectError;

/// Why something with a file did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is no such file, or no such client.
    #[error("there is no such file at the gateway")]
    NotFound {
        /// What the gateway said. Text from elsewhere: escape it before showing it.
        message: String,
    },
    /// The path is none.
    #[error("{path:?} is no path of a file")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it. Text from elsewhere, unless it was found out here.
        message: String,
    },
    /// The gateway did not take this client's key, or not for this.
    #[error("the gateway does not let this client do that: {message}")]
    Denied {
        /// What the gateway said. Text from elsewhere: escape it before showing it.
        message: String,
    },
    /// A folder is where the file should be, or the other way round.
    #[error("a folder is where the file should be, or a file where a folder should be")]
    Folder,
    /// The file is larger than a file may be at this gateway.
    #[error("the file is larger than the gateway takes")]
    TooLarge,
    /// The folder or the whole store is full.
    #[error("there is no room for the file at the gateway: {message}")]
    Full {
        /// What the gateway said. Text from elsewhere: escape it before showing it.
        message: String,
    },
    /// As many uploads are under way as may be.
    #[error("the gateway has too many uploads under way")]
    Busy,
    /// The gateway serves no files.
    #[error("the gateway serves no files")]
    Unsupported,
    /// The gateway refused for another reason.
    #[error("the gateway refused with HTTP status {status}: {message}")]
    Refused {
        /// The status.
        status: u16,
        /// What the gateway said. Text from elsewhere: escape it before showing it.
        message: String,
    },
    /// The gateway answered something that makes no sense.
    #[error("the gateway's answer makes no sense: {detail}")]
    Answer {
        /// What is wrong with it.
        detail: String,
    },
    /// There is no connection for the transfer.
    #[error("there is no connection for the transfer")]
    Connect(#[from] ConnectError),
    /// The connection broke off, again and again.
    #[error("the connection of the transfer broke off")]
    Lost {
        /// What was said about it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Not a byte moved for too long.
    #[error("the transfer did not move for {} s", after.as_secs_f32())]
    Stalled {
        /// For how long.
        after: Duration,
    },
    /// The file was replaced while it was fetched.
    #[error("the file was replaced while it was fetched")]
    Changed,
    /// What came is not what was sent. After an upload, it is what the gateway has now.
    #[error("the file has another checksum at the gateway than on this side")]
    Checksum,
    /// There is more than the caller wants.
    #[error("the file has {size} bytes, more than the {most} that were wanted")]
    MoreThanWanted {
        /// How large it is.
        size: u64,
        /// How much was wanted.
        most: u64,
    },
    /// A file on this side could not be read or written.
    #[error("{what} failed on this side")]
    Local {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}

impl FileError {
    /// Whether the same may go well a little later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Busy | Self::Lost { .. } | Self::Stalled { .. } | Self::Changed | Self::Checksum => true,
            Self::Refused { status, .. } => *status == 408 || *status >= 500,
            Self::Connect(error) => error.is_temporary(),
            _ => false,
        }
    }

    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotFound { .. } => "list the client's files; they go when their client leaves",
            Self::Path { .. } => "a path has names with / between, such as maps/north.json",
            Self::Denied { .. } => "a client writes into its own folder only, while it is connected",
            Self::Full { .. } => "delete files that are not needed, or ask whoever runs the gateway for room",
            Self::Unsupported => "whoever runs the gateway can set files.serve = true",
            Self::Connect(error) => return error.hint(),
            _ => return None,
        })
    }

    pub(super) fn local(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Local { what, source }
    }
}
