//! Who may ask for what, and how often.
//!
//! Made by `cli::serve` from what was configured; `serve::handler` asks it once a request, before anything of the body is
//! read, and `serve::prediction` once the model is known. Tokens are known by their SHA-256 alone ([`key_file`]), and every
//! key is compared in the same time ([`keys`]). What is not admitted here is answered by nobody.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use jiff::Timestamp;
use mlhost_wire::fault::{Fault, FaultKind};

pub mod address;
pub mod key_file;
pub mod keys;
pub mod pattern;
pub mod rate;
pub mod token;

use address::AddressLimits;
use key_file::KeyFileError;
use keys::{Key, Keys};
use rate::Rate;

/// The header that carries a key where `Authorization` is somebody else's, such as a proxy's.
const API_KEY: &str = "x-api-key";

/// What `WWW-Authenticate` says to who brought nothing (RFC 6750, section 3).
const CHALLENGE: &str = r#"Bearer realm="mlhost""#;

/// What it says to who brought a token that is none of ours, or is no longer.
const INVALID: &str = r#"Bearer realm="mlhost", error="invalid_token""#;

/// What an operator asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessConfig {
    /// The keys; without them everybody may ask for everything.
    pub key_file: Option<PathBuf>,
    /// Whether health routes want a key, too.
    pub closed_health: bool,
    /// What one client address may ask for.
    pub rate: Option<Rate>,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Whether the server lives: probes bring no keys.
    Health,
    /// Something that any key may.
    Key,
    /// Something that changes what is served.
    Admin,
}

/// A request that is not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the client is told.
    pub fault: Fault,
    /// `WWW-Authenticate`, where the fault is [`FaultKind::Unauthenticated`].
    pub challenge: Option<&'static str>,
    /// Seconds after which it would be admitted, where the fault is [`FaultKind::RateLimited`].
    pub retry_after: Option<u64>,
}

/// Everything that decides whether a request is admitted.
#[derive(Default)]
pub struct Access {
    keys: Option<KeySource>,
    addresses: Option<AddressLimits>,
    closed_health: bool,
}

struct KeySource {
    file: PathBuf,
    keys: ArcSwap<Keys>,
}

// === impl Refusal ===

impl Refusal {
    fn new(kind: FaultKind, public: impl Into<String>) -> Self {
        Self { fault: Fault::new(kind, public), challenge: None, retry_after: None }
    }

    /// Says in an answer's headers what its client is to do.
    pub fn advise(&self, headers: &mut HeaderMap) {
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
    }

    fn unauthenticated(challenge: &'static str, public: &str) -> Self {
        Self { challenge: Some(challenge), ..Self::new(FaultKind::Unauthenticated, public) }
    }

    fn rate_limited(retry_after: u64) -> Self {
        let public = format!("too many requests; try again in {retry_after} s");
        Self { retry_after: Some(retry_after), ..Self::new(FaultKind::RateLimited, public) }
    }
}

// === impl Access ===

impl Access {
    /// Reads the keys, where there are any.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub fn new(config: &AccessConfig) -> Result<Self, KeyFileError> {
        let keys = match &config.key_file {
            Some(file) => {
                Some(KeySource { file: file.clone(), keys: ArcSwap::from_pointee(key_file::read(file)?) })
            }
            None => None,
        };
        let addresses = config.rate.map(AddressLimits::new);
        Ok(Self { keys, addresses, closed_health: config.closed_health })
    }

    /// The file of the keys, where there is one.
    #[must_use]
    pub fn key_file(&self) -> Option<&PathBuf> {
        self.keys.as_ref().map(|source| &source.file)
    }

    /// Whether requests are counted by where they come from.
    #[must_use]
    pub fn limits_addresses(&self) -> bool {
        self.addresses.is_some()
    }

    /// Reads the file of the keys again. What a key has used up of its rate it has still used up.
    ///
    /// # Errors
    ///
    /// What is wrong with the file; the keys that were there stay.
    pub fn reread(&self) -> Result<(), KeyFileError> {
        if let Some(source) = &self.keys {
            let keys = key_file::read(&source.file)?.keeping_rates_of(&source.keys.load());
            tracing::info!(keys = keys.len(), "the keys are read again");
            source.keys.store(Arc::new(keys));
        }
        Ok(())
    }

    /// Whether there is a key that may do what [`Need::Admin`] means.
    #[must_use]
    pub fn has_administrator(&self) -> bool {
        self.keys.as_ref().is_some_and(|source| source.keys.load().any(|key| key.admin))
    }

    /// Whose request this is, if it may ask for `need` now: its key, or none where there are no keys.
    ///
    /// # Errors
    ///
    /// A refusal that says what is missing.
    pub fn admit(&self, need: Need, peer: IpAddr, headers: &HeaderMap) -> Result<Option<Arc<Key>>, Refusal> {
        if need == Need::Health && !self.closed_health {
            return Ok(None);
        }
        // First, so that guessing keys has a price, too.
        if let Some(addresses) = &self.addresses {
            addresses.check(peer).map_err(Refusal::rate_limited)?;
        }
        let Some(source) = &self.keys else { return Ok(None) };
        let Some(token) = token_in(headers) else {
            let public = "this server wants a key; send it as `Authorization: Bearer` or `X-Api-Key`";
            return Err(Refusal::unauthenticated(CHALLENGE, public));
        };
        let Some(key) = source.keys.load().find(token) else {
            return Err(Refusal::unauthenticated(INVALID, "the key is not one that this server knows"));
        };
        if key.expires.is_some_and(|expires| expires <= Timestamp::now()) {
            return Err(Refusal::unauthenticated(INVALID, "the key has expired"));
        }
        key.limit.check().map_err(Refusal::rate_limited)?;
        if need == Need::Admin && !key.admin {
            return Err(Refusal::new(FaultKind::Forbidden, "the key may not administer this server"));
        }
        Ok(Some(key))
    }

    /// The same for the admin port, which is open as long as nobody could have a key for it: `exposed` is whether others than
    /// this machine reach it, and then it wants one whatever the file of keys says meanwhile.
    ///
    /// # Errors
    ///
    /// A refusal that says what is missing.
    pub fn admit_to_admin_port(
        &self,
        need: Need,
        exposed: bool,
        (peer, headers): (IpAddr, &HeaderMap),
    ) -> Result<(), Refusal> {
        if exposed || self.has_administrator() {
            self.admit(need, peer, headers)?;
        }
        Ok(())
    }

    /// Whether the one who was admitted may use `model`.
    ///
    /// # Errors
    ///
    /// [`FaultKind::Forbidden`]; also where nobody was admitted though there are keys, so that a way past [`Self::admit`]
    /// leads nowhere.
    pub fn may_use(&self, key: Option<&Key>, model: &str) -> Result<(), Fault> {
        match (&self.keys, key) {
            (None, _) => Ok(()),
            (Some(_), Some(key)) if key.may_use(model) => Ok(()),
            (Some(_), Some(_)) => {
                Err(Fault::new(FaultKind::Forbidden, format!("the key may not use model `{model}`")))
            }
            (Some(_), None) => Err(Fault::new(FaultKind::Unauthenticated, "this server wants a key")),
        }
    }
}

/// The token that a request brings, without the name of its scheme.
fn token_in(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked(b"bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
    });
    bearer.or_else(|| headers.get(API_KEY).map(|value| value.as_bytes().trim_ascii()))
}

#[cfg(test)]
mod tests;
