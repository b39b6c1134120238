//! Questions to a model registry that are answered badly, and who is told who we are.

use super::*;
use fake::{Answer, Asked};
use mlhost_registry::Secret;

const PASSWORD: &str = "hunter2";

/// A registry with `iris` version 3, aliased `champion`.
fn registry(asked: &Asked) -> Answer {
    let version = r#"{"model_version": {"name": "iris", "version": "3", "aliases": ["champion"],
                      "current_stage": "None", "status": "READY", "source": "x"}}"#;
    let missing = |message: &str| {
        let body = format!(r#"{{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "{message}"}}"#);
        Answer::body(body).with_status(404)
    };
    match asked.path().strip_prefix("/api/2.0/mlflow/").unwrap_or(asked.path()) {
        "registered-models/alias" if asked.target.contains("alias=champion") => Answer::body(version),
        "registered-models/alias" => missing("no alias"),
        "registered-models/get"
            if asked.target.contains("name=iris&") || asked.target.ends_with("name=iris") =>
        {
            Answer::body(
                r#"{"registered_model": {"name": "iris", "aliases": [{"alias": "champion", "version": "3"}],
                             "latest_versions": [{"name": "iris", "version": "3"}]}}"#,
            )
        }
        "registered-models/get" => missing("no model"),
        "registered-models/search" => {
            Answer::body(r#"{"registered_models": [{"name": "iris"}, {"name": "wine"}]}"#)
        }
        "registered-models/get-latest-versions" if asked.body.contains("stages") => Answer::body("{}"),
        "registered-models/get-latest-versions" => Answer::body(
            version.replace("{\"model_version\": ", "{\"model_versions\": [").replace("\"x\"}}", "\"x\"}]}"),
        ),
        "model-versions/get" if asked.target.ends_with("name=iris&version=3") => Answer::body(version),
        "model-versions/get" => missing("no version"),
        "model-versions/get-download-uri" => {
            Answer::body(r#"{"artifact_uri": "mlflow-artifacts:/1/models/m-3/artifacts"}"#)
        }
        "/api/2.0/mlflow-artifacts/artifacts" => {
            Answer::body(r#"{"files": [{"path": "MLmodel", "file_size": 7}]}"#)
        }
        path if path.ends_with("/MLmodel") => Answer::body("flavors"),
        _ => Answer::status(404),
    }
}

#[tokio::test]
async fn what_is_unknown_is_said_with_what_is_there() {
    let cache = tempfile::tempdir().unwrap();
    let fake = Fake::start(registry);
    for (uri, expected) in [
        ("models:/iri/1", "did you mean `iris`?"),
        ("models:/nothing/1", "registered there: `iris` and `wine`"),
        ("models:/iris/9", "its newest version is 3"),
        ("models:/iris@champoin", "did you mean `models:/iris@champion`?"),
        ("models:/iris@x", "champion (version 3)"),
        ("models:/iris/Staging", "it has versions in `None`"),
        ("models:/nothing/Staging", "registered there"),
    ] {
        let error = said(fetch(settings(&fake, cache.path()), uri).await);
        assert!(error.contains(expected), "{uri}: {error}");
    }
}

#[tokio::test]
async fn a_version_in_the_cache_is_served_without_its_server_and_an_alias_is_not() {
    let cache = tempfile::tempdir().unwrap();
    let fake = Fake::start(registry);
    let first = fetch(settings(&fake, cache.path()), "models:/iris/3").await.unwrap();
    assert!(!first.cached);
    let asked = fake.asked_for("MLmodel").len();
    let again = fetch(settings(&fake, cache.path()), "models:/iris@champion").await.unwrap();
    assert_eq!((again.cached, &again.path), (true, &first.path));
    assert_eq!(fake.asked_for("MLmodel").len(), asked, "what never changes is not asked for again");
    // The same server, as far as anyone can tell, and nobody there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let away = |uri: &'static str| {
        fetch(Settings { tracking_uri: Some(address.clone()), ..settings(&fake, cache.path()) }, uri)
    };
    assert!(
        said(away("models:/iris/3").await).contains("cannot reach"),
        "another server's pins are not its own"
    );
    let failing = Fake::start(|_| Answer::status(503));
    let error = said(fetch(settings(&failing, cache.path()), "models:/iris@champion").await);
    assert!(error.contains("503"), "{error}");
}

