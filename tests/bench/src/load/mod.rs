//! The load: many connections on one thread, which cost less than any server does. What is sent is encoded beforehand, and of
//! what comes only the heads of frames are looked at.

mod crowd;
mod scanner;

pub(crate) use crowd::{Crowd, Heard};
pub(crate) use scanner::Language;
