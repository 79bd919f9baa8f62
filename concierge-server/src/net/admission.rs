//! Who may connect: how many connections there are, in all and from one address, and how many of them nobody knows yet.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Bounds on connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) connections: usize,
    pub(super) unidentified: usize,
    pub(super) unidentified_per_address: usize,
}

/// Counts connections, and refuses those that are too many.
#[derive(Debug)]
pub(super) struct Admission {
    bounds: Bounds,
    counts: Mutex<Counts>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    connections: usize,
    unidentified: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place. It is free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    /// Whose address it counts for, as long as nobody knows who it is.
    unidentified: Option<IpAddr>,
}

impl Admission {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, counts: Mutex::default(), emptied: Notify::new() })
    }

    /// Takes a place for a connection from that address, if there is one.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = neighbourhood(address);
        let mut counts = self.counts.lock();
        let from_there = counts.by_address.get(&address).copied().unwrap_or_default();
        if counts.connections >= self.bounds.connections
            || counts.unidentified >= self.bounds.unidentified
            || from_there >= self.bounds.unidentified_per_address
        {
            return None;
        }
        counts.connections += 1;
        counts.unidentified += 1;
        counts.by_address.insert(address, from_there + 1);
        Some(Place { admission: Arc::clone(self), unidentified: Some(address) })
    }

    /// Whether nobody could connect, wherever from.
    pub(super) fn is_full(&self) -> bool {
        let counts = self.counts.lock();
        counts.connections >= self.bounds.connections || counts.unidentified >= self.bounds.unidentified
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        self.counts.lock().connections
    }

    /// Waits until there are none.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.connections() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Place {
    /// The client has said who it is: it counts no longer as one of the unknown.
    pub(super) fn identify(&mut self) {
        if let Some(address) = self.unidentified.take() {
            self.admission.counts.lock().forget(address);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.identify();
        let mut counts = self.admission.counts.lock();
        counts.connections -= 1;
        if counts.connections == 0 {
            self.admission.emptied.notify_waiters();
        }
    }
}

impl Counts {
    fn forget(&mut self, address: IpAddr) {
        self.unidentified -= 1;
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

/// What counts as one address: an IPv6 network of 64 bits belongs to one household, and an IPv4 address is the same in
/// IPv6 clothing.
pub(super) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn admission(connections: usize, unidentified: usize, unidentified_per_address: usize) -> Arc<Admission> {
        Admission::new(Bounds { connections, unidentified, unidentified_per_address })
    }

    #[test]
    fn an_address_has_so_many_unknown_connections_and_others_are_not_hurt() {
        let admission = admission(100, 100, 2);
        let mut places: Vec<_> = (0..3).map(|_| admission.admit(address("192.0.2.1"))).collect();
        assert!(places[1].is_some() && places[2].is_none());
        assert!(admission.admit(address("::ffff:192.0.2.1")).is_none());
        let _other = admission.admit(address("192.0.2.2")).expect("another address has room");
        places[0].as_mut().unwrap().identify();
        assert!(admission.admit(address("192.0.2.1")).is_some(), "who is known does not count");
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let admission = admission(100, 100, 1);
        let _place = admission.admit(address("2001:db8::1")).unwrap();
        assert!(admission.admit(address("2001:db8::2")).is_none());
        assert!(admission.admit(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn dropped_places_are_free_again_and_leave_nothing_behind() {
        let admission = admission(2, 100, 100);
        let mut known = admission.admit(address("::1")).unwrap();
        known.identify();
        let unknown = admission.admit(address("::1")).unwrap();
        assert!(admission.admit(address("::1")).is_none());
        drop((known, unknown));
        let counts = admission.counts.lock();
        assert_eq!((counts.connections, counts.unidentified, counts.by_address.len()), (0, 0, 0));
    }
}
