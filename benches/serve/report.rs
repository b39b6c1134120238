//! What was measured, and how it is printed: a line for each server and load, what each server costs, the ratios.
//!
//! Filled by `main.rs`. A figure is the median of its rounds. A ratio is taken in each round, between runs that were
//! right after one another, and then its median: machines are noisy, ratios less so.

use std::ops::Range;

use serde_json::{Value, json};

use crate::table::{Style, Table};

/// One run of load on one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) requests_per_second: f64,
    pub(crate) p50_microseconds: f64,
    pub(crate) p99_microseconds: f64,
    pub(crate) cpu_microseconds: f64,
    pub(crate) errors: u64,
}

/// All rounds of one load on one server.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) server: String,
    /// Of one request: so many flowers, or a text.
    pub(crate) content: String,
    pub(crate) connections: u32,
    pub(crate) rounds: Vec<Round>,
}

/// What a server costs whatever the load.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) server: String,
    /// After its first answer.
    pub(crate) idle_mib: f64,
    /// At the end of the run.
    pub(crate) peak_mib: f64,
    /// From the start of the process to the first good answer, in milliseconds; several starts.
    pub(crate) starts: Vec<f64>,
}

/// Two servers that are compared.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) over: String,
    pub(crate) under: String,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) command: String,
    /// What is missing from the tables, loudly.
    pub(crate) missing: Vec<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) costs: Vec<Cost>,
    pub(crate) pairs: Vec<Pair>,
}

type Figure = fn(&Round) -> f64;

/// What ratios are taken of, and what they are called.
const COMPARED: [(&str, Figure); 3] = [
    ("requests/s", |round| round.requests_per_second),
    ("p50", |round| round.p50_microseconds),
    ("CPU", |round| round.cpu_microseconds),
];

/// The median; of an even number the lower middle, so that it is a figure that was measured.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

fn spread(figures: &[f64]) -> Range<f64> {
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    least..figures.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

// === impl Line ===

impl Line {
    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure))
    }

    fn errors(&self) -> u64 {
        self.rounds.iter().map(|round| round.errors).sum()
    }
}

// === impl Report ===

impl Report {
    pub(crate) fn write(&self, style: Style) -> String {
        let mut text = format!("{}\n`{}`\n\n{}", self.machine, self.command, self.loads().write(style));
        for table in [self.costs(), self.ratios()] {
            if !table.is_empty() {
                text.push_str(&format!("\n{}", table.write(style)));
            }
        }
        for missing in &self.missing {
            text.push_str(&format!("\n!!! {missing}\n"));
        }
        text
    }

    fn loads(&self) -> Table {
        let mut table = Table::new(&[
            "server",
            "request",
            "connections",
            "requests/s",
            "p50 us",
            "p99 us",
            "CPU us/request",
            "errors",
        ]);
        for line in &self.lines {
            table.push([
                line.server.clone(),
                line.content.clone(),
                line.connections.to_string(),
                format!("{:.0}", line.median(|round| round.requests_per_second)),
                format!("{:.0}", line.median(|round| round.p50_microseconds)),
                format!("{:.0}", line.median(|round| round.p99_microseconds)),
                format!("{:.1}", line.median(|round| round.cpu_microseconds)),
                line.errors().to_string(),
            ]);
        }
        table
    }

    fn costs(&self) -> Table {
        let mut table =
            Table::new(&["server", "RSS idle MiB", "RSS peak MiB", "cold start ms", "least..most"]);
        for cost in &self.costs {
            let spread = spread(&cost.starts);
            table.push([
                cost.server.clone(),
                format!("{:.0}", cost.idle_mib),
                format!("{:.0}", cost.peak_mib),
                format!("{:.0}", median(cost.starts.iter().copied())),
                format!("{:.0}..{:.0}", spread.start, spread.end),
            ]);
        }
        table
    }

    fn ratios(&self) -> Table {
        let mut table =
            Table::new(&["ratio", "request", "connections", "requests/s", "p50", "CPU", "CPU least..most"]);
        for (pair, over, under) in self.compared() {
            let [rate, p50, cpu] = COMPARED.map(|(_, figure)| ratios(over, under, figure));
            let spread = spread(&cpu);
            table.push([
                format!("{} / {}", pair.over, pair.under),
                over.content.clone(),
                over.connections.to_string(),
                format!("{:.2}", median(rate)),
                format!("{:.2}", median(p50)),
                format!("{:.2}", median(cpu)),
                format!("{:.2}..{:.2}", spread.start, spread.end),
            ]);
        }
        table
    }

    /// Every pair under every load that both had.
    fn compared(&self) -> impl Iterator<Item = (&Pair, &Line, &Line)> {
        self.pairs.iter().flat_map(move |pair| {
            let over = self.lines.iter().filter(|line| line.server == pair.over);
            over.filter_map(move |over| {
                let same = |line: &&Line| {
                    line.server == pair.under
                        && line.content == over.content
                        && line.connections == over.connections
                };
                Some((pair, over, self.lines.iter().find(same)?))
            })
        })
    }

    /// Every round of everything, for whoever wants to look closer.
    pub(crate) fn json(&self) -> Value {
        let round = |round: &Round| {
            json!({
                "requests_per_second": round.requests_per_second,
                "p50_microseconds": round.p50_microseconds,
                "p99_microseconds": round.p99_microseconds,
                "cpu_microseconds": round.cpu_microseconds,
                "errors": round.errors,
            })
        };
        let lines = self.lines.iter().map(|line| {
            json!({
                "server": line.server,
                "request": line.content,
                "connections": line.connections,
                "rounds": line.rounds.iter().map(round).collect::<Vec<_>>(),
            })
        });
        let costs = self.costs.iter().map(|cost| {
            json!({
                "server": cost.server,
                "idle_mib": cost.idle_mib,
                "peak_mib": cost.peak_mib,
                "cold_start_milliseconds": cost.starts,
            })
        });
        let ratios = self.compared().map(|(pair, over, under)| {
            let mut ratio = json!({
                "over": pair.over, "under": pair.under, "request": over.content, "connections": over.connections,
            });
            for (name, figure) in COMPARED {
                ratio[name] = json!(ratios(over, under, figure));
            }
            ratio
        });
        json!({
            "machine": self.machine,
            "command": self.command,
            "missing": self.missing,
            "loads": lines.collect::<Vec<_>>(),
            "costs": costs.collect::<Vec<_>>(),
            "ratios": ratios.collect::<Vec<_>>(),
        })
    }
}

/// One ratio a round.
fn ratios(over: &Line, under: &Line, figure: Figure) -> Vec<f64> {
    over.rounds.iter().zip(&under.rounds).map(|(over, under)| figure(over) / figure(under)).collect()
}
