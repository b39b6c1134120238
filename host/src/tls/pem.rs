//! Certificates and keys out of PEM files (RFC 7468).
//!
//! Called by `tls`. Says what a file holds instead of what was wanted; never what is in a key.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::tls::error::TlsError;

/// More than any chain, and any bundle of authorities.
const MOST_BYTES: u64 = 4 << 20;

/// Every certificate of a file, in its order; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let failed = |reason: String| TlsError::NoCertificate { path: path.to_owned(), reason };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| failed(error.to_string()))?;
    if found.is_empty() {
        return Err(failed(what_is_there(&text)));
    }
    Ok(found)
}

/// The first private key of a file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    warn_of_readers(path);
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| TlsError::NoKey { path: path.to_owned(), reason: what_is_there(&text) })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text))
        .map_err(|source| TlsError::Read { path: path.to_owned(), source })?;
    Ok(text)
}

/// The first section's label, without what is in it.
fn what_is_there(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let label = text.lines().find_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    match label {
        Some("ENCRYPTED PRIVATE KEY") => "its key has a passphrase".to_owned(),
        Some(label) if label.len() < 64 => format!("the first thing in it is a `{label}`"),
        _ => "it is no PEM file".to_owned(),
    }
}

fn warn_of_readers(path: &Path) {
    if let Ok(metadata) = fs::metadata(path)
        && metadata.permissions().mode() & 0o004 != 0
    {
        tracing::warn!(
            file = %path.display(),
            "every user of this machine can read the private key\nhint: `chmod o-r` it"
        );
    }
}
