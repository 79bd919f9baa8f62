//! Guides: how things are done, each with examples that run. Owns no code.

#[doc = include_str!("../docs/connecting.md")]
pub mod connecting {}

#[doc = include_str!("../docs/services.md")]
pub mod services {}

#[doc = include_str!("../docs/reconnecting.md")]
pub mod reconnecting {}

#[cfg(feature = "files")]
#[doc = include_str!("../docs/files.md")]
pub mod files {}

#[doc = include_str!("../docs/testing.md")]
pub mod testing {}
