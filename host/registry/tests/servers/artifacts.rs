//! Downloads of MLflow's artifact service that go wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use fake::{Answer, Asked};

const GRAPH: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const TAG: &str = "\"one\"";

/// The listing of a model with one graph.
fn listing() -> Answer {
    Answer::body(format!(
        r#"{{"files": [{{"path": "MLmodel", "is_dir": false, "file_size": "7"}},
                       {{"path": "model.onnx", "is_dir": false, "file_size": {}}}]}}"#,
        GRAPH.len()
    ))
}

/// A server of that model, whose graph is answered by `graph`, which is told how often it was asked for before.
fn server(graph: impl Fn(&Asked, usize) -> Answer + Send + 'static) -> Fake {
    let times = AtomicUsize::new(0);
    Fake::start(move |asked| match asked.path().rsplit('/').next() {
        Some("artifacts") => listing(),
        Some("MLmodel") => Answer::body("flavors").with("ETag", "\"m\""),
        Some("model.onnx") => graph(asked, times.fetch_add(1, Ordering::SeqCst)),
        _ => Answer::status(404),
    })
}

#[tokio::test]
async fn a_broken_connection_is_gone_on_with_where_it_broke() {
    let cache = tempfile::tempdir().unwrap();
    let fake = server(|asked, times| match times {
        0 => Answer::range(asked, TAG, GRAPH).breaking_after(10),
        1 => Answer::range(asked, TAG, GRAPH).breaking_after(5),
        _ => Answer::range(asked, TAG, GRAPH),
    });
    let folder = fetch(settings(&fake, cache.path()), "mlflow-artifacts:/0/m").await.unwrap();
    assert_eq!(fs::read(folder.path.join("model.onnx")).unwrap(), GRAPH);
    let ranges: Vec<_> =
        fake.asked_for("model.onnx").iter().map(|asked| asked.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some("bytes=10-".to_owned()), Some("bytes=15-".to_owned())]);
}

#[tokio::test]
async fn what_a_process_left_is_gone_on_with_by_the_next() {
    let cache = tempfile::tempdir().unwrap();
    let fake = server(|asked, times| match times {
        0 => Answer::range(asked, TAG, GRAPH).breaking_after(10),
        1..3 => Answer::status(503),
        _ => Answer::range(asked, TAG, GRAPH),
    });
    let error = said(fetch(settings(&fake, cache.path()), "mlflow-artifacts:/0/m").await);
    assert!(error.contains("503"), "{error}");
    assert_no_model(cache.path());
    let folder = fetch(settings(&fake, cache.path()), "mlflow-artifacts:/0/m").await.unwrap();
    assert_eq!(fs::read(folder.path.join("model.onnx")).unwrap(), GRAPH);
    assert_eq!(fake.asked_for("model.onnx").last().unwrap().header("range"), Some("bytes=10-"));
}

#[tokio::test]
async fn bytes_of_two_versions_are_never_put_together() {
    let other: Vec<u8> = GRAPH.iter().rev().copied().collect();
    // One server minds `If-Range`, one sends the part of another version all the same.
    for heeds in [true, false] {
        let other = other.clone();
        let expected = other.clone();
        let cache = tempfile::tempdir().unwrap();
        let fake = server(move |asked, times| match (times, heeds, asked.header("range")) {
            (0, ..) => Answer::range(asked, TAG, GRAPH).breaking_after(10),
            (_, false, Some(_)) => {
                Answer::status(206).with("ETag", "\"two\"").with("Content-Range", "bytes 10-35/36")
            }
            _ => Answer::range(asked, "\"two\"", &other),
        });
        let folder = fetch(settings(&fake, cache.path()), "mlflow-artifacts:/0/m").await.unwrap();
        assert_eq!(fs::read(folder.path.join("model.onnx")).unwrap(), expected, "heeds If-Range: {heeds}");
    }
}

#[tokio::test]
async fn a_server_without_ranges_or_versions_is_begun_anew() {
    let cache = tempfile::tempdir().unwrap();
    let fake = server(|_, times| match times {
        0 => Answer::body(GRAPH).breaking_after(10),
        _ => Answer::body(GRAPH),
    });
    let folder = fetch(settings(&fake, cache.path()), "mlflow-artifacts:/0/m").await.unwrap();
    assert_eq!(fs::read(folder.path.join("model.onnx")).unwrap(), GRAPH);
    assert!(fake.asked_for("model.onnx").iter().all(|asked| asked.header("range").is_none()));
}

