//! A million requests, one after another on each of 32 connections: whether the server's memory grows with them.
//!
//! The model is iris, one flower a request. The first tenth fills pools and caches; from there to the end nothing may grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::connection::request;
use crate::generator::{Target, Until, closed_loop, prioritised};
use crate::server_process::{Question, ServerProcess};
use crate::table::{Style, Table};
use crate::verdict::Verdict;
use crate::{milliseconds, serve};

/// What counts as no growth.
const MOST_MIB: f64 = 2.0;
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// How often to look whether the first tenth is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Of all requests, those after which memory is compared.
const WARM: f64 = 0.1;
const BODY: &str = "{\"dataframe_split\": {\"columns\": [\"sepal_length\", \"sepal_width\", \"petal_length\", \
                    \"petal_width\"], \"data\": [[51.0, 35.0, 14.0, 2.0]]}}";

#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// In all
    #[arg(long, default_value_t = 1_000_000)]
    requests: usize,
    /// At one time
    #[arg(long, default_value_t = 32)]
    connections: usize,
}

/// The server's memory after so many requests.
struct Sample {
    at: Duration,
    requests: usize,
    mib: f64,
}

/// # Errors
///
/// The server does not start.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<Verdict> {
    let question = Question { content_type: "application/json", body: BODY.as_bytes() };
    let server = serve("iris", &[], None, &question)?;
    let request = request(question.content_type, question.body).into();
    let target = Target { port: server.port(), request, connections: flags.connections };
    let done = Arc::new(AtomicUsize::new(0));
    let warm = (flags.requests as f64 * WARM) as usize;

    let (seen, samples) = thread::scope(|scope| {
        let (stop, stopped) = mpsc::channel::<()>();
        let (server, done) = (&server, &done);
        let sampler = scope.spawn(move || sample(server, done, warm, &stopped));
        let until = Until::Requests(flags.requests);
        let seen = prioritised(async || closed_loop(&target, until, done).await);
        drop(stop);
        (seen, sampler.join().unwrap_or_default())
    });
    let seen = seen?;
    println!("{} requests on {} connections", flags.requests, flags.connections);
    let mut table = Table::new(&["seconds", "requests", "RSS MiB"]);
    for Sample { at, requests, mib } in &samples {
        table.push([format!("{:.0}", at.as_secs_f64()), requests.to_string(), format!("{mib:.1}")]);
    }
    println!("{}", table.write(Style::Text));
    let good = seen.good();
    println!(
        "{:.0} answers/s, p50 {} ms, p99 {} ms, most {} ms\n",
        good.per_second,
        milliseconds(good.p50),
        milliseconds(good.p99),
        milliseconds(good.most)
    );
    let mut verdict = Verdict::default();
    let after_warm = samples.iter().find(|sample| sample.requests >= warm).map_or(0.0, |sample| sample.mib);
    let growth = samples.last().map_or(f64::INFINITY, |sample| sample.mib) - after_warm;
    verdict.bar(
        growth <= MOST_MIB,
        format!("RSS grew by {growth:.1} MiB from {warm} requests to the end, at most {MOST_MIB:.1} MiB"),
    );
    verdict.bar(
        good.count == flags.requests,
        format!("{} of {} were answered well", good.count, flags.requests),
    );
    Ok(verdict)
}

/// At the start, every few seconds, when the first tenth is over, and at the end.
fn sample(
    server: &ServerProcess,
    done: &AtomicUsize,
    warm: usize,
    stopped: &mpsc::Receiver<()>,
) -> Vec<Sample> {
    let start = Instant::now();
    let take =
        || Sample { at: start.elapsed(), requests: done.load(Ordering::Relaxed), mib: server.resident_mib() };
    let mut samples = vec![take()];
    while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let last = &samples[samples.len() - 1];
        let is_due = start.elapsed() - last.at >= SAMPLE_EVERY;
        if is_due || (last.requests < warm && done.load(Ordering::Relaxed) >= warm) {
            samples.push(take());
        }
    }
    samples.push(take());
    samples
}
