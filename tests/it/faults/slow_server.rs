//! A tracking server's artifact service that sends as much of a file as it is told to, and then waits.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// One model's files. Its threads end with the test's process.
pub(super) struct SlowServer {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    files: BTreeMap<String, Vec<u8>>,
    /// Bytes of each file that are sent before it waits.
    most: AtomicU64,
    /// Answers that wait now.
    waiting: AtomicUsize,
    /// The `Range` headers of requests for files.
    ranges: Mutex<Vec<(String, Option<String>)>>,
}

// === impl SlowServer ===

impl SlowServer {
    /// Serves the files of `model` that stand beside its MLmodel.
    pub(super) fn of(model: &Path) -> Self {
        let files = std::fs::read_dir(model)
            .unwrap()
            .map(Result::unwrap)
            .filter(|entry| entry.path().is_file())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            files,
            most: AtomicU64::new(u64::MAX),
            waiting: AtomicUsize::new(0),
            ranges: Mutex::new(Vec::new()),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&serving);
                // A client that is killed breaks its connections: nobody is to be told.
                thread::spawn(move || drop(shared.answer(stream.unwrap())));
            }
        });
        Self { port, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends so much of each file and waits then; `u64::MAX` waits for nobody.
    pub(super) fn send_at_most(&self, bytes: u64) {
        self.shared.most.store(bytes, Ordering::SeqCst);
    }

    /// Waits until an answer waits.
    pub(super) fn until_it_waits(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.shared.waiting.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < deadline, "nothing is asked for");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What was asked for of a file, by its `Range`.
    pub(super) fn ranges_of(&self, file: &str) -> Vec<Option<String>> {
        let ranges = self.shared.ranges.lock().unwrap();
        ranges.iter().filter(|(name, _)| name == file).map(|(_, range)| range.clone()).collect()
    }
}

// === impl Shared ===

impl Shared {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let target = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let mut range = None;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            match header.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("range") => range = Some(value.to_owned()),
                Some(_) => {}
                None => break,
            }
        }
        let path = target.split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        match self.files.get(name) {
            Some(body) => self.send(&mut stream, name, body, range),
            None if name == "artifacts" => {
                let entry = |(name, body): (&String, &Vec<u8>)| serde_json::json!({"path": name, "is_dir": false, "file_size": body.len()});
                let files: Vec<_> = self.files.iter().map(entry).collect();
                let body = serde_json::json!({ "files": files }).to_string();
                write!(
                    stream,
                    "HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
            None => write!(stream, "HTTP/1.1 404 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own; a struct would be made for this call alone"
    )]
    fn send(
        &self,
        stream: &mut TcpStream,
        name: &str,
        body: &[u8],
        range: Option<String>,
    ) -> std::io::Result<()> {
        let start =
            range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        self.ranges.lock().unwrap().push((name.to_owned(), range));
        let start: usize = start.unwrap_or(0);
        let status = if start > 0 { 206 } else { 200 };
        let rest = &body[start..];
        write!(
            stream,
            "HTTP/1.1 {status} X\r\nConnection: close\r\nETag: \"{name}\"\r\nContent-Range: bytes {start}-{}/{}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len() - 1,
            body.len(),
            rest.len()
        )?;
        let most = usize::try_from(self.most.load(Ordering::SeqCst)).unwrap_or(usize::MAX);
        let now = rest.len().min(most.saturating_sub(start).max(1));
        stream.write_all(&rest[..now])?;
        stream.flush()?;
        if now < rest.len() {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            // Until the client is gone: reading ends then.
            let _ = std::io::Read::read(stream, &mut [0]);
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(())
    }
}
