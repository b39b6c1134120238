//! `docs/routes.md` is the table of routes that servers are made from, and each of its tests exists.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use mlhost::serve::table::{Line, lines};

use crate::dependencies::{has_test, rust_sources};
use crate::running::root;

const PAGE: &str = "docs/routes.md";

const HEAD: &str = "# Routes\n\nEvery route over HTTP, what it does, and the test that holds it. Which of them a server has is \
                    decided by its platform and by `--protocols`: [platforms.md](platforms.md). Written from the table that \
                    servers are made from by `MLHOST_WRITE_PAGES=1 cargo test --test it routes_page`.\n\nA `GET` route is \
                    asked with `HEAD`, too. A path that ends in a slash and has no route leads to the one without it. What \
                    there is no route for is answered 404, another method 405 with `Allow`, both in the words of the \
                    protocol that the path belongs to.\n";

fn page() -> String {
    let mut page = String::from(HEAD);
    let lines = lines();
    let mut protocols: Vec<&str> = Vec::new();
    for line in &lines {
        if !protocols.contains(&line.protocol) {
            protocols.push(line.protocol);
        }
    }
    protocols.sort_by_key(|protocol| *protocol != "mlflow");
    for protocol in protocols {
        let _ = write!(page, "\n## {protocol}\n\n| route | what it does | held by |\n|---|---|---|\n");
        for Line { method, path, summary, test, .. } in lines.iter().filter(|line| line.protocol == protocol)
        {
            let _ = writeln!(page, "| `{method} {path}` | {summary} | `{test}` |");
        }
    }
    page
}

#[test]
fn every_route_names_a_test_that_exists() {
    let lines = lines();
    assert!(lines.len() > 30, "{}: routes are missing", lines.len());
    let sources = rust_sources();
    let silent: Vec<&Line> =
        lines.iter().filter(|line| line.summary.is_empty() || line.test.is_empty()).collect();
    assert!(silent.is_empty(), "without a summary or a test: {silent:#?}");
    let named: BTreeSet<&str> = lines.iter().map(|line| line.test).collect();
    let missing: Vec<_> =
        named.into_iter().filter(|name| !sources.iter().any(|(_, text)| has_test(text, name))).collect();
    assert!(missing.is_empty(), "the routes name tests that do not exist: {missing:#?}");
}

#[test]
fn the_page_of_routes_is_the_table() {
    let path = root().join(PAGE);
    let page = page();
    if std::env::var_os("MLHOST_WRITE_PAGES").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "{PAGE} is not the table\nhint: MLHOST_WRITE_PAGES=1 writes it anew");
}
