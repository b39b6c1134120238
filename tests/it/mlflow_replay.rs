//! Everything that was captured from real MLflow servers, sent to real mlhost servers: status, type, code, prediction.
//!
//! `host/wire/tests/vectors/mlflow` has the requests and MLflow's answers; the model there described its input, and the
//! guest of `models/describe` does the same, so an answer shows how every value was cast. Where mlhost answers otherwise,
//! the table that this test shares with the dialect's own says so and why; `docs/mlflow-differences.md` is that table.

#[path = "../../host/wire/tests/mlflow_vectors/described.rs"]
#[allow(dead_code, reason = "what the dialect's test needs")]
mod described;
#[path = "../../host/wire/tests/mlflow_vectors/differences.rs"]
mod differences;
#[path = "../../host/wire/tests/mlflow_vectors/python.rs"]
mod python;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use mlhost_wire::dialect::mlflow::Compat;
use serde_json::{Value as Json, json};

use crate::running::{Answer, Running, models, root};
use described::expected;

use differences::{DIFFERENCES, Difference, OVER_HTTP};

/// How many requests the captures hold, so that none is lost unseen: of servers, and of experiments.
const REQUESTS: usize = 324 + 718;

/// The page that says where mlhost answers otherwise.
const PAGE: &str = "docs/mlflow-differences.md";

fn vectors() -> PathBuf {
    root().join("host/wire/tests/vectors/mlflow")
}

/// JSON as MLflow writes it, with bare `NaN` and `Infinity`, which become texts.
fn lenient(text: &str) -> Option<Json> {
    let (mut quoted, mut rest) = (String::new(), text);
    while let Some(character) = rest.chars().next() {
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| rest.starts_with(word));
        let length = match (word, character) {
            (Some(word), _) => {
                let _ = write!(quoted, "\"{word}\"");
                rest = &rest[word.len()..];
                continue;
            }
            (None, '"') => string_length(rest)?,
            (None, _) => character.len_utf8(),
        };
        quoted.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    serde_json::from_str(&quoted).ok()
}

/// How long the JSON string is that `text` begins with.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return Some(at + 1),
            b'\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    None
}

fn read(name: &str) -> Json {
    let path = vectors().join(name).with_extension("json");
    lenient(&fs::read_to_string(path).unwrap()).unwrap_or_else(|| panic!("{name} is no JSON"))
}

/// A bundle of the describing guest with a capture's signature.
fn bundle(folder: &Path, signature: &Json) {
    fs::copy(models().join("describe/component.wasm"), folder.join("component.wasm")).unwrap();
    let mut model =
        json!({"flavors": {"mlhost": {"component": "component.wasm"}}, "mlflow_version": "3.17.2"});
    if !signature.is_null() {
        model["signature"] = signature.clone();
    }
    // JSON is YAML.
    fs::write(folder.join("MLmodel"), model.to_string()).unwrap();
}

fn send(server: &Running, vector: &Json) -> Answer {
    let name = vector["name"].as_str().unwrap();
    if vector.get("content_type").is_none() {
        let (method, path) = name.split_once(' ').unwrap();
        return server.request(method, path);
    }
    let body = match (&vector["body"], &vector["body_b64"]) {
        (Json::String(body), _) => body.clone().into_bytes(),
        (_, Json::String(body)) => base64::engine::general_purpose::STANDARD.decode(body).unwrap(),
        _ => Vec::new(),
    };
    server.post("/invocations", vector["content_type"].as_str(), &body)
}

/// What is compared of an answer: status, type, and what the body says to a client.
fn difference(vector: &Json, answer: &Answer) -> Option<String> {
    let wanted_headers = &vector["headers"];
    let wanted_type = vector["resp_type"].as_str().or(wanted_headers["content-type"].as_str());
    let wanted = (vector["status"].as_u64().unwrap(), wanted_type.map(str::to_owned));
    let got = (u64::from(answer.status), answer.header("content-type").map(str::to_owned));
    let tell = || Some(format!("answered {got:?} {}\n  captured {wanted:?} {}", answer.body, vector["resp"]));
    if got != wanted {
        return tell();
    }
    for name in ["allow", "location"] {
        // The captured server's own address is in front of where it leads.
        let path = |text: &str| text.replacen("http://127.0.0.1:7302", "", 1);
        let got = answer.header(name).filter(|_| wanted_headers.is_object());
        if wanted_headers[name].as_str().map(path).as_deref() != got {
            return tell();
        }
    }
    let (Some(body), wanted) = (lenient(&answer.body), &vector["resp"]) else {
        return (vector["resp"] != answer.body.as_str()).then(tell).flatten();
    };
    let same = match (wanted.as_str(), answer.status) {
        (Some(text), _) => text == answer.body,
        (None, 200) => same_prediction(&body, wanted),
        (None, _) => body["error_code"] == wanted["error_code"],
    };
    if same { None } else { tell() }
}

