//! How often one client address may ask.
//!
//! Called by `access` for every request, where the operator set a rate. An address is the other end of the connection: behind
//! a proxy that is the proxy. The memory for it is bounded: who has been quiet long enough is forgotten.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use governor::DefaultKeyedRateLimiter;

use crate::access::rate::{Rate, seconds_until};

/// After how many requests the quiet ones are forgotten.
const SWEEP: u32 = 4096;

/// Every address that asked lately.
pub struct AddressLimits {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    checks: AtomicU32,
}

/// Whom an address stands for: itself, or of IPv6 its network of 64 bits, of which one customer has all addresses.
#[must_use]
pub fn party(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

// === impl AddressLimits ===

impl AddressLimits {
    /// `rate` for each address.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { limiter: DefaultKeyedRateLimiter::keyed(rate.quota()), checks: AtomicU32::new(0) }
    }

    /// Counts one more of `address`.
    ///
    /// # Errors
    ///
    /// In how many seconds there would be room for it.
    pub fn check(&self, address: IpAddr) -> Result<(), u64> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(&party(address)).map_err(|refusal| seconds_until(&refusal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_rate_and_a_network_of_ipv6_has_one() {
        let limits = AddressLimits::new("1/h".parse().unwrap());
        let check = |address: &str| limits.check(address.parse().unwrap()).is_ok();
        assert!(check("10.0.0.1") && check("10.0.0.2"));
        assert!(!check("10.0.0.1") && !check("::ffff:10.0.0.1"));
        assert!(check("2001:db8:0:1::1") && !check("2001:db8:0:1:ffff::2"));
        assert!(check("2001:db8:0:2::1"));
    }

    #[test]
    fn who_has_been_quiet_is_forgotten() {
        let limits = AddressLimits::new("4294967295/s".parse().unwrap());
        for number in 0..3 * SWEEP {
            limits.check(IpAddr::V4(number.into())).unwrap();
        }
        assert!(limits.limiter.len() <= SWEEP as usize, "{} are remembered", limits.limiter.len());
    }
}
