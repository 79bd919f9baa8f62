//! Where a client finds a gateway each time it connects.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use concierge_client::{Client, ClientBuilder, Events};
use serde_json::json;
use tokio::{io::DuplexStream, sync::mpsc};

use crate::gateway::{Gateway, PIPE, builder};

/// The connections that a client opens, one after the other.
pub(crate) struct Address {
    streams: mpsc::UnboundedReceiver<DuplexStream>,
    refuses: Arc<AtomicBool>,
    uuids: u128,
}

/// A builder of a client that connects here.
pub(crate) fn address() -> (ClientBuilder, Address) {
    let (sender, streams) = mpsc::unbounded_channel();
    let refuses = Arc::new(AtomicBool::new(false));
    let refusing = Arc::clone(&refuses);
    let builder = builder().connect_through(move || {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let fails = refusing.load(Ordering::Relaxed) || sender.send(theirs).is_err();
        async move { if fails { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(ours) } }
    });
    (builder, Address { streams, refuses, uuids: 0 })
}

/// A client that is connected here.
pub(crate) async fn connected_at(builder: ClientBuilder, address: &mut Address) -> (Client, Events, Gateway) {
    let (connected, gateway) = tokio::join!(builder.connect_with_events(), address.welcome());
    let (client, events) = connected.unwrap();
    (client, events, gateway)
}

impl Address {
    /// The next connection.
    pub(crate) async fn stream(&mut self) -> DuplexStream {
        self.streams.recv().await.expect("the client lives")
    }

    /// Lets the client in on its next connection, as an original gateway does, under an id that counts: 1, 2, 3.
    pub(crate) async fn welcome(&mut self) -> Gateway {
        self.uuids += 1;
        let uuid = uuid(self.uuids);
        let hello = json!({"type": "HELLO", "uuid": uuid, "version": "0.2.0"});
        Gateway::welcome_with(self.stream().await, &hello).await
    }

    /// Closes the next connection with this instead of letting the client in.
    pub(crate) async fn turn_away(&mut self, code: u16, reason: &'static str) {
        let mut gateway = Gateway::accept(self.stream().await).await;
        gateway.receive().await;
        gateway.close(code, reason).await;
        while gateway.next().await.is_some() {}
    }

    /// From now on nothing is there, or there is again.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::Relaxed);
    }
}

/// The id of this number.
pub(crate) fn uuid(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}
