//! What decided which version answers a prediction, and what came of a shadow's answers: the words of the metrics.
//!
//! `deployment` and `serve::shadow` say which it was, [`super::Statistics`] counts. Labels come from here and nowhere else,
//! so that none is a caller's.

/// What decided which version answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The request named the version.
    Version,
    /// One of its headers.
    Header,
    /// Its turn in the split by weight.
    Split,
    /// Nothing of these: the default version.
    Default,
}

/// What came of a request that was to be sent to a shadow, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It answered the same, within the tolerance.
    Same,
    /// It answered something else.
    Different,
    /// It did not answer.
    Failed,
    /// It was not asked: there was no room to spare.
    Shed,
}

// === impl Choice ===

impl Choice {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Version, Self::Header, Self::Split, Self::Default];

    /// What metrics call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Header => "header",
            Self::Split => "split",
            Self::Default => "default",
        }
    }
}

// === impl Comparison ===

impl Comparison {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Same, Self::Different, Self::Failed, Self::Shed];

    /// What metrics call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Failed => "failed",
            Self::Shed => "shed",
        }
    }
}
