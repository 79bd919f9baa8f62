//! Who may connect: how many connections there are, in all and from one address, and how many of them nobody knows yet.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::files::Address;

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
    /// Of those that are unidentified.
    by_address: HashMap<Address, usize>,
}

/// A connection's place. It is free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    is_unidentified: bool,
    /// Whose address it counts for, as long as nobody knows who it is. None for a proxy that asks for nobody right now.
    address: Option<Address>,
}

/// Why a connection has no place: there are as many as may be of which?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMany {
    /// Connections.
    InAll,
    /// Those that have not said who they are.
    Unidentified,
    /// Those of them that come from the same address.
    FromThere,
}

impl Admission {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, counts: Mutex::default(), emptied: Notify::new() })
    }

    /// Takes a place for a connection from that address. Fails when there is none. That of a proxy counts for no address: see
    /// [`Place::count_for`].
    pub(super) fn admit(self: &Arc<Self>, address: Option<Address>) -> Result<Place, TooMany> {
        let address = address.map(neighbourhood);
        let mut counts = self.counts.lock();
        if counts.connections >= self.bounds.connections {
            return Err(TooMany::InAll);
        }
        if counts.unidentified >= self.bounds.unidentified {
            return Err(TooMany::Unidentified);
        }
        if let Some(address) = address {
            counts.add(address, self.bounds.unidentified_per_address)?;
        }
        counts.connections += 1;
        counts.unidentified += 1;
        Ok(Place { admission: Arc::clone(self), is_unidentified: true, address })
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
        self.count_for_nobody();
        if std::mem::take(&mut self.is_unidentified) {
            self.admission.counts.lock().unidentified -= 1;
        }
    }

    /// The proxy whose connection this is asks for a client of that address. Fails when there are too many from there.
    pub(super) fn count_for(&mut self, address: Address) -> Result<(), TooMany> {
        self.count_for_nobody();
        let address = neighbourhood(address);
        let most = self.admission.bounds.unidentified_per_address;
        self.admission.counts.lock().add(address, most)?;
        self.address = Some(address);
        Ok(())
    }

    /// The proxy has its answer.
    pub(super) fn count_for_nobody(&mut self) {
        if let Some(address) = self.address.take() {
            self.admission.counts.lock().remove(address);
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
    fn add(&mut self, address: Address, most: usize) -> Result<(), TooMany> {
        let from_there = self.by_address.get(&address).copied().unwrap_or_default();
        if from_there >= most {
            return Err(TooMany::FromThere);
        }
        self.by_address.insert(address, from_there + 1);
        Ok(())
    }

    fn remove(&mut self, address: Address) {
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
pub(super) fn neighbourhood(address: Address) -> Address {
    let Address::Ip(address) = address else { return address };
    Address::Ip(match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address => address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    fn admission(connections: usize, unidentified: usize, unidentified_per_address: usize) -> Arc<Admission> {
        Admission::new(Bounds { connections, unidentified, unidentified_per_address })
    }

    #[test]
    fn an_address_has_so_many_unknown_connections_and_others_are_not_hurt() {
        let admission = admission(100, 100, 2);
        let mut places: Vec<_> = (0..3).map(|_| admission.admit(Some(address("192.0.2.1")))).collect();
        assert!(places[1].is_ok());
        assert_eq!(places[2].as_ref().unwrap_err(), &TooMany::FromThere);
        assert_eq!(admission.admit(Some(address("::ffff:192.0.2.1"))).unwrap_err(), TooMany::FromThere);
        let _other = admission.admit(Some(address("192.0.2.2"))).expect("another address has room");
        places[0].as_mut().unwrap().identify();
        assert!(admission.admit(Some(address("192.0.2.1"))).is_ok(), "who is known does not count");
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let admission = admission(100, 100, 1);
        let _place = admission.admit(Some(address("2001:db8::1"))).unwrap();
        assert!(admission.admit(Some(address("2001:db8::2"))).is_err());
        assert!(admission.admit(Some(address("2001:db8:0:1::1"))).is_ok());
    }

    #[test]
    fn who_comes_over_a_unix_socket_counts_by_user() {
        let admission = admission(100, 100, 1);
        let _place = admission.admit(Some(Address::User(7))).unwrap();
        assert!(admission.admit(Some(Address::User(7))).is_err());
        assert!(admission.admit(Some(Address::User(8))).is_ok());
    }

    #[test]
    fn dropped_places_are_free_again_and_leave_nothing_behind() {
        let admission = admission(2, 100, 100);
        let mut known = admission.admit(Some(address("::1"))).unwrap();
        known.identify();
        let unknown = admission.admit(Some(address("::1"))).unwrap();
        assert_eq!(admission.admit(Some(address("::1"))).unwrap_err(), TooMany::InAll);
        drop((known, unknown));
        let counts = admission.counts.lock();
        assert_eq!((counts.connections, counts.unidentified, counts.by_address.len()), (0, 0, 0));
    }

    #[test]
    fn a_proxy_counts_for_whom_it_asks_as_long_as_it_does() {
        let admission = admission(100, 100, 1);
        let mut places: Vec<_> = (0..3).map(|_| admission.admit(None).expect("a proxy has room")).collect();
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(places[0].count_for(one), Ok(()));
        assert_eq!(places[0].count_for(one), Ok(()), "it is the same request's");
        assert_eq!(places[1].count_for(one), Err(TooMany::FromThere));
        assert!(
            admission.admit(Some(one)).is_err(),
            "who comes without the proxy counts together with those"
        );
        assert_eq!(places[1].count_for(other), Ok(()));
        places[0].count_for_nobody();
        assert_eq!(places[2].count_for(one), Ok(()));
        places[2].identify();
        assert_eq!(places[0].count_for(one), Ok(()));
        drop(places);
        let counts = admission.counts.lock();
        assert_eq!((counts.connections, counts.unidentified, counts.by_address.len()), (0, 0, 0));
    }

    #[test]
    fn a_proxy_has_no_more_places_than_there_are() {
        let admission = admission(100, 2, 100);
        let _places = [admission.admit(None).unwrap(), admission.admit(None).unwrap()];
        assert!(admission.admit(None).is_err());
    }
}
