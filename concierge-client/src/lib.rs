//! The async SDK for `ert-concierge` gateways, and the definition of the protocol's payloads.

pub mod payload;
