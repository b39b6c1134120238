//! Requests to real MLflow servers and what their models got, replayed against the dialect.
//!
//! `tests/vectors/mlflow` holds what `mlflow models serve` 3.18 answered when its model described its own input, and in
//! `experiments.json` what MLflow 3.17 did in its own process, which the script beside it asked. For
//! each request mlhost must decode the same values of the same types, or refuse with the same status and error code;
//! where it does otherwise, `differences.rs` says so and why. Routes without a body are replayed over HTTP in
//! `tests/it`, the answers' spelling is compared in `answers.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod answers;
mod described;
mod differences;
mod python;

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use mlhost_wire::dialect::mlflow::{Compat, Envelope, Mlflow};
use mlhost_wire::dialect::{Decoded, Dialect, Interface, Request};
use mlhost_wire::signature::Signature;
use serde_json::Value as Json;

use crate::described::{described, expected, params};
use crate::differences::DIFFERENCES;
use crate::python::Python;

/// The captures that post a body, by file.
const CAPTURES: [&str; 13] = [
    "cols_optional",
    "cols_required",
    "complex",
    "double4",
    "experiments",
    "long2_unnamed",
    "nosig",
    "onestr",
    "out",
    "params",
    "tensor_named1",
    "tensor_named2",
    "tensor_unnamed",
];

/// How many requests with a body the captures hold, so that none is lost unseen.
const REQUESTS: usize = 315 + 718;

fn vectors(name: &str) -> Json {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/mlflow").join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // MLflow answers bare NaN and Infinity, which are no JSON.
    let text = text.replace(": NaN", ": \"NaN\"").replace("    NaN,", "    \"NaN\",");
    let text =
        text.replace("    Infinity,", "    \"Infinity\",").replace("    -Infinity\n", "    \"-Infinity\"\n");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The model's, by file, or the experiment's own.
fn interface(signature: &Json) -> Interface {
    let member = |key: &str| signature[key].as_str();
    let signature = Signature::from_mlmodel(member("inputs"), None, member("params")).expect("a signature");
    Interface { signature, raw_media_types: Vec::new() }
}

/// How mlhost's decoding differs from what was captured; `None` where it does not.
fn difference(vector: &Json, interface: &Interface, compat: Compat) -> Option<String> {
    let mlflow = Mlflow { compat };
    let body = match (&vector["body"], &vector["body_b64"]) {
        (Json::String(body), _) => body.clone().into_bytes(),
        (_, Json::String(body)) => base64::engine::general_purpose::STANDARD.decode(body).expect("base64"),
        _ => Vec::new(),
    };
    let request = Request { content_type: vector["content_type"].as_str(), body: &body };
    let status = vector["status"].as_u64().expect("a status");
    let response = &vector["resp"];
    let Decoded { call, envelope } = match mlflow.decode(request, interface) {
        Ok(decoded) => decoded,
        Err(fault) => {
            let answer = mlflow.refuse(&fault);
            let text = String::from_utf8(answer.body).expect("a refusal is text");
            let same = match answer.content_type.as_deref() {
                Some("application/json") => {
                    let refusal: Json = serde_json::from_str(&text).expect("a refusal is JSON");
                    refusal["error_code"] == response["error_code"]
                }
                plain => {
                    let captured = response.as_str().unwrap_or_default();
                    plain == vector["resp_type"].as_str() && captured.starts_with(&text)
                }
            };
            let same = same && u64::from(answer.status) == status;
            return (!same)
                .then(|| format!("refused with {}: {text}, captured {status} {response}", answer.status));
        }
    };
    if status != 200 {
        return Some(format!("decoded {:?}, captured {status} {response}", call.input));
    }
    let echo = match envelope {
        Envelope::Predictions => &response["predictions"],
        Envelope::Bare if response.get("predictions").is_some() => {
            return Some(format!("the answer stands by itself, captured {response}"));
        }
        Envelope::Bare => response,
    };
    if echo["input"].is_null() {
        // The model of this capture does not describe its input.
        return None;
    }
    let (got, wanted) = (described(&call), expected(&echo["input"]));
    if got != wanted {
        return Some(format!("decoded {got:?}, captured {wanted:?}"));
    }
    let wanted: BTreeMap<String, Python> = echo["params"].as_object().map_or_else(BTreeMap::new, |params| {
        params
            .iter()
            .map(|(name, value)| (name.clone(), Python::parse(value.as_str().expect("a text"))))
            .collect()
    });
    let got = params(&call);
    (got != Vec::from_iter(wanted.clone())).then(|| format!("parameters {got:?}, captured {wanted:?}"))
}

/// What became of the captured requests in one mode.
#[derive(Default)]
struct Totals {
    equal: usize,
    deliberate: usize,
    wrong: Vec<String>,
}

/// Replays every capture in one mode against the table of differences.
fn replay(compat: Compat) -> Totals {
    let mut listed: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for difference in DIFFERENCES.iter().filter(|difference| difference.modes.contains(&compat)) {
        for case in difference.cases {
            assert!(listed.insert(*case, difference.reason).is_none(), "{case:?} is listed twice");
        }
    }
    let signatures = vectors("signatures");
    let mut totals = Totals::default();
    for capture in CAPTURES {
        let of_file = interface(&signatures[capture]);
        for vector in vectors(capture).as_array().expect("a list") {
            if vector.get("content_type").is_none() {
                continue;
            }
            let name = vector["name"].as_str().expect("a name");
            let known = listed.keys().find(|(file, case)| *file == capture && *case == name).copied();
            let reason = known.and_then(|known| listed.remove(&known));
            let own = vector.get("signature").map(interface);
            match (difference(vector, own.as_ref().unwrap_or(&of_file), compat), reason) {
                (None, None) => totals.equal += 1,
                (Some(_), Some(_)) => totals.deliberate += 1,
                (Some(difference), None) => {
                    totals.wrong.push(format!("{capture}/{name}: {}\n  {difference}", vector["body"]));
                }
                (None, Some(reason)) => {
                    totals.wrong.push(format!("{capture}/{name} is listed and does not differ: {reason}"));
                }
            }
        }
    }
    assert!(listed.is_empty(), "listed and not captured: {listed:?}");
    totals
}

#[test]
fn every_captured_request_is_decoded_as_mlflow_does_or_listed() {
    let totals = Compat::ALL.map(|compat| (compat.name(), replay(compat)));
    for (mode, Totals { equal, deliberate, wrong }) in &totals {
        println!("{mode}: {equal} equal, {deliberate} different on purpose, {} wrong", wrong.len());
    }
    for (mode, Totals { equal, deliberate, wrong }) in totals {
        assert!(wrong.is_empty(), "{mode}: {}\n{}", wrong.len(), wrong.join("\n"));
        assert_eq!(equal + deliberate, REQUESTS, "{mode}");
    }
}
