//! W3C Trace Context: what trace a request belongs to, as its caller says in `traceparent` and `tracestate`.
//!
//! Used by `serve::report` and `observe::traces`. Pure; whatever does not follow the recommendation is as good as absent.

/// The header with the trace and the caller's span.
pub const TRACEPARENT: &str = "traceparent";

/// The header with what tracing systems add to it.
pub const TRACESTATE: &str = "tracestate";

/// A caller's place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: u128,
    /// The caller's span.
    pub span: u64,
    /// Whether the caller records it.
    pub sampled: bool,
}

// === impl TraceParent ===

impl TraceParent {
    /// What a `traceparent` says; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim_matches([' ', '\t']).splitn(5, '-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = hexadecimal(version, 2)?;
        // Later versions may append; the first one may not, and there is no last one.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let trace = hexadecimal(trace, 32).filter(|trace| *trace != 0)?;
        let span = u64::try_from(hexadecimal(span, 16)?).ok().filter(|span| *span != 0)?;
        let flags = hexadecimal(flags, 2)?;
        Some(Self { trace, span, sampled: flags & 1 == 1 })
    }
}

/// Lower-case digits, exactly so many.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    if text.len() != digits || !text.as_bytes().iter().all(lower) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

    #[test]
    fn the_recommendations_examples_are_read() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let expected = TraceParent { trace: TRACE, span: 0x00f0_67aa_0ba9_02b7, sampled: true };
        assert_eq!(TraceParent::parse(text), Some(expected));
        let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        assert_eq!(TraceParent::parse(unsampled), Some(TraceParent { sampled: false, ..expected }));
        // A later version's, of which what is known is read.
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like";
        assert_eq!(TraceParent::parse(later), Some(expected));
    }

    #[test]
    fn what_is_no_traceparent_is_as_good_as_none() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        ] {
            assert_eq!(TraceParent::parse(text), None, "{text}");
        }
    }
}
