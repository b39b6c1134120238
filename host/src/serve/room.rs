//! Room for connections: how many there may be, of everybody and of one client address, and who gives way when it is full.
//!
//! `serve::server` asks for a place before a connection is dealt out; the place comes back when it is dropped. Where there is
//! none, a connection without a request under way gives its up, so that many that do nothing never keep out one that does.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::access::address::party;

/// How long a connection must have been without a request before it gives way: less would take it from clients that are
/// between two requests.
pub(crate) const LEAST_IDLE: Duration = Duration::from_secs(1);

/// How often those who could give way are asked.
const ASK: Duration = Duration::from_millis(100);

/// All places.
pub(crate) struct Room {
    places: Arc<Semaphore>,
    wish: Arc<Wish>,
    addresses: Option<Arc<Addresses>>,
}

/// Somebody without a place, as the connections see it.
#[derive(Default)]
pub(crate) struct Wish {
    wanted: AtomicUsize,
    asked: Notify,
}

/// A connection's place, until it is dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _address: Option<AddressPlace>,
}

/// Connections of each client address.
struct Addresses {
    most: u32,
    counts: Mutex<HashMap<IpAddr, u32>>,
}

struct AddressPlace {
    addresses: Arc<Addresses>,
    party: IpAddr,
}

// === impl Room ===

impl Room {
    /// For so many connections, and so many of one address.
    pub(crate) fn new(most: usize, of_one_address: Option<u32>) -> Self {
        let addresses = of_one_address.map(|most| Arc::new(Addresses { most, counts: Mutex::default() }));
        Self { places: Arc::new(Semaphore::new(most)), wish: Arc::default(), addresses }
    }

    /// Whether all places are taken.
    pub(crate) fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// What the connections listen to.
    pub(crate) fn wish(&self) -> Arc<Wish> {
        Arc::clone(&self.wish)
    }

    /// A place for a connection of `peer`; `None` where its address has as many as it may.
    pub(crate) async fn enter(&self, peer: IpAddr) -> Option<Place> {
        let address = match &self.addresses {
            Some(addresses) => Some(addresses.enter(party(peer))?),
            None => None,
        };
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.somebodys().await?,
        };
        Some(Place { _permit: permit, _address: address })
    }

    /// A place that somebody gives up. The semaphore is never closed.
    async fn somebodys(&self) -> Option<OwnedSemaphorePermit> {
        let mut next = std::pin::pin!(Arc::clone(&self.places).acquire_owned());
        loop {
            self.wish.wanted.store(1, Ordering::Relaxed);
            self.wish.asked.notify_waiters();
            if let Ok(permit) = tokio::time::timeout(ASK, next.as_mut()).await {
                self.wish.wanted.store(0, Ordering::Relaxed);
                return permit.ok();
            }
        }
    }
}

// === impl Wish ===

impl Wish {
    /// Ends when somebody wants a place.
    pub(crate) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Whether it is this connection that gives way: one for each place that is wanted.
    pub(crate) fn grant(&self) -> bool {
        self.wanted.compare_exchange(1, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

// === impl Addresses ===

impl Addresses {
    fn enter(self: &Arc<Self>, party: IpAddr) -> Option<AddressPlace> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(party).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(AddressPlace { addresses: Arc::clone(self), party })
    }
}

// === impl AddressPlace ===

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.party) {
            *count -= 1;
            // Forgotten, so that the map holds no more than there are connections.
            if *count == 0 {
                counts.remove(&self.party);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn one_address_has_as_many_as_it_may_and_others_are_not_disturbed() {
        let room = Room::new(10, Some(2));
        let other = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        let first = room.enter(PEER).await;
        let second = room.enter(PEER).await;
        assert!(first.is_some() && second.is_some());
        assert!(room.enter(PEER).await.is_none());
        assert!(room.enter(other).await.is_some());
        drop(first);
        assert!(room.enter(PEER).await.is_some());
        drop(second);
        assert!(room.addresses.as_ref().unwrap().counts.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn where_it_is_full_exactly_one_is_asked_to_give_way() {
        let room = Arc::new(Room::new(1, None));
        let wish = room.wish();
        let place = room.enter(PEER).await;
        assert!(!wish.grant());
        let entering = tokio::spawn({
            let room = Arc::clone(&room);
            async move { room.enter(PEER).await.is_some() }
        });
        wish.asked().await;
        assert!(wish.grant());
        assert!(!wish.grant());
        drop(place);
        assert!(entering.await.unwrap());
    }
}
