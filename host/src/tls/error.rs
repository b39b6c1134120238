//! Certificates and keys that cannot be used, and what an operator does about it.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

/// What is wrong with the files of TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(
        "cannot read `{}`: {source}\nhint: the user that mlhost runs as needs to be able to read it",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has no certificate in it.
    #[error(
        "`{}` has no certificate: {reason}\nhint: a PEM file has lines `-----BEGIN CERTIFICATE-----`; \
         `openssl x509 -inform der -in FILE -out FILE.pem` makes one of a DER file",
        path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// A file has no private key in it.
    #[error(
        "`{}` has no private key: {reason}\nhint: a PEM file has a line `-----BEGIN PRIVATE KEY-----`; \
         `openssl pkey -in FILE -out FILE.pem` makes one of others, and takes a passphrase off",
        path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// A private key that cannot be used.
    #[error(
        "the private key in `{}` cannot be used: {reason}\nhint: RSA of 2048 bits or more, ECDSA over P-256 or P-384, or \
         Ed25519",
        path.display()
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A certificate that cannot be used.
    #[error("a certificate in `{}` cannot be used: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The key is another certificate's.
    #[error(
        "the key in `{}` does not belong to the first certificate in `{}`\nhint: the server's own certificate comes first, \
         its authorities' after it; `openssl x509 -noout -pubkey -in CERTIFICATE` and `openssl pkey -pubout -in KEY` are to \
         print the same",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate's time is over.
    #[error(
        "the certificate in `{}` expired at {end}, and no client would take it\nhint: renew it; mlhost reads it again by \
         itself when the file changes",
        path.display()
    )]
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        end: Timestamp,
    },
    /// The certificate's time has not begun.
    #[error(
        "the certificate in `{}` is valid from {begin} on, and no client would take it before\nhint: is this machine's clock \
         right?",
        path.display()
    )]
    Future {
        /// The file.
        path: PathBuf,
        /// From when on.
        begin: Timestamp,
    },
    /// Nothing of ours is wrong with it, and yet.
    #[error("TLS cannot be set up: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
}
