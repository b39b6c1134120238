//! Bodies in gzip or deflate, both ways and for every protocol.
//!
//! Called by `serve::body` for requests that say so, by `serve::handler` for answers that a client wants so. What a body becomes is
//! bounded as any other: a small one that unfolds to a huge one is refused as soon as it passes the bound. Costs a look at one
//! header where nobody asks for it. gRPC has a compression of its own.

use std::io::{self, Read as _, Write as _};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compression, Decompress, FlushDecompress, Status};
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Body as _;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
};
use hyper::{Response, StatusCode};
use mlhost_wire::fault::{Fault, FaultKind};

use crate::serve::response::Body;

/// Answers below this size are sent as they are: they fit a packet anyway.
pub(crate) const WORTH_IT: u64 = 1024;

/// Bytes that are compressed or decompressed before other requests get their turn: about a millisecond's.
pub(crate) const TURN: usize = 128 << 10;

/// A content coding (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// The zlib format, whatever its name says.
    Deflate,
}

/// What every answer to an unknown coding says is known.
const KNOWN: HeaderValue = HeaderValue::from_static("gzip, deflate");

/// A compressed body as it unfolds.
pub(crate) enum Unfolding<'b> {
    Gzip(MultiGzDecoder<Pieces<'b>>),
    Deflate(Inflating<'b>),
}

/// A body in the zlib format. flate2's own reader takes one that is cut short for a whole one.
pub(crate) struct Inflating<'b> {
    pieces: Pieces<'b>,
    state: Decompress,
    ended: bool,
}

/// A body's pieces, one after another.
pub(crate) struct Pieces<'b> {
    pieces: &'b [Bytes],
    /// How much of the first was read.
    read: usize,
}

// === impl Coding ===

impl Coding {
    /// A request body's, where it has one.
    ///
    /// # Errors
    ///
    /// [`FaultKind::UnsupportedMedia`] for another than these two, or several.
    pub(crate) fn of_request(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let coding = match value.to_str().map(str::trim) {
            _ if values.next().is_some() => None,
            Ok(text) if text.is_empty() || text.eq_ignore_ascii_case("identity") => return Ok(None),
            Ok(text) => Self::named(text),
            Err(_) => None,
        };
        coding.map(Some).ok_or_else(|| {
            let public = "the request's Content-Encoding is none of gzip, deflate and identity";
            Fault::new(FaultKind::UnsupportedMedia, public)
        })
    }

    /// What a client would have its answer in (RFC 9110, section 12.5.3), gzip before deflate where it likes both as much.
    pub(crate) fn wanted(headers: &HeaderMap) -> Option<Self> {
        let mut weights = [None, None];
        let mut others = 0;
        for value in headers.get_all(ACCEPT_ENCODING) {
            for item in value.to_str().unwrap_or_default().split(',') {
                let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
                let weight = weight(parameters);
                match Self::named(name.trim()) {
                    Some(Self::Gzip) => weights[0] = Some(weight),
                    Some(Self::Deflate) => weights[1] = Some(weight),
                    None if name.trim() == "*" => others = weight,
                    None => {}
                }
            }
        }
        let [gzip, deflate] = weights.map(|weight| weight.unwrap_or(others));
        match (gzip, deflate) {
            (0, 0) => None,
            (gzip, deflate) if gzip >= deflate => Some(Self::Gzip),
            _ => Some(Self::Deflate),
        }
    }

    fn named(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("gzip") || text.eq_ignore_ascii_case("x-gzip") {
            return Some(Self::Gzip);
        }
        text.eq_ignore_ascii_case("deflate").then_some(Self::Deflate)
    }

    /// As headers name it.
    pub(crate) fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }

    /// Begins to unfold a body.
    pub(crate) fn unfold(self, pieces: &[Bytes]) -> Unfolding<'_> {
        let pieces = Pieces { pieces, read: 0 };
        match self {
            Self::Gzip => Unfolding::Gzip(MultiGzDecoder::new(pieces)),
            Self::Deflate => {
                Unfolding::Deflate(Inflating { pieces, state: Decompress::new(true), ended: false })
            }
        }
    }
}

