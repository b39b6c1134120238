//! Random numbers for identifiers: traces, spans, requests.
//!
//! Used by `observe` alone, where numbers must differ and need not be secret. Seeded by the operating system once for each
//! thread, and then never asks it again.

use std::cell::Cell;

/// The next number of this thread's sequence (splitmix64), never 0.
pub(super) fn number() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(seed());
    }
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).max(1)
}

fn seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        // An address of this thread's differs from others' at least.
        Err(_) => std::ptr::from_ref(&bytes) as u64,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_number_comes_twice_on_any_thread() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..10_000).map(|_| number()).collect::<Vec<_>>()))
            .collect();
        let numbers: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(numbers.len(), 40_000);
    }
}
