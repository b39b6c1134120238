//! Requests over HTTP: who we are to whom, redirects, what is tried again.
//!
//! Used by `rest` and by the sources of files. Credentials and a client's certificate go to the tracking server's own origins
//! and nowhere else, whatever it redirects to. Nothing is set up before the first request.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Client, Identity, Method, Response, StatusCode, redirect};
use url::{Origin, Url};

use crate::error::RegistryError;
use crate::secret::{Address, Secret, printable};
use crate::settings::{Retry, Settings};

/// A connection that takes longer is none.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that says nothing for so long says nothing any more. MLflow's fetches from a bucket before it sends.
const SILENCE: Duration = Duration::from_secs(120);
/// A question and its whole answer; a file may take as long as it goes on.
const ANSWER: Duration = Duration::from_secs(180);
/// More hops than this are a circle.
const HOPS: usize = 10;
/// The largest answer that is no file.
const LARGEST_ANSWER: usize = 32 << 20;
/// The longest that a server may have us wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Clients for the tracking server and for all others.
pub(crate) struct Http {
    trusted: Vec<Origin>,
    credentials: Option<HeaderValue>,
    tls: Tls,
    retry: Retry,
    ours: OnceLock<Client>,
    others: OnceLock<Client>,
}

/// What the tracking server's connection needs besides the system's certificates.
struct Tls {
    insecure: bool,
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
}

/// One request, which can be sent again.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

// === impl Request ===

impl Request {
    pub(crate) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: None }
    }
}

// === impl Http ===

impl Http {
    /// Credentials of the settings for `servers`; those in a server's own address win.
    pub(crate) fn new(settings: &Settings, servers: &[Url]) -> Result<Self, RegistryError> {
        let mut identity = None;
        if let Some(path) = &settings.client_certificate {
            let pem = read(path, "MLFLOW_TRACKING_CLIENT_CERT_PATH")?;
            identity = Some(Identity::from_pem(&pem).map_err(|error| {
                unusable(
                    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
                    path,
                    &error.to_string(),
                    "a PEM file with a certificate and its key",
                )
            })?);
        }
        let mut authorities = Vec::new();
        if let Some(path) = &settings.server_certificates {
            let pem = read(path, "MLFLOW_TRACKING_SERVER_CERT_PATH")?;
            let wanted = "a PEM file with certificates";
            authorities = Certificate::from_pem_bundle(&pem).map_err(|error| {
                unusable("MLFLOW_TRACKING_SERVER_CERT_PATH", path, &error.to_string(), wanted)
            })?;
            if authorities.is_empty() {
                return Err(unusable("MLFLOW_TRACKING_SERVER_CERT_PATH", path, "has no certificate", wanted));
            }
        }
        Ok(Self {
            trusted: servers.iter().map(Url::origin).collect(),
            credentials: authorization(settings, servers)?,
            tls: Tls { insecure: settings.insecure_tls, authorities, identity },
            retry: settings.retry,
            ours: OnceLock::new(),
            others: OnceLock::new(),
        })
    }

