//! Guests that spin until their deadline, as many as there are workers and twice that, while others ask for something
//! small: what the others wait.
//!
//! One process with two workers serves `models/hostile/spin_on_request`, which spins for whoever sends anything but 0.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::connection::request;
use crate::generator::{Target, Until, closed_loop, open_loop, prioritised};
use crate::server_process::Question;
use crate::table::{Style, Table};
use crate::verdict::Verdict;
use crate::{milliseconds, serve};

/// What others may wait, but for one in a hundred: issue 3.
const BAR: Duration = Duration::from_millis(20);
/// Most that wait for an answer at one time; at this rate it means a stall of seconds.
const CONNECTIONS: usize = 200;

#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// Of each load
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=50))]
    seconds: u32,
    /// Guests that spin
    #[arg(long, default_value_t = 4)]
    spinning: usize,
    /// Threads that run guests
    #[arg(long, default_value_t = 2)]
    workers: u32,
    /// Of the others, in requests a second
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
}

fn body(value: u32) -> String {
    format!("{{\"dataframe_split\": {{\"columns\": [\"x\"], \"data\": [[{value}.0]]}}}}")
}

/// # Errors
///
/// The server does not start.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<Verdict> {
    let (calm, spin) = (body(0), body(1));
    let question = Question { content_type: "application/json", body: calm.as_bytes() };
    // Whoever spins does so until the end.
    let timeout = ["--timeout".to_owned(), format!("{}s", flags.seconds + 1)];
    let server = serve("hostile/spin_on_request", &timeout, Some(flags.workers), &question)?;
    let target = |body: &str, connections| Target {
        port: server.port(),
        request: request("application/json", body.as_bytes()).into(),
        connections,
    };
    let duration = Duration::from_secs(flags.seconds.into());

    let (calm, spin) = (target(&calm, CONNECTIONS), target(&spin, flags.spinning));
    let (alone, among, spun) = prioritised(async || {
        let alone = open_loop(&calm, flags.rate, duration).await;
        let done = Arc::new(AtomicUsize::new(0));
        // All of them must be interrupted at their deadline, none before.
        let (among, spun) = tokio::join!(
            open_loop(&calm, flags.rate, duration),
            closed_loop(&spin, Until::Requests(flags.spinning), &done)
        );
        (alone, among, spun)
    })?;
    println!(
        "{} requests/s to {} workers, open-loop for {duration:?}; times in ms from when a request was due",
        flags.rate, flags.workers
    );
    let mut table = Table::new(&["beside", "good", "p50", "p99", "most", "other", "sent late p99"]);
    for (name, seen) in [("nothing".to_owned(), &alone), (format!("{} that spin", flags.spinning), &among)] {
        let good = seen.good();
        table.push([
            name,
            good.count.to_string(),
            milliseconds(good.p50),
            milliseconds(good.p99),
            milliseconds(good.most),
            (seen.seen.len() - good.count).to_string(),
            milliseconds(seen.late().p99),
        ]);
    }
    println!("{}", table.write(Style::Text));
    let mut verdict = Verdict::default();
    let good = among.good();
    verdict.bar(
        good.p99 < BAR,
        format!("p99 {} ms beside guests that spin, below {} ms", milliseconds(good.p99), milliseconds(BAR)),
    );
    verdict.bar(
        good.count == among.seen.len(),
        format!("{} of {} were answered well", good.count, among.seen.len()),
    );
    verdict.bar(
        spun.good().count == 0,
        format!(
            "{} of {} that spin ended before their deadline, at most 0",
            spun.good().count,
            spun.seen.len()
        ),
    );
    Ok(verdict)
}
