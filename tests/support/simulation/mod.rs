//! Client sessions, dialect and hub wired together in memory: a virtual clock, links with delays that break in every way, a
//! gateway that restarts. Everything that happens follows from a seed, so a failure can be seen again.
//!
//! Only the pure halves take part. What stands between them here is what `net` does with sockets on either side.

mod client;
mod disturbance;
mod gateway;
mod judgement;
mod random;
mod world;

pub use judgement::Report;
pub use random::Random;
pub use world::World;
