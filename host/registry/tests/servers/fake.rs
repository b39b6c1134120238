//! A server that answers as it is told and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One request, as far as anybody here asks.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query, as they were sent.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether the client showed a certificate.
    pub(crate) certified: bool,
}

/// One answer. The connection is closed after it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Bytes of the body that are sent before the connection breaks.
    sent: usize,
}

/// A listening server; its thread ends with the test's process.
pub(crate) struct Fake {
    origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

// === impl Asked ===

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), sent: usize::MAX }
    }

    pub(crate) fn body(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::status(200) }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Breaks off after so many bytes of the body, whose length is announced in full.
    pub(crate) fn breaking_after(mut self, bytes: usize) -> Self {
        self.sent = bytes;
        self
    }

    /// The part of a file that the request's `Range` asks for, where its `If-Range` fits; else all of it.
    pub(crate) fn range(asked: &Asked, tag: &str, body: &[u8]) -> Self {
        let range = asked
            .header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        match range {
            Some(start) if asked.header("if-range") == Some(tag) => Self {
                status: 206,
                body: body[start..].to_vec(),
                ..Self::status(206)
                    .with("ETag", tag)
                    .with("Content-Range", &format!("bytes {start}-{}/{}", body.len() - 1, body.len()))
            },
            _ => Self::body(body).with("ETag", tag),
        }
    }
}

// === impl Fake ===

impl Fake {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + 'static) -> Self {
        Self::start_with(None, answer)
    }

    /// The same behind TLS, as `localhost`.
    pub(crate) fn start_secure(
        config: Arc<ServerConfig>,
        answer: impl Fn(&Asked) -> Answer + Send + 'static,
    ) -> Self {
        Self::start_with(Some(config), answer)
    }

    fn start_with(
        config: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Asked) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = if config.is_some() { "https://localhost" } else { "http://127.0.0.1" };
        let origin = format!("{host}:{port}");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let serve = |request: Asked| {
                    let answer = answer(&request);
                    remembered.lock().unwrap().push(request);
                    answer
                };
                let Some(config) = &config else {
                    let Some(request) = read(&mut stream) else { continue };
                    write(&mut stream, &serve(request));
                    continue;
                };
                let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream);
                // None where the two do not agree about a certificate.
                let Some(mut request) = read(&mut stream) else { continue };
                request.certified = stream.conn.peer_certificates().is_some_and(|shown| !shown.is_empty());
                write(&mut stream, &serve(request));
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        Self { origin, asked }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What was asked for whose path ends so.
    pub(crate) fn asked_for(&self, ending: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path().ends_with(ending)).collect()
    }
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, target, headers, body: String::from_utf8(body).ok()?, certified: false })
}

fn write(stream: &mut impl Write, answer: &Answer) {
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", answer.status);
    let announced =
        answer.headers.iter().any(|(name, _)| name == "Content-Length" || name == "Transfer-Encoding");
    if !announced && answer.status != 304 {
        head.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    // A client that has seen enough may be gone.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&answer.body[..answer.sent.min(answer.body.len())]);
}
