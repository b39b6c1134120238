//! One request, from its head to its answer: what is known of it on the way.
//!
//! Made by `serve::handler` for every request and handed down by reference; `serve::prediction` notes whose model it is and
//! how long each stage took. Whoever reports on requests (metrics, log, traces) reads it when the answer is there.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::{Call, Output};

use crate::access::keys::Key;
use crate::deployment::Release;
use crate::observe::Stages;
use crate::serve::protocol::Protocol;

/// A request's head, and what became of it so far.
pub(crate) struct Exchange<'a> {
    /// Method, path and headers.
    pub(crate) head: &'a Parts,
    /// The other end of its connection.
    pub(crate) peer: IpAddr,
    /// Whose it is, where there are keys and it was admitted.
    pub(crate) key: Option<Arc<Key>>,
    /// In whose words it is answered.
    pub(crate) protocol: Protocol,
    /// The model that its path names.
    pub(crate) model: Option<Cow<'a, str>>,
    /// The version that its path names.
    pub(crate) version: Option<Cow<'a, str>>,
    /// When its head was there.
    pub(crate) arrival: Instant,
    /// The time that its client gives it, where it says so.
    pub(crate) patience: Option<Duration>,
    /// What it was for, once that is found out.
    pub(crate) release: Option<Arc<Release>>,
    /// How long each of its stages took so far.
    pub(crate) stages: Stages,
    /// What was asked and answered, where it is to be written down.
    pub(crate) sampled: Option<Arc<Asked>>,
}

/// What was asked and answered, where somebody wants it besides the client.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) call: Call,
    pub(crate) output: Output,
}

// === impl Exchange ===

impl<'a> Exchange<'a> {
    /// A request of which nothing but its head is known.
    pub(crate) fn new(head: &'a Parts, peer: IpAddr, protocol: Protocol) -> Self {
        Self {
            head,
            peer,
            key: None,
            protocol,
            model: None,
            version: None,
            arrival: Instant::now(),
            patience: None,
            release: None,
            stages: Stages::default(),
            sampled: None,
        }
    }
}

impl<'a> Exchange<'a> {
    /// Names its model and version, which do not stand in its path; empty ones are none.
    pub(crate) fn name_model(&mut self, model: String, version: String) {
        let named = |name: String| Some(name).filter(|name| !name.is_empty()).map(Cow::Owned);
        (self.model, self.version) = (named(model), named(version));
    }

    /// Its headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// One header's text; `None` where it is not there or no text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Its media type, as it came.
    ///
    /// # Errors
    ///
    /// [`FaultKind::UnsupportedMedia`] where it is not ASCII.
    pub(crate) fn content_type(&self) -> Result<Option<&'a str>, Fault> {
        match self.head.headers.get(CONTENT_TYPE).map(HeaderValue::to_str) {
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => {
                Err(Fault::new(FaultKind::UnsupportedMedia, "the Content-Type header is not ASCII"))
            }
            None => Ok(None),
        }
    }
}
