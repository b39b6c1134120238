//! Lines for the host's log.
//!
//! Guests call the macros, `log::info!("{rows} rows")`; the panic hook writes here too. The host caps length and
//! number: what is over is dropped and counted. Never a place for a caller's data in the clear.

use std::fmt;

use crate::imports;

pub use crate::{__debug as debug, __error as error, __info as info, __trace as trace, __warn as warn};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever looks for a fault.
    Debug,
    /// What happened.
    Info,
    /// What should not have happened, and was dealt with.
    Warn,
    /// What went wrong.
    Error,
}

/// Writes one line; the macros of this module are shorter.
pub fn write(level: Level, message: impl fmt::Display) {
    imports::log(level, &message.to_string());
}

/// `log::trace!`: every step.
#[doc(hidden)]
#[macro_export]
macro_rules! __trace {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Trace, ::core::format_args!($($message)+)) };
}

/// `log::debug!`: for whoever looks for a fault.
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($message)+)) };
}

/// `log::info!`: what happened.
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Info, ::core::format_args!($($message)+)) };
}

/// `log::warn!`: what should not have happened, and was dealt with.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($message)+)) };
}

/// `log::error!`: what went wrong.
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Error, ::core::format_args!($($message)+)) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn each_macro_writes_a_line_at_its_level() {
        testing::reset();
        let rows = 3;
        crate::log::trace!("a");
        crate::log::debug!("b {rows}");
        crate::log::info!("c {}", rows + 1);
        crate::log::warn!("d");
        crate::log::error!("e");
        let expected = [
            (Level::Trace, "a"),
            (Level::Debug, "b 3"),
            (Level::Info, "c 4"),
            (Level::Warn, "d"),
            (Level::Error, "e"),
        ];
        assert_eq!(testing::take_log(), expected.map(|(level, line)| (level, line.to_owned())));
        assert_eq!(testing::take_log(), []);
    }
}
