//! Limits for one address: connections at a time, and requests per second.
//!
//! Off by default, because behind a proxy all clients have one address. An IPv6 address counts by
//! its network of 64 bits, which is what one host usually has.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::runtime::network::network;

/// Seconds for which an address may spend its requests at once: a client starts with several
/// requests.
const BURST: f64 = 10.0;
/// Addresses that are counted separately; all further ones share one allowance.
const MAX_ADDRESSES: usize = 100_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Admission {
    max_connections: Option<usize>,
    /// Requests in a second.
    rate: Option<f64>,
    addresses: Mutex<Addresses>,
}

#[derive(Debug, Default)]
struct Addresses {
    all: HashMap<IpAddr, Usage>,
    /// When unused entries are looked for next.
    sweep_at: usize,
}

#[derive(Debug)]
struct Usage {
    connections: usize,
    /// Requests that are left.
    left: f64,
    since: Instant,
}

/// One connection of an address; ends when dropped.
#[derive(Debug)]
pub(super) struct Place(Option<(Arc<Admission>, IpAddr)>);

impl Drop for Place {
    fn drop(&mut self) {
        let Some((admission, address)) = &self.0 else { return };
        if let Some(usage) = admission.lock().all.get_mut(address) {
            usage.connections = usage.connections.saturating_sub(1);
        }
    }
}

impl Admission {
    pub(super) fn new(max_connections: Option<usize>, rate: Option<u32>) -> Self {
        Self { max_connections, rate: rate.map(f64::from), addresses: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Addresses> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one more connection, unless the address has too many. A trusted proxy is exempt, as
    /// it connects for many clients.
    pub(super) fn connection(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> Option<Place> {
        let limit = self.max_connections.filter(|_| !is_proxy);
        let Some(limit) = limit else { return Some(Place(None)) };
        let mut addresses = self.lock();
        let (address, usage) = addresses.usage(address, self.capacity(), Instant::now());
        if usage.connections >= limit {
            return None;
        }
        usage.connections += 1;
        Some(Place(Some((Arc::clone(self), address))))
    }

    /// Counts one more request, or returns how long to wait before the next one is allowed.
    pub(super) fn request(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(rate) = self.rate else { return Ok(()) };
        let mut addresses = self.lock();
        let (_, usage) = addresses.usage(address, self.capacity(), now);
        let passed = now.saturating_duration_since(usage.since).as_secs_f64();
        usage.left = (usage.left + passed * rate).min(self.capacity());
        usage.since = now;
        if usage.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - usage.left) / rate));
        }
        usage.left -= 1.0;
        Ok(())
    }

    fn capacity(&self) -> f64 {
        self.rate.unwrap_or_default() * BURST
    }
}

impl Addresses {
    fn usage(&mut self, address: IpAddr, capacity: f64, now: Instant) -> (IpAddr, &mut Usage) {
        let mut address = network(address);
        if self.all.len() >= self.sweep_at.max(1024) && !self.all.contains_key(&address) {
            self.sweep(now);
            if self.all.len() >= MAX_ADDRESSES {
                address = Ipv6Addr::UNSPECIFIED.into();
            }
        }
        let usage = self.all.entry(address);
        let begun = || Usage { connections: 0, left: capacity, since: now };
        (address, usage.or_insert_with(begun))
    }

    /// Forgets addresses that have no connection and whose allowance is full again.
    fn sweep(&mut self, now: Instant) {
        let rested = Duration::from_secs_f64(BURST);
        self.all.retain(|_, usage| {
            usage.connections > 0 || now.saturating_duration_since(usage.since) < rested
        });
        self.sweep_at = (self.all.len() * 2).min(MAX_ADDRESSES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_connections_and_no_more() {
        let admission = Arc::new(Admission::new(Some(2), None));
        let connect = |text| admission.connection(address(text), false);
        let mine = [connect("10.0.0.1").unwrap(), connect("::ffff:10.0.0.1").unwrap()];
        assert!(connect("10.0.0.1").is_none());
        assert!(admission.connection(address("10.0.0.1"), true).is_some(), "a proxy");
        let other = connect("10.0.0.2").unwrap();
        let one = [connect("2001:db8::1").unwrap(), connect("2001:db8::2").unwrap()];
        assert!(connect("2001:db8::3").is_none(), "one host has a whole network");
        assert!(connect("2001:db8:0:1::1").is_some());
        drop((mine, other, one));
        assert!(connect("10.0.0.1").is_some());
    }

    #[test]
    fn requests_come_at_a_rate_after_a_burst() {
        let (admission, start) = (Admission::new(None, Some(2)), Instant::now());
        let ask = |text, at| admission.request(address(text), at);
        let asked = (0..100).filter(|_| ask("10.0.0.1", start).is_ok()).count();
        assert_eq!(asked, 20);
        assert_eq!(ask("10.0.0.1", start), Err(Duration::from_millis(500)));
        assert_eq!(ask("10.0.0.2", start), Ok(()));
        let later = start + Duration::from_millis(1500);
        assert_eq!((0..100).filter(|_| ask("10.0.0.1", later).is_ok()).count(), 3);
    }

    #[test]
    fn addresses_that_rest_are_forgotten_and_their_number_is_bounded() {
        let (admission, start) = (Admission::new(None, Some(1)), Instant::now());
        let many = |at| {
            let ask = |number: u32| admission.request(number.to_be_bytes().into(), at).is_ok();
            assert!((0..200_000).any(ask));
            assert!(!(0..200_000).all(ask), "all further ones share");
            admission.lock().all.len()
        };
        assert!(many(start) <= MAX_ADDRESSES + 1);
        assert!(admission.request(address("1.2.3.4"), start).is_err(), "they share");
        assert!(many(start + Duration::from_mins(1)) <= MAX_ADDRESSES + 1);
        assert!(admission.request(address("1.2.3.4"), start + Duration::from_mins(3)).is_ok());
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_limited() {
        let admission = Arc::new(Admission::new(None, None));
        assert!(admission.connection(address("10.0.0.1"), false).is_some());
        assert!(admission.request(address("10.0.0.1"), Instant::now()).is_ok());
        assert!(admission.lock().all.is_empty());
    }
}
