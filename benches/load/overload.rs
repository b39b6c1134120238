//! Twice and five times the requests that the server can answer: what it still answers, how fast, how it says no to the rest,
//! and what memory it takes.
//!
//! The model is magika, whose graph takes milliseconds of CPU for a file, so that a generator on the same cores costs
//! little beside it. The peak is found closed-loop; then the load comes open-loop, first a little below, then over it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::connection::request;
use crate::generator::{Target, Until, closed_loop, open_loop, prioritised};
use crate::observations::Observations;
use crate::server_process::{Question, root};
use crate::table::{Style, Table};
use crate::verdict::Verdict;
use crate::{milliseconds, say, serve};

/// Callers at one time on the way to the peak.
const STEPS: [usize; 5] = [1, 2, 4, 8, 16];
/// Of the peak that twice the load must leave: issue 3.
const LEAST_GOODPUT: f64 = 0.9;
/// Of the peak: busy, with room to breathe.
const BELOW: f64 = 0.8;
/// Of the peak: over it, as when another server is gone, and as when all of them are.
const OVER: [f64; 2] = [2.0, 5.0];
/// The most that memory may grow by from the load below the peak to the one far over it: who is refused leaves nothing
/// behind.
const MOST_GROWTH_MIB: f64 = 32.0;
/// The longest that a refusal may take, but for one in a hundred.
const QUICK: Duration = Duration::from_millis(20);
/// How far the accepted may be above a full house in turn, for the scheduling of two cores.
const FULL_HOUSE_SLACK: f64 = 1.5;

#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// Of each load
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// The server's `--max-requests`: how many it takes in before it refuses
    #[arg(long, default_value_t = 16)]
    max_requests: u32,
    /// The most that wait for an answer at one time
    #[arg(long, default_value_t = 200)]
    connections: usize,
}

/// One load, and what was seen of it.
struct Load {
    /// Of the peak.
    share: f64,
    seen: Observations,
    /// The server's, at its end.
    mib: f64,
}

/// # Errors
///
/// The server does not start, or the sample is gone.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<Verdict> {
    let file = fs::read(root().join("models/magika/guest/src/lib.rs"))?;
    let question = Question { content_type: "text/x-rust", body: &file };
    let limit = ["--max-requests".to_owned(), flags.max_requests.to_string()];
    let server = serve("magika", &limit, None, &question)?;
    let request: Arc<[u8]> = request(question.content_type, question.body).into();
    let target = |connections| Target { port: server.port(), request: Arc::clone(&request), connections };
    let duration = Duration::from_secs(flags.seconds.into());

    let (peak, loads) = prioritised(async || {
        let peak = peak(&target, flags.max_requests as usize).await;
        say(&format!("peak {peak:.0} answers/s; then open-loop for {duration:?} each"));
        let mut loads = Vec::new();
        for share in [BELOW].into_iter().chain(OVER) {
            let seen = open_loop(&target(flags.connections), peak * share, duration).await;
            loads.push(Load { share, seen, mib: server.resident_mib() });
        }
        (peak, loads)
    })?;
    println!(
        "magika, one file a request, --max-requests {}; times in ms from when a request was due",
        flags.max_requests
    );
    let mut table = Table::new(&[
        "load",
        "offered/s",
        "good/s",
        "good p50",
        "good p99",
        "503/s",
        "503 %",
        "503 p50",
        "503 p99",
        "other",
        "sent late p99",
        "RSS MiB",
    ]);
    for Load { share, seen, mib } in &loads {
        let (good, refused) = (seen.good(), seen.refused());
        table.push([
            format!("{share} x peak"),
            format!("{:.0}", share * peak),
            format!("{:.0}", good.per_second),
            milliseconds(good.p50),
            milliseconds(good.p99),
            format!("{:.0}", refused.per_second),
            format!("{:.0}", refused.per_second / (good.per_second + refused.per_second) * 100.0),
            milliseconds(refused.p50),
            milliseconds(refused.p99),
            seen.other().to_string(),
            milliseconds(seen.late().p99),
            format!("{mib:.0}"),
        ]);
    }
    println!("{}", table.write(Style::Text));
    Ok(judge(peak, flags.max_requests, &loads))
}

/// The most answers a second that any number of callers gets, all of whom are let in.
async fn peak(target: &impl Fn(usize) -> Target, max_requests: usize) -> f64 {
    let mut peak = 0f64;
    for callers in STEPS.into_iter().filter(|callers| *callers <= max_requests) {
        let until = Until::Elapsed(Duration::from_secs(3));
        let seen = closed_loop(&target(callers), until, &Arc::new(AtomicUsize::new(0))).await;
        let good = seen.good();
        say(&format!(
            "{callers} callers: {:.0} answers/s, p50 {} ms",
            good.per_second,
            milliseconds(good.p50)
        ));
        peak = peak.max(good.per_second);
    }
    peak
}

fn judge(peak: f64, max_requests: u32, loads: &[Load]) -> Verdict {
    let mut verdict = Verdict::default();
    let Some((below, over)) = loads.split_first() else { return verdict };
    for Load { share, seen, mib } in over {
        let (good, refused) = (seen.good(), seen.refused());
        let goodput = good.per_second / peak;
        verdict.bar(
            goodput >= LEAST_GOODPUT,
            format!(
                "goodput at {share} times the peak is {:.0}% of it, at least {:.0}%",
                goodput * 100.0,
                LEAST_GOODPUT * 100.0
            ),
        );
        // The last who is let in has everyone else before it: more than that is a queue somewhere that nobody bounded.
        let full_house = Duration::from_secs_f64(f64::from(max_requests) / peak * FULL_HOUSE_SLACK)
            + below.seen.good().p99;
        verdict.bar(
            good.p99 <= full_house,
            format!(
                "accepted requests: p99 {} ms at {share} times the peak, {} ms at {}; a full house in turn takes {} ms",
                milliseconds(good.p99),
                milliseconds(below.seen.good().p99),
                below.share,
                milliseconds(full_house)
            ),
        );
        verdict.bar(
            refused.count > 0 && refused.p99 <= QUICK,
            format!(
                "{} refusals: p99 {} ms, at most {} ms",
                refused.count,
                milliseconds(refused.p99),
                milliseconds(QUICK)
            ),
        );
        verdict.bar(
            seen.other() == 0,
            format!("{} answers are neither 200 nor 503 with Retry-After, at most 0", seen.other()),
        );
        verdict.bar(
            mib - below.mib <= MOST_GROWTH_MIB,
            format!(
                "memory grew by {:.0} MiB from {} to {share} times the peak, at most {MOST_GROWTH_MIB}",
                mib - below.mib,
                below.share
            ),
        );
    }
    verdict
}