/// The thousandths of `;q=0.5`; 1000 without one, 0 for what cannot be read.
fn weight(parameters: &str) -> u16 {
    let quality = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    match quality.map(str::parse::<f32>) {
        None => 1000,
        Some(Ok(value)) if (0.0..=1.0).contains(&value) => (value * 1000.0) as u16,
        Some(_) => 0,
    }
}

// === impl Unfolding ===

impl Unfolding<'_> {
    /// The next piece, of `most` bytes and no more; empty at the end.
    ///
    /// # Errors
    ///
    /// [`FaultKind::BadInput`] where the body is not what its header says.
    pub(crate) fn next(&mut self, most: usize) -> Result<Bytes, Fault> {
        let mut piece = Vec::new();
        let outcome = match self {
            Self::Gzip(decoder) => decoder.take(most as u64).read_to_end(&mut piece),
            Self::Deflate(inflating) => inflating.take(most as u64).read_to_end(&mut piece),
        };
        outcome.map_err(|error| {
            let public = "the request body is not what its Content-Encoding says";
            Fault::new(FaultKind::BadInput, public).with_detail(error.to_string())
        })?;
        Ok(piece.into())
    }
}

// === impl Inflating ===

impl io::Read for Inflating<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = io::BufRead::fill_buf(&mut self.pieces)?;
            let last = input.is_empty();
            match (self.ended, last) {
                (true, true) => return Ok(0),
                (true, false) => return Err(io::Error::other("bytes are left behind the end")),
                _ => {}
            }
            let (taken, given) = (self.state.total_in(), self.state.total_out());
            // Without input, too: it may hold back what the last buffer had no room for.
            let status = self.state.decompress(input, buffer, FlushDecompress::None)?;
            // Each is at most the length of a slice.
            let taken = (self.state.total_in() - taken) as usize;
            let given = (self.state.total_out() - given) as usize;
            io::BufRead::consume(&mut self.pieces, taken);
            self.ended = status == Status::StreamEnd;
            if given > 0 || buffer.is_empty() {
                return Ok(given);
            }
            if !self.ended && (last || taken == 0) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

// === impl Pieces ===

impl io::Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = io::BufRead::fill_buf(self)?.read(buffer)?;
        io::BufRead::consume(self, read);
        Ok(read)
    }
}

impl io::BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while let Some((first, others)) = self.pieces.split_first() {
            if self.read < first.len() {
                return Ok(&first[self.read..]);
            }
            (self.pieces, self.read) = (others, 0);
        }
        Ok(&[])
    }

    fn consume(&mut self, bytes: usize) {
        self.read += bytes;
    }
}

/// The same answer, compressed where the client wants it and it is worth it.
pub(crate) async fn compressed(request: &HeaderMap, response: Response<Body>) -> Response<Body> {
    let worth_it = match response.body() {
        Either::Left(whole) => whole.size_hint().lower() >= WORTH_IT,
        Either::Right(_) => false,
    };
    if !worth_it {
        return response;
    }
    let Some(coding) = Coding::wanted(request).filter(|_| may_shrink(&response)) else { return response };
    let (mut head, body) = response.into_parts();
    let whole = match body {
        Either::Left(whole) => whole,
        Either::Right(others) => return Response::from_parts(head, Either::Right(others)),
    };
    // A whole body is there at once, and cannot fail.
    let whole = match whole.collect().now_or_never() {
        Some(Ok(whole)) => whole.to_bytes(),
        Some(Err(never)) => match never {},
        None => Bytes::new(),
    };
    let Ok(small) = compress(coding, &whole).await else {
        return Response::from_parts(head, Either::Left(Full::new(whole)));
    };
    head.headers.insert(CONTENT_ENCODING, coding.name());
    head.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Either::Left(Full::new(small.into())))
}

/// Images and the like are compressed as they are; what somebody else has encoded is left alone.
fn may_shrink(response: &Response<Body>) -> bool {
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let small_already = ["image/", "audio/", "video/"].iter().any(|kind| media_type.starts_with(kind));
    !small_already && !response.headers().contains_key(CONTENT_ENCODING)
}

