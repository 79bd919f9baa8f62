//! Who sits where: the outbox of each client of the hub, and how a payload comes into those of its receivers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::SystemTime;

use super::outbox::{Outbox, Pressure};
use super::payload::Payload;
use super::peer::Peer;
use crate::dialect::concierge::Delivery;
use crate::hub::ClientId;

/// What the hub need not know of a client.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) outbox: Arc<Outbox>,
    pub(super) peer: Peer,
    pub(super) since: SystemTime,
}

/// The seats of all clients.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: HashMap<ClientId, Seat, Drawn>,
    /// Kept for its room.
    frame: Vec<u8>,
}

/// What came of deliveries.
#[derive(Debug, Default)]
pub(super) struct Handed {
    /// Clients whose outboxes are over half full by it, other than whoever caused it, and that are not known to be slow.
    pub(super) pressed: Vec<Arc<Outbox>>,
    pub(super) is_own_high: bool,
    /// Something of it failed.
    pub(super) is_cut: bool,
}

/// Finds a seat by its client's id. Ids are drawn by the gateway, one after the other: nobody outside can choose them so that they
/// collide, and they need no hashing that holds against that.
pub(super) type Drawn = BuildHasherDefault<DrawnId>;

#[derive(Debug, Default)]
pub(super) struct DrawnId(u64);

impl Hasher for DrawnId {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // Spread over all bits, of which the map looks at the highest and the lowest (Fibonacci hashing).
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

impl Seats {
    pub(super) fn insert(&mut self, client: ClientId, seat: Seat) {
        self.seats.insert(client, seat);
    }

    pub(super) fn remove(&mut self, client: ClientId) {
        self.seats.remove(&client);
    }

    pub(super) fn get(&self, client: ClientId) -> Option<&Seat> {
        self.seats.get(&client)
    }

    pub(super) fn outboxes(&self) -> impl Iterator<Item = &Arc<Outbox>> {
        self.seats.values().map(|seat| &seat.outbox)
    }

    /// Puts a payload into the outboxes of its receivers, encoded once. `own` is that of whoever caused it.
    pub(super) fn hand_out(
        &mut self,
        Delivery { to, text, .. }: Delivery<'_>,
        own: Option<&Arc<Outbox>>,
        waiting: &Arc<AtomicUsize>,
        handed: &mut Handed,
    ) {
        let Self { seats, frame } = self;
        let receivers = to.as_slice();
        let payload = Payload::new(text, receivers.len(), frame, waiting);
        for Seat { outbox, .. } in receivers.iter().filter_map(|client| seats.get(client)) {
            let pressure = outbox.push(&payload);
            if own.is_some_and(|own| Arc::ptr_eq(own, outbox)) {
                handed.is_own_high |= pressure != Pressure::Low;
            } else if pressure == Pressure::High
                && !handed.pressed.iter().any(|known| Arc::ptr_eq(known, outbox))
            {
                handed.pressed.push(Arc::clone(outbox));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }
}
