//! A repository made for a test, a server of it, and what is asked of that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::running::{Answer, Running, mlhost, models};

pub(super) const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A repository.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    /// The sample iris as `model/version`, or wherever below. It appears in one step, as a careful deployment has it.
    pub(super) fn add(&self, below: &str) {
        self.add_with(below, "setosa\nversicolor\nvirginica\n");
    }

    /// The same, naming species otherwise.
    pub(super) fn add_with(&self, below: &str, labels: &str) {
        let (new, path) = (self.path(".new"), self.path(below));
        fs::create_dir(&new).unwrap();
        for file in ["MLmodel", "component.wasm", "iris.onnx"] {
            fs::copy(models().join("iris").join(file), new.join(file)).unwrap();
        }
        fs::write(new.join("labels.txt"), labels).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::rename(new, path).unwrap();
    }

    pub(super) fn write(&self, below: &str, text: &str) {
        fs::create_dir_all(self.path(below).parent().unwrap()).unwrap();
        fs::write(self.path(below), text).unwrap();
    }

    pub(super) fn remove(&self, below: &str) {
        fs::remove_dir_all(self.path(below)).unwrap();
    }

    fn root(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub(super) fn serve(&self, flags: &[&str]) -> Running {
        Running::start(&[&["--repository", self.root(), "--admin-address", "0"], flags].concat())
    }

    /// What `serve` says where it does not start.
    pub(super) fn fails(&self, flags: &[&str]) -> String {
        let Output { status, stderr, .. } =
            mlhost().args(["serve", "-p", "0", "--repository", self.root()]).args(flags).output().unwrap();
        assert_eq!(status.code(), Some(1), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stderr).unwrap()
    }

    /// What a model's files have.
    pub(super) fn bytes(&self, below: &str) -> u64 {
        bytes(&self.path(below))
    }
}

fn bytes(path: &Path) -> u64 {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { bytes(&path) } else { fs::metadata(path).unwrap().len() }).sum()
}

/// One flower, in V2's words.
pub(super) fn flower() -> Vec<u8> {
    let column =
        |(name, value): (&str, u32)| json!({"name": name, "shape": [1], "datatype": "FP64", "data": [value]});
    let values = [("sepal_length", 51), ("sepal_width", 35), ("petal_length", 14), ("petal_width", 2)];
    json!({ "inputs": values.map(column) }).to_string().into_bytes()
}

/// `model` or `model/versions/version` is asked.
pub(super) fn infer(server: &Running, model: &str, headers: &[(&str, &str)]) -> Answer {
    server.send("POST", &format!("/v2/models/{model}/infer"), &[&[JSON], headers].concat(), &flower())
}

/// The version that answers.
pub(super) fn answers(server: &Running, model: &str, headers: &[(&str, &str)]) -> String {
    let answer = infer(server, model, headers);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["model_version"].as_str().unwrap().to_owned()
}

pub(super) fn status_of(server: &Running, model: &str) -> u16 {
    infer(server, model, &[]).status
}

/// `name/version state`, in the order of the index.
pub(super) fn index(server: &Running) -> Vec<String> {
    let answer = server.send("POST", "/v2/repository/index", &[JSON], b"{}");
    assert_eq!(answer.status, 200, "{answer:?}");
    let entry = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        format!("{}/{} {}", text("name"), text("version"), text("state"))
    };
    answer.json().as_array().unwrap().iter().map(entry).collect()
}

/// Why the first version of `model` that has a reason is not ready.
pub(super) fn reason(server: &Running, model: &str) -> String {
    let answer = server.send("POST", "/v2/repository/index", &[JSON], b"{}").json();
    let entries = answer.as_array().unwrap().clone();
    let reason =
        entries.iter().filter(|entry| entry["name"] == model).find_map(|entry| entry["reason"].as_str());
    reason.unwrap_or_default().to_owned()
}

pub(super) fn wait_until(server: &Running, what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < deadline, "never {what}: {:?}", index(server));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The value of a metric, as it is written before it.
pub(super) fn metric(server: &Running, name: &str) -> f64 {
    metric_if_any(server, name).unwrap_or_else(|| panic!("there is no `{name}`"))
}

/// The same of one that may not be there yet.
pub(super) fn metric_if_any(server: &Running, name: &str) -> Option<f64> {
    let text = server.admin("GET", "/metrics", &[], b"").body;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}
