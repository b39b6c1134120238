//! Another version of the model takes over while requests run: none fails, and what cannot be served is refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::running::{Running, models};

const FLOWERS: &str = r#"{"dataframe_split": {"columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
    "data": [[51, 35, 14, 2]]}}"#;

/// Points the link `current` of `folder` at a model, in one step.
fn point(folder: &Path, model: &Path) {
    let new = folder.join("new");
    symlink(model, &new).unwrap();
    fs::rename(new, folder.join("current")).unwrap();
}

fn serve(folder: &Path, flags: &[&str]) -> Running {
    let current = folder.join("current");
    Running::start(&[&["-m", current.to_str().unwrap(), "--admin-address", "0"], flags].concat())
}

fn detail(server: &Running) -> Value {
    let answer = server.admin("GET", "/health", &[], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["models"][0].clone()
}

/// Waits until the server says so of itself.
fn wait_until(server: &Running, what: &str, holds: impl Fn(&Value) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let detail = detail(server);
        if holds(&detail) {
            return;
        }
        assert!(Instant::now() < deadline, "never {what}: {detail}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether iris answers, which names species; echo answers with what it was sent.
fn is_iris(answer: &str) -> bool {
    answer.contains("setosa")
}

#[test]
fn a_version_takes_over_under_load_without_a_failed_request() {
    let folder = tempfile::tempdir().unwrap();
    point(folder.path(), &models().join("iris"));
    let server = serve(folder.path(), &["--watch", "50ms"]);
    let (over, iris, echo) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let answer = server.invoke(FLOWERS);
                    assert_eq!(answer.status, 200, "{answer:?}");
                    let version = if is_iris(&answer.body) { &iris } else { &echo };
                    version.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 1..=4_u64 {
            let model = if round % 2 == 1 { "echo" } else { "iris" };
            point(folder.path(), &models().join(model));
            wait_until(&server, "taken", |detail| detail["reload"]["taken"] == round);
            // From here on no answer is the old version's.
            assert_eq!(is_iris(&server.invoke(FLOWERS).body), model == "iris");
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(iris.into_inner() > 0 && echo.into_inner() > 0);
    let metrics = server.admin("GET", "/metrics", &[("Accept", "application/openmetrics-text")], b"");
    assert!(metrics.body.contains("mlhost_reloads_taken_total{model=\"iris\"} 4"), "{metrics:?}");
    assert!(metrics.body.ends_with("# EOF\n"), "{metrics:?}");
}

#[test]
fn what_cannot_be_served_is_refused_and_the_old_version_stays() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    fs::create_dir(&broken).unwrap();
    for file in ["MLmodel", "component.wasm", "iris.onnx", "labels.txt"] {
        fs::copy(models().join("iris").join(file), broken.join(file)).unwrap();
    }
    fs::write(broken.join("component.wasm"), "no component").unwrap();
    point(folder.path(), &models().join("iris"));
    let server = serve(folder.path(), &["--watch", "50ms"]);
    point(folder.path(), &broken);
    wait_until(&server, "refused", |detail| detail["reload"]["last_refusal"] != Value::Null);
    let line = server.logged("a new version is refused");
    assert!(line.contains("cannot compile the component"), "{line}");
    let answer = server.invoke(FLOWERS);
    assert!(answer.status == 200 && is_iris(&answer.body), "{answer:?}");
    let reason = detail(&server)["reload"]["last_refusal"]["reason"].clone();
    assert!(reason.as_str().is_some_and(|reason| !reason.contains('/')), "no path of this machine: {reason}");
    // A version that was refused is not tried again until it changes.
    let refused = detail(&server)["reload"]["refused"].clone();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(detail(&server)["reload"]["refused"], refused);
    let metrics = server.admin("GET", "/metrics", &[], b"").body;
    assert!(metrics.contains("mlhost_reloads_refused_total{model=\"iris\"} 1"), "{metrics}");

    // Back to what is served: there is nothing to complain of any more. And once more to the broken one.
    point(folder.path(), &models().join("iris"));
    wait_until(&server, "forgiven", |detail| detail["reload"]["last_refusal"] == Value::Null);
    point(folder.path(), &broken);
    wait_until(&server, "refused again", |detail| detail["reload"]["refused"] == 2);

    fs::copy(models().join("iris/component.wasm"), broken.join("component.wasm")).unwrap();
    wait_until(&server, "mended", |detail| detail["reload"]["taken"] == 1);
    assert_eq!(detail(&server)["reload"]["last_refusal"], Value::Null);
}

#[test]
fn a_hangup_reloads_at_once_and_leaves_nothing_behind() {
    // It looks more often than it sweeps.
    let server = Running::sample("iris", &["--watch", "20ms", "--admin-address", "0"]);
    // The workers start with the first request at the latest.
    assert_eq!(server.invoke(FLOWERS).status, 200);
    let before = server.threads();
    for round in 1..=10_u64 {
        server.signal(libc::SIGHUP);
        wait_until(&server, "taken", |detail| detail["reload"]["taken"] == round);
        assert_eq!(server.invoke(FLOWERS).status, 200);
    }
    // Replaced versions are unloaded a moment later, their graphs' threads with them.
    let deadline = Instant::now() + Duration::from_secs(60);
    while server.threads() > before {
        assert!(Instant::now() < deadline, "{} threads, {before} before", server.threads());
        std::thread::sleep(Duration::from_millis(50));
    }
}
