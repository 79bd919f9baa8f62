//! Text from others is hostile: whatever a client or a gateway sends, no terminal acts upon it, in no command and no format.

mod commands;
mod judge;
mod repl;
mod texts;
mod world;