#[tokio::test]
async fn a_short_body_a_wrong_size_and_a_wrong_digest_never_become_a_model() {
    let unannounced = || Answer::body(&GRAPH[..20]).with("Transfer-Encoding", "identity");
    let digest = "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";
    let cases: [(Answer, &str); 5] = [
        (Answer::body(&GRAPH[..20]), "has 20 bytes, and is listed with 36"),
        (Answer::body([GRAPH, b"more"].concat()), "has 40 bytes, and is listed with 36"),
        (unannounced(), "20 of 36 bytes"),
        (Answer::body(GRAPH).breaking_after(20), "model.onnx"),
        (Answer::body(GRAPH).with("Repr-Digest", digest), "SHA-256"),
    ];
    for (answer, expected) in cases {
        let cache = tempfile::tempdir().unwrap();
        let shown = format!("{answer:?}");
        let fake = server(move |_, _| answer.clone());
        let outcome = fetch(settings(&fake, cache.path()), "mlflow-artifacts:/0/m").await;
        let error = said(outcome);
        // A connection that breaks is the network's to describe.
        assert!(error.contains(expected) || error.contains("cannot reach"), "{shown}: {error}");
        assert_no_model(cache.path());
    }
}

#[tokio::test]
async fn an_unchanged_model_is_not_sent_again_and_a_changed_one_is() {
    let cache = tempfile::tempdir().unwrap();
    let tag = std::sync::Arc::new(Mutex::new("\"one\"".to_owned()));
    let current = std::sync::Arc::clone(&tag);
    let fake = server(move |asked, _| {
        let tag = current.lock().unwrap().clone();
        if asked.header("if-none-match") == Some(&tag) {
            Answer::status(304)
        } else {
            Answer::range(asked, &tag, GRAPH)
        }
    });
    let fetch = || fetch(settings(&fake, cache.path()), "mlflow-artifacts:/0/m");
    let first = fetch().await.unwrap();
    let second = fetch().await.unwrap();
    assert_eq!((first.cached, second.cached, &first.path), (false, true, &second.path));
    *tag.lock().unwrap() = "\"two\"".to_owned();
    fetch().await.unwrap();
    assert_eq!(fake.asked_for("model.onnx").len(), 3);
    assert_eq!(fake.asked_for("model.onnx")[2].header("if-none-match"), Some("\"one\""));
}

#[tokio::test]
async fn a_name_in_a_listing_that_leads_elsewhere_is_refused() {
    for name in ["../../evil", "/etc/passwd", "a\\\\b", "a\\nb", ""] {
        let cache = tempfile::tempdir().unwrap();
        let fake = Fake::start(move |_| {
            Answer::body(format!(r#"{{"files": [{{"path": "MLmodel"}}, {{"path": "{name}"}}]}}"#))
        });
        let outcome = fetch(settings(&fake, cache.path()), "mlflow-artifacts:/0/m").await;
        assert!(matches!(outcome, Err(RegistryError::Name { .. })), "{name}: {outcome:?}");
        assert_no_model(cache.path());
    }
}

#[tokio::test]
async fn folders_without_end_and_files_without_number_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let endless = Fake::start(|_| Answer::body(r#"{"files": [{"path": "again", "is_dir": true}]}"#));
    let outcome = fetch(settings(&endless, cache.path()), "mlflow-artifacts:/0/m").await;
    assert!(matches!(outcome, Err(RegistryError::Name { .. })), "{outcome:?}");
    let fake = server(|asked, _| Answer::range(asked, TAG, GRAPH));
    for (bytes, files) in [(40, 100), (1000, 1)] {
        let settings =
            Settings { bounds: mlhost_registry::Bounds { bytes, files }, ..settings(&fake, cache.path()) };
        let outcome = fetch(settings, "mlflow-artifacts:/0/m").await;
        assert!(matches!(outcome, Err(RegistryError::TooMuch { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_folder_that_is_no_model_says_what_is_there() {
    let cache = tempfile::tempdir().unwrap();
    let fake = Fake::start(|asked| match asked.target.ends_with("path=0") {
        true => Answer::body(r#"{"files": [{"path": "models", "is_dir": true}]}"#),
        false => Answer::body(r#"{"files": [{"path": "MLmodel", "file_size": 1}]}"#),
    });
    let error = said(fetch(settings(&fake, cache.path()), "mlflow-artifacts:/0").await);
    assert!(error.contains("no file `MLmodel`") && error.contains("`models/`"), "{error}");
}