    fn client(&self, trusted: bool) -> Result<&Client, RegistryError> {
        let cell = if trusted { &self.ours } else { &self.others };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        choose_cryptography();
        let mut builder = Client::builder()
            .user_agent(concat!("mlhost/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        if trusted {
            builder = builder
                .tls_danger_accept_invalid_certs(self.tls.insecure)
                .tls_certs_merge(self.tls.authorities.iter().cloned());
            if let Some(identity) = &self.tls.identity {
                builder = builder.identity(identity.clone());
            }
        }
        let client = builder.build().map_err(|error| RegistryError::Setting {
            what: "the HTTP client".to_owned(),
            problem: format!("cannot be set up: {}", chain(&error)),
            hint: "are the certificates of MLFLOW_TRACKING_… and the system's in order?".to_owned(),
        })?;
        Ok(cell.get_or_init(|| client))
    }

    /// Whether requests to `url` say who we are.
    pub(crate) fn identifies(&self, url: &Url) -> bool {
        self.credentials.is_some() && self.trusted.contains(&url.origin())
    }

    /// One attempt for a file, redirects followed. Whatever the status, it is the caller's to judge.
    pub(crate) async fn once(&self, request: &Request) -> Result<Response, RegistryError> {
        self.attempt(request, None).await
    }

    async fn attempt(&self, request: &Request, time: Option<Duration>) -> Result<Response, RegistryError> {
        let mut request = request.clone();
        for _ in 0..HOPS {
            let trusted = self.trusted.contains(&request.url.origin());
            let mut headers = request.headers.clone();
            if let Some(credentials) = self.credentials.as_ref().filter(|_| trusted) {
                headers.insert(AUTHORIZATION, credentials.clone());
            }
            let mut sent =
                self.client(trusted)?.request(request.method.clone(), request.url.clone()).headers(headers);
            if let Some(body) = &request.body {
                sent = sent.body(body.clone());
            }
            if let Some(time) = time {
                sent = sent.timeout(time);
            }
            let response = sent.send().await.map_err(|error| failed(&request.url, &error))?;
            let Some(next) = redirected(&request, &response)? else { return Ok(response) };
            request = next;
        }
        Err(RegistryError::Answer {
            server: server(&request.url),
            what: "a request".to_owned(),
            problem: format!("{HOPS} redirects and no end"),
        })
    }

    /// A question, tried again while the server is busy, broken or not there.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response, RegistryError> {
        let mut attempt = 1;
        loop {
            let outcome = self.attempt(request, Some(ANSWER)).await;
            let wait = match &outcome {
                Ok(response) if is_passing(response.status()) => asked_pause(response),
                Err(RegistryError::Unreachable { .. }) => None,
                _ => return outcome,
            };
            if attempt >= self.retry.attempts {
                return outcome;
            }
            let pause = wait.unwrap_or_else(|| self.retry.pause(attempt));
            tracing::debug!(server = server(&request.url), attempt, ?pause, "trying again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// An answer that is no file, whole.
    pub(crate) async fn body(&self, mut response: Response) -> Result<Vec<u8>, RegistryError> {
        let url = response.url().clone();
        let mut whole = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&url, &error))? {
            if whole.len() + chunk.len() > LARGEST_ANSWER {
                return Err(RegistryError::TooMuch {
                    location: server(&url),
                    what: "more bytes in one answer",
                    bound: LARGEST_ANSWER as u64,
                });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }
}

/// `ring`, for the whole process, unless something has chosen already.
pub(crate) fn choose_cryptography() {
    // Chosen already is as good as chosen now.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Whether the same request may well succeed later.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// How long the server asks to be left alone, in seconds: RFC 9110, section 10.2.3.
fn asked_pause(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// Where a redirect leads; none where the answer is no redirect.
fn redirected(request: &Request, response: &Response) -> Result<Option<Request>, RegistryError> {
    let status = response.status();
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refuse = |problem: &str| RegistryError::Answer {
        server: server(&request.url),
        what: "a request".to_owned(),
        problem: problem.to_owned(),
    };
    let target = response.headers().get(LOCATION).and_then(|target| target.to_str().ok());
    let target = target.ok_or_else(|| refuse("a redirect to nowhere"))?;
    let url = request.url.join(target).map_err(|_| refuse("a redirect to no URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("a redirect to another protocol"));
    }
    if request.url.scheme() == "https" && url.scheme() == "http" {
        return Err(refuse("a redirect out of TLS"));
    }
    let stays = url.origin() == request.url.origin() && matches!(status.as_u16(), 307 | 308);
    if request.method != Method::GET && !stays {
        return Err(refuse("a redirect of a question that is no GET"));
    }
    Ok(Some(Request { url, ..request.clone() }))
}

/// What identifies us: an address's own user, a token, or a user with a password.
fn authorization(settings: &Settings, servers: &[Url]) -> Result<Option<HeaderValue>, RegistryError> {
    let of_address = servers.iter().find(|url| !url.username().is_empty() || url.password().is_some());
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = match (of_address, &settings.username) {
        (Some(url), _) => Some((decode(url.username()), decode(url.password().unwrap_or_default()))),
        (None, Some(user)) => {
            Some((user.clone(), settings.password.as_ref().map_or("", Secret::expose).to_owned()))
        }
        (None, None) => None,
    };
    let text = match (pair, &settings.token) {
        (Some((user, password)), _) => {
            format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
            )
        }
        (None, Some(token)) => format!("Bearer {}", token.expose()),
        (None, None) => return Ok(None),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| RegistryError::Setting {
        what: "`MLFLOW_TRACKING_TOKEN`".to_owned(),
        problem: "has characters that no token has".to_owned(),
        hint: "is there a line break at its end?".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn read(path: &Path, variable: &str) -> Result<Vec<u8>, RegistryError> {
    fs::read(path).map_err(|error| unusable(variable, path, &error.to_string(), "a PEM file"))
}

fn unusable(variable: &str, path: &Path, problem: &str, wanted: &str) -> RegistryError {
    RegistryError::Setting {
        what: format!("`{}` of {variable}", path.display()),
        problem: format!("cannot be used: {}", printable(problem)),
        hint: format!("it names {wanted}"),
    }
}

/// `https://host:port`, for messages.
pub(crate) fn server(url: &Url) -> String {
    format!("`{}`", url.origin().ascii_serialization())
}

/// A request that got no answer, or a body that broke off.
pub(crate) fn failed(url: &Url, error: &reqwest::Error) -> RegistryError {
    let message = chain(error);
    let server = server(url);
    // rustls's own words: its errors are hidden in those of the layers above.
    let words = ["certificate", "TLS", "tls", "InvalidContentType", "HandshakeFailure"];
    if words.iter().any(|word| message.contains(word)) {
        RegistryError::Tls { server, message }
    } else {
        RegistryError::Unreachable { server, message }
    }
}

/// What the error says, without its URL, from the inside: the outer words say only that a request failed.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    let mut words = Vec::new();
    while let Some(source) = innermost.source() {
        innermost = source;
        words.push(source.to_string());
    }
    match words.as_slice() {
        [] => printable(&without_url(&error.to_string())),
        [.., last] => printable(last),
    }
}

/// reqwest ends its messages with the URL, whose query may be a signature.
fn without_url(message: &str) -> String {
    message.split(" for url (").next().unwrap_or_default().to_owned()
}

/// The address for messages.
pub(crate) fn shown(url: &Url) -> String {
    Address::from(url.clone()).to_string()
}