#[tokio::test]
async fn an_outage_of_the_same_server_does_not_keep_a_version_from_being_served() {
    let cache = tempfile::tempdir().unwrap();
    let down = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_down = std::sync::Arc::clone(&down);
    let fake = Fake::start(move |asked| {
        if is_down.load(std::sync::atomic::Ordering::SeqCst) { Answer::status(503) } else { registry(asked) }
    });
    let first = fetch(settings(&fake, cache.path()), "models:/iris/3").await.unwrap();
    down.store(true, std::sync::atomic::Ordering::SeqCst);
    let again = fetch(settings(&fake, cache.path()), "models:/iris/3").await.unwrap();
    assert_eq!((again.cached, again.path), (true, first.path));
    let error = said(fetch(settings(&fake, cache.path()), "models:/iris@champion").await);
    assert!(error.contains("503"), "an alias may have moved: {error}");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let cache = tempfile::tempdir().unwrap();
    let times = std::sync::atomic::AtomicUsize::new(0);
    let fake = Fake::start(move |asked| match times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Answer::status(500),
        1 => Answer::status(429).with("Retry-After", "0"),
        _ => registry(asked),
    });
    fetch(settings(&fake, cache.path()), "models:/iris/3").await.unwrap();
    for (status, expected) in
        [(401, "MLFLOW_TRACKING_USERNAME"), (403, "MLFLOW_TRACKING_TOKEN"), (404, "is it an MLflow server?")]
    {
        let fake = Fake::start(move |_| Answer::status(status));
        let error = said(fetch(settings(&fake, cache.path()), "models:/iris/3").await);
        assert!(error.contains(&status.to_string()) && error.contains(expected), "{status}: {error}");
        assert_eq!(fake.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_run_leads_to_the_model_that_it_logged_or_to_its_artifacts() {
    // MLflow 3 has logged models, MLflow 2 has not.
    for (search, expected) in [
        (
            Answer::body(
                r#"{"models": [{"info": {"artifact_uri": "mlflow-artifacts:/other", "source_run_id": "other"}},
                                     {"info": {"artifact_uri": "mlflow-artifacts:/9/m-1", "source_run_id": "run1"}}]}"#,
            ),
            "/artifacts/9/m-1/MLmodel",
        ),
        (Answer::body("{}"), "/artifacts/9/run1/artifacts/model/MLmodel"),
        (Answer::status(404), "/artifacts/9/run1/artifacts/model/MLmodel"),
    ] {
        let cache = tempfile::tempdir().unwrap();
        let fake = Fake::start(move |asked| match asked.path().strip_prefix("/api/2.0/mlflow/") {
            Some("runs/get") => Answer::body(
                r#"{"run": {"info": {"artifact_uri": "mlflow-artifacts:/9/run1/artifacts", "experiment_id": "9"}}}"#,
            ),
            Some("logged-models/search") => search.clone(),
            _ => registry(asked),
        });
        fetch(settings(&fake, cache.path()), "runs:/run1/model").await.unwrap();
        let search = fake.asked_for("logged-models/search");
        assert_eq!(search[0].method, "POST");
        assert!(
            search[0].body.contains("name = 'model'") && search[0].body.contains("[\"9\"]"),
            "{}",
            search[0].body
        );
        assert_eq!(fake.asked_for(expected).len(), 1, "{expected}");
    }
}

