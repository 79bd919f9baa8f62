//! The async SDK for `ert-concierge` gateways, and the definition of the protocol's payloads.

pub mod payload;

pub mod session;

#[cfg(feature = "net")]
mod error;
#[cfg(feature = "net")]
mod net;

#[cfg(feature = "net")]
mod builder;
#[cfg(feature = "net")]
mod call;
#[cfg(feature = "net")]
mod client;
#[cfg(feature = "net")]
mod events;
#[cfg(feature = "net")]
mod recipient;

pub use payload::{ClientName, CloseCode, Data, Message, Rejection, Secret, ServiceName, Target};
pub use session::{CloseCause, Event, Retry, Session};

#[cfg(feature = "net")]
pub use builder::ClientBuilder;
#[cfg(feature = "net")]
pub use call::{Call, CreateService, Delivery};
#[cfg(feature = "net")]
pub use client::Client;
#[cfg(feature = "net")]
pub use error::{
    BuildError, CallError, ConnectError, DrainError, RawError, Stage, UrlError, UselessReply, WaitError, Wire,
};
#[cfg(feature = "net")]
pub use events::Events;
#[cfg(feature = "net")]
pub use net::{GatewayUrl, RawConnection, RawReceiver, RawSender, Received};
#[cfg(feature = "net")]
pub use recipient::Recipient;
