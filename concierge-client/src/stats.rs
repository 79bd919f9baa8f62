//! What a client counts.

/// What a client has counted since it first connected, over all its connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Texts written, `IDENTIFY` and those that the SDK sends on its own account included.
    pub sent: u64,
    /// Texts received, `HELLO` included.
    pub received: u64,
    /// Bytes written, those of the WebSocket's frames and handshake included.
    pub bytes_sent: u64,
    /// Bytes received, likewise.
    pub bytes_received: u64,
    /// Requests of calls and deliveries that were written.
    pub calls: u64,
    /// Requests that wait for an answer or for their turn now.
    pub in_flight: usize,
    /// Answers to requests that nobody waited for any more.
    pub late: u64,
    /// Answers to nothing that was asked.
    pub stray: u64,
    /// Payloads that this version does not know or cannot read.
    pub unknown: u64,
    /// Events that streams lost because they were read too slowly.
    pub lagged: u64,
    /// How often the client came back after it had lost its connection.
    pub reconnects: u64,
    /// How often the sequence number was set anew because answers did not match.
    pub resynchronized: u64,
}
