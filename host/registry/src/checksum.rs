//! Digests that a server says its file has, and the digests that it does have.
//!
//! Used by `download`. What a server does not say is not checked; what it says and does not hold is never taken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use reqwest::header::HeaderMap;
use sha2::{Digest as _, Sha256};

use crate::location::hexadecimal;

/// Digests of a whole file, as its server says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Promised {
    sha256: Option<Vec<u8>>,
    md5: Option<Vec<u8>>,
}

/// Digests of what has arrived.
pub(crate) struct Checksum {
    sha256: Sha256,
    /// Only where the server gives one to compare with.
    md5: Option<Md5>,
}

// === impl Promised ===

impl Promised {
    /// Of an answer's headers. `whole`: whether the body is the whole file, which the older headers speak of the body of.
    pub(crate) fn of(headers: &HeaderMap, whole: bool) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let decode = |text: &str, length: usize| {
            STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() == length)
        };
        // RFC 9530: `sha-256=:BASE64:`. `Repr-Digest` is of the file whatever part of it is sent.
        let field = |name: &str| {
            text(name)?.split(',').find_map(|item| {
                let (algorithm, value) = item.trim().split_once('=')?;
                let value = value.strip_prefix(':')?.strip_suffix(':')?;
                algorithm.eq_ignore_ascii_case("sha-256").then(|| decode(value, 32))?
            })
        };
        // Amazon S3; a checksum of parts' checksums ends in `-PARTS` and is no base64.
        let amazon = || text("x-amz-checksum-sha256").and_then(|value| decode(value, 32));
        let google = || {
            headers.get_all("x-goog-hash").iter().filter_map(|value| value.to_str().ok()).find_map(|value| {
                value.split(',').find_map(|item| decode(item.trim().strip_prefix("md5=")?, 16))
            })
        };
        Self {
            sha256: field("repr-digest")
                .or_else(|| field("content-digest").filter(|_| whole))
                .or_else(amazon),
            md5: text("content-md5").filter(|_| whole).and_then(|value| decode(value, 16)).or_else(google),
        }
    }
}

// === impl Checksum ===

impl Checksum {
    pub(crate) fn new(promised: &Promised) -> Self {
        Self { sha256: Sha256::new(), md5: promised.md5.is_some().then(Md5::new) }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    /// The SHA-256 in hexadecimal, or which promise is broken.
    pub(crate) fn finish(self, promised: &Promised) -> Result<String, &'static str> {
        let sha256 = self.sha256.finalize();
        if promised.sha256.as_ref().is_some_and(|promised| promised[..] != sha256[..]) {
            return Err("its SHA-256 is not the one that the server says");
        }
        if let (Some(found), Some(promised)) = (self.md5, &promised.md5)
            && found.finalize()[..] != promised[..]
        {
            return Err("its MD5 is not the one that the server says");
        }
        Ok(hexadecimal(&sha256))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn check(pairs: &[(&'static str, &str)], body: &[u8]) -> Result<String, &'static str> {
        let promised = Promised::of(&headers(pairs), true);
        let mut checksum = Checksum::new(&promised);
        checksum.update(body);
        checksum.finish(&promised)
    }

    #[test]
    fn every_promise_is_held_to() {
        // RFC 9530's and RFC 1864's headers, with digests of `abc` from FIPS 180-2 and RFC 1321.
        let sha256 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        let md5 = "kAFQmDzST7DWlj99KOF/cg==";
        let (digest, google) =
            (format!("sha-512=:AA==:, sha-256=:{sha256}:"), format!("crc32c=AAAAAA==,md5={md5}"));
        for pair in [
            ("repr-digest", digest.as_str()),
            ("content-digest", digest.as_str()),
            ("x-amz-checksum-sha256", sha256),
            ("content-md5", md5),
            ("x-goog-hash", google.as_str()),
        ] {
            assert!(check(&[pair], b"abc").is_ok(), "{pair:?}");
            assert!(check(&[pair], b"abd").is_err(), "{pair:?}");
        }
        assert!(check(&[("x-amz-checksum-sha256", "AAAA-3"), ("etag", "x")], b"abc").is_ok());
    }

    #[test]
    fn a_digest_of_a_part_is_not_taken_for_the_files() {
        let part = headers(&[("content-md5", "kAFQmDzST7DWlj99KOF/cg==")]);
        assert_eq!(Promised::of(&part, false), Promised::default());
    }
}
