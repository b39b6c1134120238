//! `mlhost token`: makes keys. The entry goes to standard output, where `>>` brings it into the file; the token itself to
//! standard error, where whoever makes it reads it once. It is written to no file.

use std::io::{self, Read as _};

use anyhow::Context as _;

use super::args::{EntryArgs, TokenArgs, TokenCommand};
use super::output;
use crate::access::token::{self, Entry};

/// More than any token.
const LONGEST: u64 = 16 << 10;

pub(super) fn run(args: &TokenArgs) -> anyhow::Result<()> {
    let (args, token) = match &args.command {
        TokenCommand::New(args) => {
            let token = token::fresh().context("the system has no random numbers to give")?;
            output::error(format_args!("{token}\n(shown once: the file of keys holds its digest alone)"));
            (args, token)
        }
        TokenCommand::Entry(args) => (args, given()?),
    };
    anyhow::ensure!(
        !args.name.is_empty() && !args.name.chars().any(char::is_control),
        "a key's name is a text of one line"
    );
    output::line(entry(args).toml(&token))
}

fn entry(args: &EntryArgs) -> Entry {
    Entry {
        name: args.name.clone(),
        models: args.model.clone(),
        admin: args.admin,
        rate: args.rate,
        expires: args.expires,
    }
}

fn given() -> anyhow::Result<String> {
    let mut text = String::new();
    io::stdin()
        .take(LONGEST)
        .read_to_string(&mut text)
        .context("cannot read the token from standard input")?;
    let token = text.trim();
    let plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    anyhow::ensure!(
        plain && token.len() >= token::LEAST_LENGTH,
        "a token is one word of ASCII of at least {} characters, chosen at random: its digest is in the file, and a short \
         one could be guessed from it\nhint: `mlhost token new` makes one",
        token::LEAST_LENGTH
    );
    Ok(token.to_owned())
}