fn same_prediction(got: &Json, wanted: &Json) -> bool {
    let wrapped = wanted.get("predictions").is_some();
    if wrapped != got.get("predictions").is_some() {
        return false;
    }
    let (got, wanted) = if wrapped { (&got["predictions"], &wanted["predictions"]) } else { (got, wanted) };
    if wanted["input"].is_null() {
        return got == wanted;
    }
    if got["input"].is_null() || expected(&got["input"]) != expected(&wanted["input"]) {
        return false;
    }
    // MLflow hands over none at all or no ones, as the request was written; to a guest both are none.
    let params = |json: &Json| -> BTreeMap<String, String> {
        let params = json["params"].as_object().into_iter().flatten();
        params.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    };
    let (got, wanted) = (params(got), params(wanted));
    got.len() == wanted.len()
        && got.iter().zip(&wanted).all(|((name, got), (known, wanted))| {
            name == known && python::Python::parse(got) == python::Python::parse(wanted)
        })
}

/// What became of the captured requests in one mode.
#[derive(Default)]
struct Totals {
    equal: usize,
    deliberate: usize,
    wrong: Vec<String>,
}

/// The captures' requests by the signature of the model that was asked: capture, and request with MLflow's answer.
fn by_signature() -> BTreeMap<String, Vec<(String, Json)>> {
    let mut requests: BTreeMap<String, Vec<(String, Json)>> = BTreeMap::new();
    let signatures = read("signatures");
    let captures = signatures.as_object().unwrap().keys().map(String::as_str);
    for capture in captures.chain(["experiments"]) {
        for vector in read(capture).as_array().unwrap() {
            // An experiment has a signature of its own.
            let signature = vector.get("signature").unwrap_or(&signatures[capture]).to_string();
            requests.entry(signature).or_default().push((capture.to_owned(), vector.clone()));
        }
    }
    requests
}

/// Sends every capture in one mode.
fn replay(mode: Compat) -> Totals {
    let mut listed: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for difference in DIFFERENCES.iter().chain(OVER_HTTP).filter(|it| it.modes.contains(&mode)) {
        for case in difference.cases {
            assert!(listed.insert(*case, difference.reason).is_none(), "{case:?} is listed twice");
        }
    }
    let mut totals = Totals::default();
    for (signature, vectors) in by_signature() {
        let folder = tempfile::tempdir().unwrap();
        bundle(folder.path(), &serde_json::from_str(&signature).unwrap());
        let server = Running::start(&["-m", folder.path().to_str().unwrap(), "--mlflow-compat", mode.name()]);
        for (capture, vector) in &vectors {
            let name = vector["name"].as_str().unwrap();
            let known = listed.keys().find(|(file, case)| file == capture && *case == name).copied();
            let reason = known.and_then(|known| listed.remove(&known));
            match (difference(vector, &send(&server, vector)), reason) {
                (None, None) => totals.equal += 1,
                (Some(_), Some(_)) => totals.deliberate += 1,
                (Some(how), None) => {
                    totals.wrong.push(format!("{capture}/{name}: {}\n  {how}", vector["body"]));
                }
                (None, Some(reason)) => {
                    totals.wrong.push(format!("{capture}/{name} is listed and does not differ: {reason}"));
                }
            }
        }
    }
    totals.wrong.extend(listed.keys().map(|case| format!("listed and not captured: {case:?}")));
    totals
}

#[test]
fn every_captured_request_is_answered_as_mlflow_did_or_listed() {
    for mode in Compat::ALL {
        let Totals { equal, deliberate, wrong } = replay(mode);
        let name = mode.name();
        println!("{name}: {equal} equal, {deliberate} different on purpose, {} wrong", wrong.len());
        assert!(wrong.is_empty(), "{name}: {}\n{}", wrong.len(), wrong.join("\n"));
        assert_eq!(equal + deliberate, REQUESTS, "{name}");
    }
}

/// The page as the table has it.
fn page() -> String {
    let mut page = String::from(include_str!("mlflow_differences_head.md"));
    let mut section = |title: &str, differences: &[Difference]| {
        let _ = write!(page, "\n## {title}\n\n| difference | modes | captured cases |\n|---|---|---|\n");
        for Difference { reason, modes, cases } in differences {
            let cases: Vec<String> = cases
                .iter()
                .map(|(capture, case)| format!("`{capture}/{}`", case.replace('|', "\\|")))
                .collect();
            let cases = if cases.is_empty() { "-".to_owned() } else { cases.join(", ") };
            let modes: Vec<&str> = modes.iter().map(|mode| mode.name()).collect();
            let _ = writeln!(page, "| {} | {} | {cases} |", reason.replace('|', "\\|"), modes.join(", "));
        }
    };
    section("What a request becomes", DIFFERENCES);
    section("What is answered", OVER_HTTP);
    page
}

#[test]
fn the_page_of_differences_is_the_table() {
    let path = root().join(PAGE);
    let page = page();
    if std::env::var_os("MLHOST_WRITE_PAGES").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "{PAGE} is not the table\nhint: MLHOST_WRITE_PAGES=1 writes it anew");
}
