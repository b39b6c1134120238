//! What is wrong with a TOML file that an operator wrote, in one line.
//!
//! Called by whoever reads one: `access::key_file`, `repository::rules`.

/// What and where, without the excerpt that the parser shows: it may be a line with a digest, or with a token that somebody
/// wrote there by mistake.
#[must_use]
pub fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| {
        let before = text.get(..span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    });
    let what = error.message().lines().next().unwrap_or_default();
    line.map_or_else(|| what.to_owned(), |line| format!("line {line}: {what}"))
}
