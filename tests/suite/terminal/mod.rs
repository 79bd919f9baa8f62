//! The REPL in a real terminal: whatever arrives and whatever happens to the terminal, the typed line stays, nothing that was shown
//! is lost, and the terminal is sane afterwards.

mod completing;
mod events;
mod flood;
mod outage;
mod sanity;
mod seat;
mod typing;
