//! The metrics' page, the dashboard and the alert rules: each names what a server has, and nothing else.
//!
//! `MLHOST_WRITE_PAGES=1 cargo test -p mlhost --test it observability::pages` writes the page.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use mlhost::observe::metrics::catalogue::METRICS;
use serde_json::Value;

use super::FLOWERS;
use super::exposition::Exposition;
use crate::running::{Running, root};

/// The page with every metric.
const PAGE: &str = "docs/metrics.md";

/// What only a model with a shadow has series of.
const OF_SHADOWS: &str = "mlhost_shadow_comparisons_total";

/// The names that Prometheus knows, with those of a histogram's parts.
fn known() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for metric in METRICS {
        let name = metric.full_name();
        if metric.kind_name() == "histogram" {
            known.extend(["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")));
        }
        known.insert(name);
    }
    known
}

/// Every name in `text` that could be one of ours.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| word.starts_with("mlhost_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\nWhat `GET /metrics` of the admin port (`--admin-address`, [observability](observability.md)) has. This page is the \
         code's own list\n(`host/src/observe/metrics/catalogue.rs`), and a test holds a running server against it: a name that changes \
         breaks dashboards.\n\n| metric | kind | labels | what |\n|---|---|---|---|\n",
    );
    for metric in METRICS {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            metric.full_name(),
            metric.kind_name(),
            labels.join(", "),
            metric.help
        );
    }
    page
}

#[test]
fn a_server_has_the_metrics_of_the_page_and_no_others() {
    let server = Running::sample("iris", &["--admin-address", "0"]);
    assert_eq!(server.invoke(FLOWERS).status, 200);
    let text = server.admin("GET", "/metrics", &[], b"").body;
    let found = Exposition::parse(&text);
    let listed: BTreeSet<_> =
        METRICS.iter().map(mlhost::observe::metrics::catalogue::Metric::full_name).collect();
    assert_eq!(found.families.keys().cloned().collect::<BTreeSet<_>>(), listed);
    for metric in METRICS {
        let name = metric.full_name();
        let (kind, help) = &found.families[&name];
        assert_eq!((kind.as_str(), help.as_str()), (metric.kind_name(), metric.help), "{name}");
        let mut labels: BTreeSet<_> = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        if name == OF_SHADOWS {
            labels.clear();
        }
        assert_eq!(found.labels(&name), labels, "{name}");
    }
}

#[test]
fn the_page_of_metrics_is_the_list() {
    let path = root().join(PAGE);
    if std::env::var_os("MLHOST_WRITE_PAGES").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page(), "{PAGE} is not the list; MLHOST_WRITE_PAGES=1 writes it");
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_metrics_that_there_are() {
    let dashboard = fs::read_to_string(root().join("deploy/grafana/mlhost.json")).unwrap();
    let parsed: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = parsed["panels"].as_array().unwrap();
    let asked = |panel: &Value| panel["targets"].as_array().map_or(0, Vec::len);
    assert!(
        panels.iter().all(|panel| panel["type"] == "row" || asked(panel) > 0),
        "a panel that asks nothing"
    );
    let alerts = fs::read_to_string(root().join("deploy/prometheus/alerts.yaml")).unwrap();
    let rules: Value = serde_saphyr::from_str(&alerts).unwrap();
    let rules =
        rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    for rule in rules.clone() {
        let said = |key: &str| rule["annotations"][key].as_str().is_some_and(|text| !text.is_empty());
        assert!(rule["alert"].is_string() && rule["expr"].is_string() && said("summary"), "{rule}");
    }
    assert!(rules.count() >= 8, "too few rules");
    let known = known();
    for (file, text) in [("dashboard", &dashboard), ("alerts", &alerts)] {
        let named = named(text);
        assert!(named.len() > 5, "{file} asks for {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
}
