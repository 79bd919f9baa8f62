//! Text from others is hostile: whatever a client or a gateway sends, no terminal acts upon it, in no command and no format.

mod answers;
mod commands;
mod files;
mod impostor;
mod judge;
mod repl;
mod sessions;
mod texts;
mod world;
