//! Everything that was captured from a real Triton over REST, sent to real mlhost servers with models that do the same.
//!
//! `tests/fixtures/oip` has the requests with Triton's answers, and the models. Where mlhost answers otherwise the table of
//! `oip_differences.rs` says so and why; `docs/oip-differences.md` is that table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::oip_differences::{DIFFERENCES, Difference, OTHER_PROTOCOLS};
use crate::running::{RawAnswer, Running, root};

/// How many requests the capture holds, so that none is lost unseen.
const REQUESTS: usize = 134;

/// The page that says where mlhost answers otherwise.
const PAGE: &str = "docs/oip-differences.md";

const HEADER_LENGTH: &str = "inference-header-content-length";

fn fixtures() -> PathBuf {
    root().join("tests/fixtures/oip")
}

/// The servers of the captured models: `iris` and, for each datatype, one of `types`; and a repository of both, as Triton had it,
/// whose models clients may load and unload.
struct Servers {
    running: BTreeMap<String, Running>,
    repository: Running,
    /// Where it is.
    _folder: TempDir,
}

// === impl Servers ===

impl Servers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (model, graph) in [("iris", "iris.onnx"), ("types", "types/fp32.onnx")] {
            // As Triton wants it.
            let version = folder.path().join(model).join("1");
            fs::create_dir_all(&version).unwrap();
            fs::copy(fixtures().join(graph), version.join("model.onnx")).unwrap();
        }
        let path = folder.path().to_str().unwrap();
        let flags = ["--model-repository", path, "--model-control-mode", "explicit", "--load-model", "*"];
        Self { running: BTreeMap::new(), repository: Running::start(&flags), _folder: folder }
    }

    /// The server that a captured request is for.
    fn of(&mut self, case: &Json) -> &Running {
        if case["path"].as_str().unwrap().starts_with("/v2/repository/") || case["name"] == "ready_unloaded" {
            return &self.repository;
        }
        let body = case["req"].as_str().unwrap_or_default();
        let datatype = body.split_once("\"name\": \"i_").and_then(|(_, rest)| rest.split_once('"'));
        let (model, graph) = match datatype {
            Some((datatype, _)) => ("types", format!("types/{datatype}.onnx")),
            None => ("iris", "iris.onnx".to_owned()),
        };
        self.running.entry(graph.clone()).or_insert_with(|| {
            let path = fixtures().join(&graph);
            Running::start(&["--model", &format!("{model}={}", path.display())])
        })
    }
}

/// The bytes that the capture has as a text: what was no UTF-8 is spelled `\xff` there.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.extend_from_slice(b"\\x");
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn send(server: &Running, case: &Json) -> RawAnswer {
    let text = |key: &str| case[key].as_str().unwrap();
    let headers: Vec<(String, String)> = match case["req_headers"].as_object() {
        Some(headers) => {
            headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
        }
        None => vec![("Content-Type".to_owned(), "application/json".to_owned())],
    };
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = match text("name") {
        // Longer than the capture keeps.
        "over_max_batch" => Some(
            json!({"inputs": [{"name": "X", "shape": [2000, 4], "datatype": "FP32", "data": vec![1.0; 8000]}]})
                .to_string()
                .into_bytes(),
        ),
        _ => case["req"].as_str().map(bytes),
    };
    server.ask(text("method"), text("path"), &headers, body.as_deref())
}

/// A captured or a real answer, as far as it is compared.
#[derive(Debug, PartialEq)]
enum Said {
    Nothing,
    Error,
    Text(String),
    Json(Json),
    /// JSON, and binary outputs behind it.
    Binary(Json, Vec<u8>),
}

fn said(status: u64, header_length: Option<&str>, body: &[u8]) -> Said {
    if let Some(length) = header_length {
        let (json, tail) = body.split_at(length.parse().unwrap());
        return Said::Binary(serde_json::from_slice(json).unwrap(), tail.to_vec());
    }
    match serde_json::from_slice::<Json>(body) {
        _ if body.is_empty() => Said::Nothing,
        Ok(json) if status >= 400 && json["error"].is_string() => Said::Error,
        Ok(json) => Said::Json(json),
        Err(_) => Said::Text(String::from_utf8_lossy(body).into_owned()),
    }
}

/// How the answer differs from the captured one.
fn difference(case: &Json, answer: &RawAnswer) -> Option<String> {
    let status = case["status"].as_u64().unwrap();
    let captured = match &case["resp"] {
        Json::String(text) => said(status, case["headers"][HEADER_LENGTH].as_str(), &bytes(text)),
        json => said(status, None, json.to_string().as_bytes()),
    };
    let real = said(u64::from(answer.status), answer.header(HEADER_LENGTH), &answer.body);
    let path = case["path"].as_str().unwrap();
    let same = u64::from(answer.status) == status
        && match (&captured, &real) {
            // The status says it all.
            (Said::Nothing, _) => true,
            (Said::Json(captured), Said::Json(real)) if path.ends_with("/stats") => same_keys(captured, real),
            (Said::Json(captured), Said::Json(real)) => same(captured, real),
            (Said::Binary(captured, wanted), Said::Binary(real, found)) => {
                same(captured, real) && same_tails(captured, wanted, found)
            }
            (captured, real) => captured == real,
        };
    if same {
        None
    } else {
        Some(format!("answered {} {real:?}\n  captured {status} {captured:?}", answer.status))
    }
}

