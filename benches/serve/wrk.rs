//! Load by wrk: one thread, keep-alive connections, each sending its next request when the last was answered.
//!
//! Called by `main.rs` and `texts.rs`. Closed-loop: a slow answer delays the requests after it, so these latencies are
//! those of a server with so many callers, not of one with so many arrivals; `benches/load` measures that.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// What to send where.
pub(crate) struct Load<'a> {
    pub(crate) url: &'a str,
    /// Sent in turn.
    pub(crate) bodies: &'a [String],
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
}

/// What wrk saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_microseconds: f64,
    pub(crate) p99_microseconds: f64,
    /// Answers that are not 2xx or 3xx, and connections that broke.
    pub(crate) errors: u64,
}

/// Whether wrk is there.
///
/// # Errors
///
/// It is not, with the command that brings it.
pub(crate) fn check() -> anyhow::Result<()> {
    let found = Command::new("wrk").arg("--version").output();
    ensure!(found.is_ok(), "wrk is not installed\nhint: apt-get install wrk");
    Ok(())
}

/// Sends load for a while; `folder` takes the script and the bodies.
///
/// # Errors
///
/// wrk cannot be run or does not say what it saw.
pub(crate) fn run(load: &Load<'_>, folder: &Path) -> anyhow::Result<Seen> {
    let script = folder.join("wrk.lua");
    fs::write(&script, lua(load.bodies, folder)?)?;
    let output = Command::new("wrk")
        .args(["-t1", "--timeout", "10s"])
        .arg(format!("-c{}", load.connections))
        .arg(format!("-d{}s", load.seconds))
        .arg("-s")
        .arg(&script)
        .arg(load.url)
        .output()
        .context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse(&text)
        .with_context(|| format!("wrk says nothing: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

fn lua(bodies: &[String], folder: &Path) -> anyhow::Result<String> {
    let mut script = String::from("local requests, last = {}, 0\ninit = function(args)\n");
    script.push_str("  wrk.method = \"POST\"; wrk.headers[\"Content-Type\"] = \"application/json\"\n");
    for (index, body) in bodies.iter().enumerate() {
        let file = folder.join(format!("body-{index}.json"));
        fs::write(&file, body)?;
        // Formatted here once, so that a request costs the generator a look into a table.
        let path = file.display();
        writeln!(
            script,
            "  requests[{}] = wrk.format(nil, nil, nil, io.open(\"{path}\"):read(\"*a\"))",
            index + 1
        )?;
    }
    script.push_str("end\nrequest = function() last = last % #requests + 1; return requests[last] end\n");
    script.push_str(
        "done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(\"RESULT %d %.6f %.1f %.1f %d\\n\", summary.requests, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
",
    );
    Ok(script)
}

fn parse(text: &str) -> Option<Seen> {
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let mut words = line.split_whitespace();
    Some(Seen {
        requests: words.next()?.parse().ok()?,
        seconds: words.next()?.parse().ok()?,
        p50_microseconds: words.next()?.parse().ok()?,
        p99_microseconds: words.next()?.parse().ok()?,
        errors: words.next()?.parse().ok()?,
    })
}
