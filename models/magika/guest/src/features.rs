//! The features: the first and the last bytes of a content, without the white space around it.
//!
//! Called by `identify` for each content. Written after magika's `_extract_features_from_seekable` and
//! `_get_result_or_features_from_seekable`; must give the same numbers.

use crate::config::Config;

/// What of a content the graph is shown, if anything.
#[derive(Debug, PartialEq)]
pub(crate) enum Features {
    /// `beg_size + end_size` numbers: bytes, or the padding token.
    Tokens(Vec<i32>),
    /// There is no content.
    Empty,
    /// Too few bytes for the graph.
    FewBytes {
        /// Whether they are UTF-8.
        text: bool,
    },
}

/// The features of `content`.
pub(crate) fn extract(config: &Config, content: &[u8]) -> Features {
    if content.is_empty() {
        return Features::Empty;
    }
    let block = content.len().min(config.block_size);
    let first = &content[..block];
    let beginning = strip_start(first);
    if content.len() < config.min_file_size_for_dl || beginning.len() < config.min_file_size_for_dl {
        return Features::FewBytes { text: std::str::from_utf8(first).is_ok() };
    }
    let beginning = &beginning[..beginning.len().min(config.beg_size)];
    let end = strip_end(&content[content.len() - block..]);
    let end = &end[end.len().saturating_sub(config.end_size)..];
    let mut tokens = vec![config.padding_token; config.beg_size + config.end_size];
    for (token, byte) in tokens.iter_mut().zip(beginning) {
        *token = i32::from(*byte);
    }
    for (token, byte) in tokens.iter_mut().rev().zip(end.iter().rev()) {
        *token = i32::from(*byte);
    }
    Features::Tokens(tokens)
}

/// What Python's `bytes.strip` takes for white space; Rust's `is_ascii_whitespace` leaves out the vertical tab.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn strip_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_space(*byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

fn strip_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
    &bytes[..end]
}
