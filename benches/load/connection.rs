//! One keep-alive HTTP/1.1 connection, as plain as a load generator wants it: whole requests out, whole answers in.
//!
//! Called by `generator.rs` and `slow.rs`. Reads only what mlhost writes: answers with a Content-Length, no chunks. Cheap,
//! because the server under test shares the machine with it.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer's head; its body is read and forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
}

/// A connection to a server on this machine.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A request's bytes, from the first line to the end of the body.
pub(crate) fn request(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Sends a whole request and takes its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Head> {
        self.send(request).await?;
        self.receive().await
    }

    /// Sends a part of a request.
    pub(crate) async fn send(&mut self, part: &[u8]) -> io::Result<()> {
        self.stream.write_all(part).await
    }

    /// Takes one answer.
    pub(crate) async fn receive(&mut self) -> io::Result<Head> {
        self.read.clear();
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let (head, length) = parse(&self.read[..end]).ok_or(io::ErrorKind::InvalidData)?;
        while self.read.len() < end + length {
            self.more().await?;
        }
        Ok(head)
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The head and the length of the body behind it.
fn parse(head: &[u8]) -> Option<(Head, usize)> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let (mut length, mut retry_after) = (0, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        retry_after |= name.eq_ignore_ascii_case("retry-after");
    }
    Some((Head { status, retry_after }, length))
}