#[tokio::test]
async fn credentials_go_to_the_tracking_server_and_never_where_it_redirects() {
    let cache = tempfile::tempdir().unwrap();
    let other = Fake::start(registry);
    let elsewhere = other.url("");
    let fake = Fake::start(move |asked| match asked.path().ends_with("/MLmodel") {
        true => Answer::status(302).with("Location", &format!("{elsewhere}{}", asked.target)),
        false => registry(asked),
    });
    for (settings, expected) in [
        (
            Settings {
                username: Some("me".to_owned()),
                password: Some(Secret::from(PASSWORD.to_owned())),
                ..settings(&fake, &cache.path().join("1"))
            },
            "Basic bWU6aHVudGVyMg==",
        ),
        (
            Settings {
                token: Some(Secret::from(PASSWORD.to_owned())),
                ..settings(&fake, &cache.path().join("2"))
            },
            "Bearer hunter2",
        ),
        (
            Settings {
                tracking_uri: Some(fake.url("").replace("http://", "http://me:hunter2@")),
                ..settings(&fake, &cache.path().join("3"))
            },
            "Basic bWU6aHVudGVyMg==",
        ),
    ] {
        assert!(
            !format!("{settings:?}").contains("password: Some(\"")
                && !format!("{:?}", settings.token).contains(PASSWORD)
        );
        let before = fake.asked().len();
        fetch(settings, "models:/iris/3").await.unwrap();
        let asked = fake.asked();
        assert!(asked.len() > before);
        for asked in &asked[before..] {
            assert_eq!(asked.header("authorization"), Some(expected), "{}", asked.target);
        }
    }
    let told = other.asked();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|asked| asked.header("authorization").is_none()), "{told:?}");
}

#[tokio::test]
async fn a_server_named_by_an_artifact_uri_is_not_told_who_we_are() {
    let cache = tempfile::tempdir().unwrap();
    let (fake, other) = (Fake::start(registry), Fake::start(registry));
    let settings =
        Settings { token: Some(Secret::from(PASSWORD.to_owned())), ..settings(&fake, cache.path()) };
    let uri = format!("mlflow-artifacts://{}/x", other.url("").trim_start_matches("http://"));
    fetch(settings, &uri).await.unwrap();
    assert!(fake.asked().is_empty());
    assert!(other.asked().iter().all(|asked| asked.header("authorization").is_none()));
}

#[tokio::test]
async fn a_refusal_with_credentials_says_so_and_shows_none() {
    let cache = tempfile::tempdir().unwrap();
    let fake = Fake::start(|_| Answer::status(401));
    let settings = Settings {
        tracking_uri: Some(fake.url("").replace("http://", &format!("http://me:{PASSWORD}@"))),
        ..settings(&fake, cache.path())
    };
    let error = said(fetch(settings, "models:/iris/3").await);
    assert!(error.contains("not accepted") && !error.contains(PASSWORD), "{error}");
}

#[tokio::test]
async fn what_is_no_server_is_said_with_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let fake = Fake::start(|_| Answer::body("<html>"));
    for (address, expected) in [
        ("sqlite:///mlflow.db".to_owned(), "mlflow server --backend-store-uri"),
        (format!("postgresql+psycopg2://me:{PASSWORD}@host/db"), "mlflow server --backend-store-uri"),
        ("databricks".to_owned(), "mlflow artifacts download"),
        ("http://".to_owned(), "http://HOST:PORT"),
        ("https://127.0.0.1:1".to_owned(), "MLFLOW_TRACKING_URI"),
        (fake.url("").replace("http:", "https:"), "MLFLOW_TRACKING_SERVER_CERT_PATH"),
        (fake.url(""), "is it an MLflow server?"),
        (String::new(), "set it to the address"),
    ] {
        let settings = Settings { tracking_uri: Some(address.clone()), ..settings(&fake, cache.path()) };
        let error = said(fetch(settings, "models:/iris/3").await);
        assert!(error.contains(expected) && !error.contains(PASSWORD), "{address}: {error}");
    }
}
