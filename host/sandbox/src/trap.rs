//! Turns what wasmtime says about a failed call into a [`SandboxError`]. Called by `guest.rs` only.

use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::error::{Budget, SandboxError, TrapKind};

/// wasmtime keeps the type of this error to itself; the hostile guest `amplified_list` holds this text to it.
const FUEL_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

/// The same of wasmtime's own limit on resource handles, held by the hostile guest `many_resources`.
const HANDLES_EXHAUSTED: &str = "store handle limit exceeded";

/// `refused` is the growth that the limiter refused during the call: the trap that follows says only `unreachable`.
pub(crate) fn classify(error: wasmtime::Error, refused: Option<Budget>) -> SandboxError {
    let error = match error.downcast::<SandboxError>() {
        Ok(ours) => return ours,
        Err(error) => error,
    };
    if error.is::<PoolConcurrencyLimitError>() {
        return SandboxError::Overloaded(error.to_string());
    }
    // With the guest's backtrace; `{:?}` would add the host's own, which says nothing about the guest.
    let detail = format!("{error:#}");
    if let Some(budget) = refused {
        return SandboxError::Exhausted { budget, detail };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => SandboxError::Exhausted { budget: Budget::Stack, detail },
        Some(Trap::Interrupt) => SandboxError::Deadline,
        _ if detail.contains(FUEL_EXHAUSTED) || detail.contains(HANDLES_EXHAUSTED) => {
            SandboxError::Exhausted { budget: Budget::Data, detail }
        }
        trap => SandboxError::Trapped { kind: kind(trap), detail },
    }
}

fn kind(trap: Option<&Trap>) -> TrapKind {
    match trap {
        Some(Trap::UnreachableCodeReached) => TrapKind::Unreachable,
        Some(Trap::MemoryOutOfBounds | Trap::HeapMisaligned) => TrapKind::Memory,
        Some(Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature) => {
            TrapKind::IndirectCall
        }
        Some(Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger) => {
            TrapKind::Arithmetic
        }
        _ => TrapKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_errors_come_back_as_they_were() {
        let error = wasmtime::Error::new(SandboxError::Deadline);
        assert!(matches!(classify(error, Some(Budget::Memory)), SandboxError::Deadline));
    }

    #[test]
    fn a_refused_growth_explains_the_trap_after_it() {
        let error = wasmtime::Error::new(Trap::UnreachableCodeReached);
        let found = classify(error, Some(Budget::Memory));
        assert!(matches!(found, SandboxError::Exhausted { budget: Budget::Memory, .. }), "{found:?}");
    }

    #[test]
    fn a_stack_overflow_is_exhaustion_and_other_traps_are_traps() {
        let overflow = classify(wasmtime::Error::new(Trap::StackOverflow), None);
        assert!(matches!(overflow, SandboxError::Exhausted { budget: Budget::Stack, .. }), "{overflow:?}");
        let division = classify(wasmtime::Error::new(Trap::IntegerDivisionByZero), None);
        let arithmetic = matches!(division, SandboxError::Trapped { kind: TrapKind::Arithmetic, .. });
        assert!(arithmetic, "{division:?}");
    }
}