/// Whether two values are the same, floats to five digits. What serves a model (`platform`) is each server's own.
fn same(captured: &Json, real: &Json) -> bool {
    match (captured, real) {
        (Json::Object(captured), Json::Object(real)) => {
            captured.len() == real.len()
                && captured.iter().all(|(key, captured)| {
                    key == "platform" || real.get(key).is_some_and(|real| same(captured, real))
                })
        }
        (Json::Array(captured), Json::Array(real)) => {
            captured.len() == real.len()
                && captured.iter().zip(real).all(|(captured, real)| same(captured, real))
        }
        (Json::Number(wanted), Json::Number(found)) if wanted.is_f64() || found.is_f64() => {
            let (wanted, found) = (wanted.as_f64().unwrap(), found.as_f64().unwrap());
            // A float32 is written as short as it can be, where Triton writes its double.
            close(wanted, found) || wanted as f32 == found as f32
        }
        (captured, real) => captured == real,
    }
}

fn close(wanted: f64, found: f64) -> bool {
    (wanted - found).abs() <= 1e-5 * wanted.abs().max(found.abs())
}

/// Binary outputs one by one: floats to five digits, all others bit by bit.
fn same_tails(header: &Json, wanted: &[u8], found: &[u8]) -> bool {
    let mut at = 0;
    let fits = header["outputs"].as_array().unwrap().iter().all(|output| {
        let size = usize::try_from(output["parameters"]["binary_data_size"].as_u64().unwrap()).unwrap();
        let (Some(wanted), Some(found)) = (wanted.get(at..at + size), found.get(at..at + size)) else {
            return false;
        };
        at += size;
        match output["datatype"].as_str().unwrap() {
            "FP32" => wanted.as_chunks().0.iter().zip(found.as_chunks().0).all(|(wanted, found)| {
                close(f32::from_le_bytes(*wanted).into(), f32::from_le_bytes(*found).into())
            }),
            _ => wanted == found,
        }
    });
    fits && at == wanted.len() && at == found.len()
}

/// Whether everything that the captured statistics say is said here, too; numbers and how many there are differ.
fn same_keys(captured: &Json, real: &Json) -> bool {
    match (captured, real) {
        (Json::Object(captured), Json::Object(real)) => {
            captured.iter().all(|(key, captured)| real.get(key).is_some_and(|real| same_keys(captured, real)))
        }
        (Json::Array(captured), Json::Array(real)) => match (captured.first(), real.first()) {
            (Some(captured), Some(real)) => same_keys(captured, real),
            _ => true,
        },
        (captured, real) => std::mem::discriminant(captured) == std::mem::discriminant(real),
    }
}

#[test]
fn every_captured_request_is_answered_as_triton_did_or_listed() {
    let text = fs::read_to_string(fixtures().join("triton.json")).unwrap();
    // The bare NaN of an answer, each on a line of its own, are what no answer here has.
    let line = |line: &str| match line.trim() {
        "NaN" => "\"NaN\"\n".to_owned(),
        "NaN," => "\"NaN\",\n".to_owned(),
        _ => format!("{line}\n"),
    };
    let cases: Vec<Json> = serde_json::from_str(&text.lines().map(line).collect::<String>()).unwrap();
    let mut listed: BTreeMap<&str, &str> = BTreeMap::new();
    for Difference { reason, cases } in DIFFERENCES {
        for case in *cases {
            assert!(listed.insert(case, reason).is_none(), "{case} is listed twice");
        }
    }
    let mut servers = Servers::new();
    let (mut equal, mut deliberate, mut others) = (0, 0, 0);
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        if OTHER_PROTOCOLS.contains(&name) {
            others += 1;
            continue;
        }
        let answer = send(servers.of(case), case);
        match (difference(case, &answer), listed.remove(name)) {
            (None, None) => equal += 1,
            (Some(_), Some(_)) => deliberate += 1,
            (Some(how), None) => wrong.push(format!("{name}: {}\n  {how}", case["req"])),
            (None, Some(reason)) => wrong.push(format!("{name} is listed and does not differ: {reason}")),
        }
        assert!(answer.status < 500, "{name}: {answer:?}");
    }
    wrong.extend(listed.keys().map(|case| format!("listed and not captured: {case}")));
    println!(
        "{equal} equal, {deliberate} different on purpose, {others} of other protocols, {} wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(equal + deliberate + others, REQUESTS);
    assert_eq!(others, OTHER_PROTOCOLS.len());
}

/// The page as the table has it.
fn page() -> String {
    let mut page = String::from(include_str!("oip_differences_head.md"));
    let _ = write!(page, "\n| difference | captured requests |\n|---|---|\n");
    let list = |cases: &[&str]| {
        let cases: Vec<String> = cases.iter().map(|case| format!("`{case}`")).collect();
        cases.join(", ")
    };
    for Difference { reason, cases } in DIFFERENCES {
        let _ = writeln!(page, "| {reason} | {} |", list(cases));
    }
    let _ = write!(
        page,
        "\nThe capture also holds requests of other protocols, which Triton answers on ports or in modes of their own. What they are \
         answered here is not V2's to say: {}.\n",
        list(OTHER_PROTOCOLS)
    );
    page
}

#[test]
fn the_page_of_v2_differences_is_the_table() {
    let path = root().join(PAGE);
    let page = page();
    if std::env::var_os("MLHOST_WRITE_PAGES").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "{PAGE} is not the table\nhint: MLHOST_WRITE_PAGES=1 writes it anew");
}
