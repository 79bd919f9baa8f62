//! What can go wrong with a store: when it is opened, when it is written, and when it is read.

use std::path::PathBuf;
use std::sync::Arc;

use crate::events::record::NotStored;

/// Why a store cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The system does not let the gateway have the file.
    #[error("cannot use the store {}: {cause}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system, or SQLite, says.
        cause: String,
    },
    /// Others could read what is confidential, or write into it.
    #[error("every user of this machine can read or write the store {}: `chmod 600` it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// A gateway runs that has it open.
    #[error("another gateway uses the store {}: give each gateway one of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is something else; it was not touched.
    #[error("{} is no store of a gateway: {cause}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        cause: String,
    },
    /// A later gateway has written it; it was not touched.
    #[error(
        "the store {} is of a newer gateway: its schema is version {found}, and this gateway knows {known}",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: u32,
        /// The newest version that this gateway knows.
        known: u32,
    },
    /// It is not whole.
    #[error("the store {} is damaged: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
}

/// Why changes are not durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room, and there may be again.
    #[error("the disk is full")]
    Full,
    /// More waits to be written than may, or another program keeps the store locked. Later it may go.
    #[error("the store is busy")]
    Busy,
    /// Something failed after which nobody knows what is on the disk. Nothing more is taken until the store is opened again.
    #[error("the store is read-only: {0}")]
    ReadOnly(Arc<str>),
}

impl From<StoreError> for NotStored {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            StoreError::Busy => Self::Busy,
            StoreError::ReadOnly(_) => Self::ReadOnly,
        }
    }
}

/// Why something cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the store: {cause}")]
pub struct ReadError {
    /// What SQLite says, or what cannot be in a store.
    pub cause: String,
}
