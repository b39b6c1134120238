//! What can go wrong with a request, as the client sees it.
//!
//! `host/src/fault.rs` maps every crate's errors to a [`Fault`] in one exhaustive place; each dialect spells it in
//! its own shape, never with another meaning. [`Fault::public`] is for the client, [`Fault::detail`] for the log
//! alone.

/// The meaning of a fault; every dialect agrees on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request's content is wrong: syntax, shape, type, a missing column.
    BadInput,
    /// The request's media type is not one that is served.
    UnsupportedMedia,
    /// The request is larger than allowed.
    TooLarge,
    /// The request's body came too slowly.
    TooSlow,
    /// The request does not say who it is from, or not credibly.
    Unauthenticated,
    /// Whoever it is from may not do this.
    Forbidden,
    /// Whoever it is from has sent as many as they may for now.
    RateLimited,
    /// What is asked for is there already, or stands in the way.
    Conflict,
    /// There is no memory for another model.
    NoRoom,
    /// There is no such route or model.
    NotFound,
    /// The route exists, the method does not.
    MethodNotAllowed,
    /// The model is not ready to answer.
    NotReady,
    /// The server has no room for another request; try again later.
    Overloaded,
    /// The request took longer than it may.
    Deadline,
    /// The user's code said that the input is wrong.
    GuestRejected,
    /// The user's code failed, trapped or broke the contract.
    GuestTrapped,
    /// The user's code used up its memory, stack or data budget.
    GuestExhausted,
    /// The graph or ONNX Runtime failed.
    Backend,
    /// A defect of mlhost.
    Internal,
}

/// A request's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it means.
    pub kind: FaultKind,
    /// What the client is told. Never holds a guest's or the host's internals.
    pub public: String,
    /// What the log is told besides; empty when `public` says it all.
    pub detail: String,
}

impl FaultKind {
    /// Every kind, for tests and tables that must leave none out.
    pub const ALL: [Self; 19] = [
        Self::BadInput,
        Self::UnsupportedMedia,
        Self::TooLarge,
        Self::TooSlow,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::RateLimited,
        Self::Conflict,
        Self::NoRoom,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotReady,
        Self::Overloaded,
        Self::Deadline,
        Self::GuestRejected,
        Self::GuestTrapped,
        Self::GuestExhausted,
        Self::Backend,
        Self::Internal,
    ];

    /// The HTTP status (RFC 9110, section 15; 429 is RFC 6585's, 507 RFC 4918's) that every HTTP dialect answers with.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::BadInput | Self::GuestRejected => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooSlow => 408,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::RateLimited => 429,
            Self::GuestTrapped | Self::GuestExhausted | Self::Backend | Self::Internal => 500,
            Self::NotReady | Self::Overloaded => 503,
            Self::Deadline => 504,
            Self::NoRoom => 507,
        }
    }

    /// The name used in logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadInput => "bad_input",
            Self::UnsupportedMedia => "unsupported_media",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Conflict => "conflict",
            Self::NoRoom => "no_room",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotReady => "not_ready",
            Self::Overloaded => "overloaded",
            Self::Deadline => "deadline",
            Self::GuestRejected => "guest_rejected",
            Self::GuestTrapped => "guest_trapped",
            Self::GuestExhausted => "guest_exhausted",
            Self::Backend => "backend",
            Self::Internal => "internal",
        }
    }
}

impl Fault {
    /// A fault whose public text says it all.
    #[must_use]
    pub fn new(kind: FaultKind, public: impl Into<String>) -> Self {
        Self { kind, public: public.into(), detail: String::new() }
    }

    /// The same fault with something more for the log.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}
