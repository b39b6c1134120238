//! A thousand clients at one time that send their bodies slowly: what the server holds for them, and whether it answers.
//!
//! The model is iris. Each client sends its request in as many parts as there are seconds, then waits for its answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::connection::{Connection, request};
use crate::generator::prioritised;
use crate::observations::{Observation, Observations};
use crate::server_process::Question;
use crate::table::{Style, Table};
use crate::verdict::Verdict;
use crate::{milliseconds, serve};

/// Issue 3's bar.
const MOST_MIB: f64 = 200.0;
/// How long a client waits for its answer.
const PATIENCE: Duration = Duration::from_secs(60);
const ROW: &str = "[51.0, 35.0, 14.0, 2.0]";

#[derive(Debug, clap::Args)]
pub(crate) struct Flags {
    /// Clients at one time; the server takes 1024 connections unless told otherwise
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Over which each sends its body
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    seconds: u32,
    /// Flowers in each body, 25 bytes each
    #[arg(long, default_value_t = 1000)]
    rows: usize,
}

/// # Errors
///
/// The server does not start, or takes fewer connections.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<Verdict> {
    more_descriptors(flags.clients as u64 * 2 + 100)?;
    let rows = vec![ROW; flags.rows].join(", ");
    let columns = "[\"sepal_length\", \"sepal_width\", \"petal_length\", \"petal_width\"]";
    let body = format!("{{\"dataframe_split\": {{\"columns\": {columns}, \"data\": [{rows}]}}}}");
    let question = Question { content_type: "application/json", body: body.as_bytes() };
    let server = serve("iris", &[], None, &question)?;
    let before = server.resident_mib();
    let request: Arc<[u8]> = request(question.content_type, question.body).into();
    let seen = prioritised(async || clients(server.port(), &request, flags).await)??;
    let (after, peak) = (server.resident_mib(), server.peak_mib());

    println!(
        "{} clients at one time, each sending {} KiB over {} s; times in ms from the last part sent",
        flags.clients,
        request.len() >> 10,
        flags.seconds
    );
    let (good, refused) = (seen.good(), seen.refused());
    let mut table = Table::new(&[
        "RSS before MiB",
        "peak MiB",
        "after MiB",
        "good",
        "p50",
        "p99",
        "503",
        "503 p99",
        "other",
    ]);
    table.push([
        format!("{before:.0}"),
        format!("{peak:.0}"),
        format!("{after:.0}"),
        good.count.to_string(),
        milliseconds(good.p50),
        milliseconds(good.p99),
        refused.count.to_string(),
        milliseconds(refused.p99),
        seen.other().to_string(),
    ]);
    println!("{}", table.write(Style::Text));
    let mut verdict = Verdict::default();
    verdict.bar(peak <= MOST_MIB, format!("peak RSS {peak:.0} MiB, at most {MOST_MIB:.0} MiB"));
    verdict.bar(seen.other() == 0, format!("{} clients got neither 200 nor 503, at most 0", seen.other()));
    Ok(verdict)
}

/// All clients at one time, from the first byte on.
async fn clients(port: u16, request: &Arc<[u8]>, flags: &Flags) -> anyhow::Result<Observations> {
    let together = Arc::new(Barrier::new(flags.clients));
    let mut clients = JoinSet::new();
    for number in 0..flags.clients {
        let (request, together) = (Arc::clone(request), Arc::clone(&together));
        let pause = Duration::from_secs(1);
        // Spread over the second, as clients that know nothing of one another are.
        let offset = pause.mul_f64(number as f64 / flags.clients as f64);
        let part = request.len().div_ceil(flags.seconds as usize);
        let connection = Connection::open(port).await?;
        clients.spawn(async move {
            together.wait().await;
            tokio::time::sleep(offset).await;
            slowly(connection, request.chunks(part), pause).await
        });
    }
    let duration = Duration::from_secs(flags.seconds.into());
    Ok(Observations { seen: clients.join_all().await, duration })
}

async fn slowly(
    mut connection: Connection,
    parts: impl ExactSizeIterator<Item = &[u8]>,
    pause: Duration,
) -> Observation {
    let last = parts.len().saturating_sub(1);
    for (index, part) in parts.enumerate() {
        // A server that has answered already may not want the rest; its answer says which.
        if connection.send(part).await.is_err() {
            break;
        }
        if index < last {
            tokio::time::sleep(pause).await;
        }
    }
    let sent = tokio::time::Instant::now();
    let head = tokio::time::timeout(PATIENCE, connection.receive()).await;
    Observation::new(Duration::ZERO, sent.elapsed(), head.ok().and_then(Result::ok))
}

/// Raises the bound on open files for this process and the servers it starts.
fn more_descriptors(wanted: u64) -> anyhow::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is alive for both calls.
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && {
            limit.rlim_cur = limit.rlim_max.min(limit.rlim_cur.max(wanted));
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0
        }
    };
    anyhow::ensure!(
        raised && limit.rlim_cur >= wanted,
        "this needs {wanted} open files, the system allows {}\nhint: ulimit -n",
        limit.rlim_cur
    );
    Ok(())
}
