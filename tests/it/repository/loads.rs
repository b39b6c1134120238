//! Models that clients load and unload, over the V2 protocol.

use super::folder::{JSON, answers, index, infer, reason};
use super::{Folder, status_of};
use crate::running::{Answer, Running, mlhost};

fn order(server: &Running, model: &str, what: &str) -> Answer {
    server.send("POST", &format!("/v2/repository/models/{model}/{what}"), &[JSON], b"")
}

#[test]
fn clients_load_and_unload_models_where_the_operator_lets_them() {
    let folder = Folder::new();
    folder.add("iris/1");
    folder.add("flowers/1");
    let server = folder.serve(&["--repository-mode", "explicit", "--load-model", "flowers"]);
    assert_eq!(index(&server), ["flowers/1 READY", "iris/1 UNAVAILABLE"]);
    assert_eq!((status_of(&server, "iris"), status_of(&server, "flowers")), (404, 200));
    assert_eq!(order(&server, "iris", "load").status, 200);
    assert_eq!(answers(&server, "iris", &[]), "1");
    // Loading what is loaded takes what has changed.
    folder.add("iris/2");
    assert_eq!(answers(&server, "iris", &[]), "1");
    assert_eq!(order(&server, "iris", "load").status, 200);
    assert_eq!(answers(&server, "iris", &[]), "2");
    assert_eq!(order(&server, "iris", "unload").status, 200);
    assert_eq!(status_of(&server, "iris"), 404);
    assert_eq!(index(&server), ["flowers/1 READY", "iris/2 UNAVAILABLE"]);
    assert_eq!(reason(&server, "iris"), "unloaded");
    // What is not there, is not loaded or is no name is told so.
    for (model, what, status) in
        [("nope", "load", 404), ("..%2Firis", "load", 404), ("nope", "unload", 404), ("iris", "unload", 404)]
    {
        let answer = order(&server, model, what);
        assert_eq!(answer.status, status, "{what} {model}: {answer:?}");
        assert!(answer.json()["error"].is_string(), "{answer:?}");
    }
    let answer = server.send(
        "POST",
        "/v2/repository/models/iris/load",
        &[JSON],
        b"{\"parameters\": {\"file:1/model.onnx\": \"AAAA\"}}",
    );
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[test]
fn a_model_that_does_not_load_is_refused_with_the_reason_and_can_be_loaded_once_it_is_mended() {
    let folder = Folder::new();
    folder.write("iris/1/MLmodel", "no model");
    let server = folder.serve(&["--repository-mode", "explicit"]);
    assert_eq!(index(&server), ["iris/1 UNAVAILABLE"]);
    let answer = order(&server, "iris", "load");
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("cannot load version `1`"), "{answer:?}");
    folder.remove("iris/1");
    folder.add("iris/1");
    assert_eq!(order(&server, "iris", "load").status, 200);
    assert_eq!(infer(&server, "iris", &[]).status, 200);
}

#[test]
fn what_runs_in_a_model_that_is_unloaded_is_still_answered() {
    let folder = Folder::new();
    folder.add("iris/1");
    let server = folder.serve(&["--repository-mode", "explicit", "--load-model", "*"]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..60 {
                    let answer = infer(&server, "iris", &[]);
                    // Answered, or told that it is not loaded: never broken off.
                    assert!(matches!(answer.status, 200 | 404 | 503), "{answer:?}");
                }
            });
        }
        for _ in 0..6 {
            assert_eq!(order(&server, "iris", "unload").status, 200);
            assert_eq!(order(&server, "iris", "load").status, 200);
        }
    });
    assert_eq!(answers(&server, "iris", &[]), "1");
}

#[test]
fn without_a_key_nothing_is_loaded_or_unloaded() {
    let folder = Folder::new();
    folder.add("iris/1");
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("keys.toml");
    let made = |flags: &[&str]| {
        let output = mlhost().args(["token", "new"]).args(flags).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let token = told.lines().find(|line| line.starts_with("mlhost_")).unwrap().to_owned();
        (String::from_utf8(output.stdout).unwrap(), token)
    };
    let (admin, root) = made(&["root", "--admin"]);
    let (user, client) = made(&["client"]);
    std::fs::write(&file, admin + &user).unwrap();
    let flags = ["--repository-mode", "explicit", "--auth-file", file.to_str().unwrap()];
    let server = folder.serve(&flags);
    let load = |key: &[(&str, &str)]| {
        let headers = [&[JSON], key].concat();
        server.send("POST", "/v2/repository/models/iris/load", &headers, b"").status
    };
    assert_eq!(load(&[]), 401);
    assert_eq!(load(&[("x-api-key", client.as_str())]), 403);
    assert_eq!(load(&[("x-api-key", root.as_str())]), 200);
}
