//! What a command prints. Every subcommand writes its output and its errors here: `print!` panics where a pipe was closed or a
//! disk is full, which is nobody's defect. Never blocks longer than who reads it.

use std::fmt;
use std::io::{self, Write as _};

use anyhow::Context as _;

/// Writes `text` and a line's end to standard output. A reader that has gone away has seen enough.
///
/// # Errors
///
/// When it cannot be written, such as to a full disk: what was to be kept is not.
pub(super) fn line(text: impl fmt::Display) -> anyhow::Result<()> {
    self::text(format_args!("{text}\n"))
}

/// [`line`], of a text that ends with a line's end.
///
/// # Errors
///
/// As there.
pub(super) fn text(text: impl fmt::Display) -> anyhow::Result<()> {
    bytes(&[text.to_string().as_bytes()])
}

/// Writes bytes as they are.
///
/// # Errors
///
/// As of [`line`].
pub(super) fn bytes(parts: &[&[u8]]) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    match parts.iter().try_for_each(|part| output.write_all(part)).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes to standard error. Where that cannot be done nobody is there to be told.
pub(super) fn error(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
