//! How often something may happen: `100/s`, and the bound that holds one caller to it.
//!
//! Called by `access` for keys and by `access::address` for client addresses. The bound is GCRA, a leaky bucket that starts
//! full: as many at once as stand in the rate, and from then on evenly. Never waits.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, NotUntil, Quota};

const RULE: &str = "write a whole number above 0 and `/s`, `/m` or `/h`, such as `100/s`";

/// So many in such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

/// One caller's bound; without a rate there is none.
#[derive(Clone, Default)]
pub struct Limit {
    bound: Option<(Rate, Arc<DefaultDirectRateLimiter>)>,
}

/// Seconds from now until `refusal` would have been none, at least 1: what `Retry-After` can say.
pub(super) fn seconds_until(refusal: &NotUntil<<DefaultClock as governor::clock::Clock>::Instant>) -> u64 {
    let wait = refusal.wait_time_from(DefaultClock::default().now());
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

// === impl Rate ===

impl Rate {
    /// As governor calls it.
    #[must_use]
    pub fn quota(self) -> Quota {
        let evenly = self.unit.duration() / self.count.get();
        // A rate of more than one a nanosecond is none.
        let evenly = evenly.max(Duration::from_nanos(1));
        Quota::with_period(evenly)
            .map_or_else(|| Quota::per_second(self.count), |quota| quota.allow_burst(self.count))
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (count, unit) = text.split_once('/').ok_or(RULE)?;
        let unit = match unit {
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            _ => return Err(RULE),
        };
        // `parse` alone would take a leading `+`.
        let digits = count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse().ok().filter(|_| digits).ok_or(RULE)?;
        Ok(Self { count, unit })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => 's',
            Unit::Minute => 'm',
            Unit::Hour => 'h',
        };
        write!(f, "{}/{unit}", self.count)
    }
}

// === impl Unit ===

impl Unit {
    fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

// === impl Limit ===

impl Limit {
    /// A bound of `rate`.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { bound: Some((rate, Arc::new(DefaultDirectRateLimiter::direct(rate.quota())))) }
    }

    /// Counts one more.
    ///
    /// # Errors
    ///
    /// In how many seconds there would be room for it.
    pub fn check(&self) -> Result<(), u64> {
        match &self.bound {
            Some((_, limiter)) => limiter.check().map_err(|refusal| seconds_until(&refusal)),
            None => Ok(()),
        }
    }

    /// Goes on where `before` is, where it has the same rate.
    pub fn continue_as(&mut self, before: &Self) {
        if let (Some((rate, _)), Some((earlier, _))) = (&self.bound, &before.bound)
            && rate == earlier
        {
            self.bound.clone_from(&before.bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        for text in ["1/s", "100/s", "600/m", "4294967295/h"] {
            assert_eq!(text.parse::<Rate>().map(|rate| rate.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "1", "/s", "0/s", "+1/s", "1.5/s", "1/d", "1 /s", "4294967296/s", "-1/s"] {
            assert_eq!(text.parse::<Rate>(), Err(RULE), "{text}");
        }
    }

    #[test]
    fn as_many_as_the_rate_says_at_once_and_the_next_is_told_when() {
        let limit = Limit::new("3/h".parse().unwrap());
        assert_eq!([limit.check(), limit.check(), limit.check()], [Ok(()); 3]);
        let wait = limit.check().unwrap_err();
        assert!((1..=1200).contains(&wait), "{wait} s");
        assert_eq!(Limit::default().check(), Ok(()));
    }

    #[test]
    fn another_bound_of_the_same_rate_goes_on_and_one_of_another_begins() {
        let used = Limit::new("1/h".parse().unwrap());
        used.check().unwrap();
        let mut same = Limit::new("1/h".parse().unwrap());
        same.continue_as(&used);
        assert!(same.check().is_err());
        let mut other = Limit::new("2/h".parse().unwrap());
        other.continue_as(&used);
        assert!(other.check().is_ok());
    }
}