/// The same bytes, compressed; others get their turn meanwhile.
pub(crate) async fn compress(coding: Coding, whole: &Bytes) -> io::Result<Vec<u8>> {
    // Twice as small and five times as fast as the default for an answer's digits.
    let level = Compression::fast();
    let room = Vec::with_capacity(whole.len() / 3);
    let mut turns = whole.chunks(TURN);
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(room, level);
            while let Some(turn) = turns.next() {
                encoder.write_all(turn)?;
                if turns.len() > 0 {
                    tokio::task::yield_now().await;
                }
            }
            encoder.finish()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(room, level);
            while let Some(turn) = turns.next() {
                encoder.write_all(turn)?;
                if turns.len() > 0 {
                    tokio::task::yield_now().await;
                }
            }
            encoder.finish()
        }
    }
}

/// Says which codings are known, in the answer to one that is not (RFC 9110, section 15.5.16).
pub(crate) fn tell_known(request: &HeaderMap, response: &mut Response<Body>) {
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE && request.contains_key(CONTENT_ENCODING) {
        response.headers_mut().insert(ACCEPT_ENCODING, KNOWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &hyper::header::HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_client_gets_what_it_likes_best_and_nothing_that_it_refuses() {
        for (values, expected) in [
            (&[][..], None),
            (&["identity"], None),
            (&["br, zstd"], None),
            (&["gzip"], Some(Coding::Gzip)),
            (&["gzip, deflate, br"], Some(Coding::Gzip)),
            (&["deflate"], Some(Coding::Deflate)),
            (&["gzip;q=0.5, deflate"], Some(Coding::Deflate)),
            (&["gzip;q=0"], None),
            (&["gzip; q=0, *"], Some(Coding::Deflate)),
            (&["*"], Some(Coding::Gzip)),
            (&["*;q=0"], None),
            (&["br", "X-GZIP"], Some(Coding::Gzip)),
            (&["gzip;q=x"], None),
            (&["gzip;q=2"], None),
            (&[",;=,"], None),
        ] {
            assert_eq!(Coding::wanted(&headers(&ACCEPT_ENCODING, values)), expected, "{values:?}");
        }
    }

    #[test]
    fn a_coding_that_is_not_known_is_said() {
        for (values, expected) in [
            (&[][..], Ok(None)),
            (&["identity"], Ok(None)),
            (&["GZip"], Ok(Some(Coding::Gzip))),
            (&["deflate"], Ok(Some(Coding::Deflate))),
            (&["br"], Err(FaultKind::UnsupportedMedia)),
            (&["gzip, gzip"], Err(FaultKind::UnsupportedMedia)),
            (&["gzip", "gzip"], Err(FaultKind::UnsupportedMedia)),
        ] {
            let found = Coding::of_request(&headers(&CONTENT_ENCODING, values)).map_err(|fault| fault.kind);
            assert_eq!(found, expected, "{values:?}");
        }
    }

    #[test]
    fn what_was_folded_unfolds_whatever_its_pieces() {
        let text = "0.981557, ".repeat(50_000);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for coding in [Coding::Gzip, Coding::Deflate] {
            let whole = Bytes::from(text.clone());
            let folded = runtime.block_on(compress(coding, &whole)).unwrap();
            assert!(folded.len() < text.len() / 10);
            for size in [7, folded.len()] {
                let pieces: Vec<Bytes> = folded.chunks(size).map(Bytes::copy_from_slice).collect();
                let mut unfolding = coding.unfold(&pieces);
                let mut found = Vec::new();
                loop {
                    let piece = unfolding.next(1000).unwrap();
                    assert!(piece.len() <= 1000);
                    if piece.is_empty() {
                        break;
                    }
                    found.extend_from_slice(&piece);
                }
                assert_eq!(found, text.as_bytes(), "{coding:?} in pieces of {size} bytes");
            }
            let cut = [Bytes::copy_from_slice(&folded[..folded.len() / 2])];
            let mut unfolding = coding.unfold(&cut);
            assert_eq!(unfolding.next(usize::MAX).unwrap_err().kind, FaultKind::BadInput, "{coding:?}");
            let more = [folded.into(), Bytes::from_static(b"x")];
            let mut unfolding = coding.unfold(&more);
            assert_eq!(unfolding.next(usize::MAX).unwrap_err().kind, FaultKind::BadInput, "{coding:?}");
        }
    }
}
