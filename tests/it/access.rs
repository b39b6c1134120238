//! Keys, rates and origins over the real process: who is answered, and what the others are told.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::running::{Answer, Running, mlhost, models, root};

const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

/// Makes a key with `mlhost token new`: its token, and the entry that was written to standard output.
fn new_key(arguments: &[&str]) -> (String, String) {
    let output = mlhost().args(["token", "new"]).args(arguments).output().unwrap();
    let (entry, said) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{said}");
    let token = said.lines().next().unwrap().to_owned();
    assert!(token.starts_with("mlhost_") && token.len() == 71, "{said}");
    assert!(!entry.contains(&token), "the token is in its own entry");
    (token, entry)
}

fn serve(keys: &Path, more: &[&str]) -> Running {
    Running::sample("echo", &[&["--auth-file", keys.to_str().unwrap()], more].concat())
}

fn invoke(server: &Running, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[("content-type", "application/json")], headers].concat();
    server.send("POST", "/invocations", &headers, ROW.as_bytes())
}

#[test]
fn only_a_key_is_answered_and_health_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let (token, entry) = new_key(&["ci"]);
    fs::write(&file, entry).unwrap();
    let server = serve(&file, &[]);

    assert_eq!(invoke(&server, &[("authorization", &format!("Bearer {token}"))]).status, 200);
    assert_eq!(invoke(&server, &[("x-api-key", &token)]).status, 200);
    for headers in [&[][..], &[("authorization", "Basic dTpw")]] {
        let refused = invoke(&server, headers);
        assert_eq!(refused.status, 401, "{refused:?}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"mlhost\""));
        assert_eq!(refused.json()["error_code"], "UNAUTHENTICATED");
    }
    let wrong = invoke(&server, &[("authorization", &format!("Bearer {token}x"))]);
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.header("www-authenticate"), Some("Bearer realm=\"mlhost\", error=\"invalid_token\""));
    assert!(!wrong.body.contains(&token), "{}", wrong.body);

    for path in ["/ping", "/health", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(server.get(path).status, 200, "{path} is for probes, which bring no keys");
    }
    for path in ["/version", "/metrics", "/no/such/route"] {
        assert_eq!(server.get(path).status, 401, "{path} tells what is served");
    }
}

#[test]
fn health_wants_a_key_where_the_operator_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let (token, entry) = new_key(&["probe"]);
    fs::write(&file, entry).unwrap();
    let server = serve(&file, &["--auth-health"]);
    assert_eq!(server.get("/ping").status, 401);
    assert_eq!(server.send("GET", "/ping", &[("x-api-key", &token)], b"").status, 200);
}

#[test]
fn a_key_for_another_model_is_403() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let (other, entry) = new_key(&["other", "--model", "fraud-*", "--model", "ech"]);
    let (mine, second) = new_key(&["mine", "--model", "ec*"]);
    fs::write(&file, entry + &second).unwrap();
    let server = serve(&file, &[]);
    let refused = invoke(&server, &[("x-api-key", &other)]);
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.json()["message"].as_str().unwrap().contains("`echo`"), "{refused:?}");
    assert_eq!(invoke(&server, &[("x-api-key", &mine)]).status, 200);
}

#[test]
fn no_protocol_tells_a_key_of_models_that_it_is_not_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let (other, entry) = new_key(&["other", "--model", "fraud"]);
    let (mine, second) = new_key(&["mine", "--model", "echo"]);
    fs::write(&file, entry + &second).unwrap();
    let server = serve(&file, &[]);
    let json = ("content-type", "application/json");
    let infer = r#"{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.5]}]}"#;
    let asked = [
        ("POST", "/invocations", ROW),
        ("GET", "/v1/models/echo", ""),
        ("POST", "/v1/models/echo:predict", r#"{"instances": [{"x": 1.5}]}"#),
        ("GET", "/v2/models/echo", ""),
        ("GET", "/v2/models/echo/versions/1", ""),
        ("GET", "/v2/models/echo/ready", ""),
        ("GET", "/v2/models/echo/config", ""),
        ("GET", "/v2/models/echo/stats", ""),
        ("POST", "/v2/models/echo/infer", infer),
        // Not told either whether there is such a model.
        ("GET", "/v2/models/no-such-model", ""),
    ];
    for (method, path, body) in asked {
        let refused = server.send(method, path, &[json, ("x-api-key", &other)], body.as_bytes());
        assert_eq!(refused.status, 403, "{method} {path}: {refused:?}");
        let nobody = server.send(method, path, &[json], body.as_bytes());
        assert_eq!(nobody.status, 401, "{method} {path}: {nobody:?}");
    }
    // A header that names another model than the path leads no further.
    let headers = [json, ("x-api-key", other.as_str()), ("seldon-model", "echo")];
    assert_eq!(server.send("POST", "/v2/models/fraud/infer", &headers, infer.as_bytes()).status, 403);
    let lists = [("GET", "/v1/models"), ("POST", "/v2/repository/index"), ("GET", "/v2/models/stats")];
    for (method, path) in lists {
        let list = |key: &str| server.send(method, path, &[("x-api-key", key)], b"");
        assert!(list(&mine).body.contains("echo"), "{path}: {:?}", list(&mine));
        assert_eq!(list(&other).status, 200, "{path}");
        assert!(!list(&other).body.contains("echo"), "{path}: {:?}", list(&other));
    }
    // What changes the server wants more than a key.
    let load = server.send("POST", "/v2/repository/models/echo/load", &[("x-api-key", &mine)], b"");
    assert_eq!(load.status, 403, "{load:?}");
}

#[test]
fn the_admin_port_wants_an_administrators_key_once_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let (user, entry) = new_key(&["user"]);
    let (root, second) = new_key(&["root", "--admin"]);
    fs::write(&file, entry + &second).unwrap();
    let server = serve(&file, &["--admin-address", "0"]);
    let ask = |method: &str, path: &str, key: &str| {
        server.admin(method, path, &[("x-api-key", key)], b"info").status
    };
    for (method, path) in
        [("GET", "/metrics"), ("GET", "/health"), ("PUT", "/log-level"), ("GET", "/nowhere")]
    {
        assert_eq!(ask(method, path, "guess"), 401, "{path}");
        assert_eq!(ask(method, path, &user), 403, "{path}");
    }
    assert_eq!((ask("GET", "/metrics", &root), ask("PUT", "/log-level", &root)), (200, 200));
    for path in ["/live", "/ready"] {
        assert_eq!(server.admin("GET", path, &[], b"").status, 200, "{path} is for probes");
    }
}

#[test]
fn an_admin_port_that_others_reach_needs_a_key_from_the_start() {
    let echo = models().join("echo");
    let flags = ["serve", "-p", "0", "-m", echo.to_str().unwrap(), "--admin-address", "0.0.0.0:0"];
    let output = mlhost().args(flags).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("would be everybody's") && error.contains("hint:"), "{error}");
}

/// What the key's scope is asked in is `host/src/serve/scope.rs`; no protocol finds a model without it.
#[test]
fn no_protocol_finds_a_model_past_the_keys_scope() {
    let past_it = ["catalog.find(", "catalog.models(", "catalog.index("];
    let mut folders = vec![root().join("host/src/serve/protocol")];
    let mut past = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            if past_it.iter().any(|call| text.contains(call)) {
                past.push(path);
            }
        }
    }
    assert!(past.is_empty(), "`Service::model` and `models` ask for the scope, and these do not: {past:#?}");
}

#[test]
fn keys_are_read_again_when_their_file_changes_and_a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let (old, entry) = new_key(&["old"]);
    fs::write(&file, &entry).unwrap();
    let server = serve(&file, &[]);

    fs::write(&file, entry.replace("sha256", "sha512")).unwrap();
    let said = server.logged("the old ones go on");
    assert!(said.contains("sha512"), "{said}");
    assert_eq!(invoke(&server, &[("x-api-key", &old)]).status, 200);

    let (new, entry) = new_key(&["new"]);
    fs::write(&file, entry).unwrap();
    server.logged("the keys are read again");
    assert_eq!(invoke(&server, &[("x-api-key", &new)]).status, 200);
    assert_eq!(invoke(&server, &[("x-api-key", &old)]).status, 401);
    server.signal(libc::SIGHUP);
    server.logged("the keys are read again");
}

#[test]
fn a_key_that_used_up_its_rate_is_429_with_retry_after_and_others_are_not_disturbed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let (eager, entry) = new_key(&["eager", "--rate", "3/h"]);
    let (other, second) = new_key(&["other"]);
    fs::write(&file, entry + &second).unwrap();
    let server = serve(&file, &[]);
    for _ in 0..3 {
        assert_eq!(invoke(&server, &[("x-api-key", &eager)]).status, 200);
    }
    let refused = invoke(&server, &[("x-api-key", &eager)]);
    assert_eq!(refused.status, 429, "{refused:?}");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=1200).contains(&seconds), "{seconds}");
    assert_eq!(invoke(&server, &[("x-api-key", &other)]).status, 200);
    // Reading the file again gives nobody a second turn.
    server.signal(libc::SIGHUP);
    server.logged("the keys are read again");
    assert_eq!(invoke(&server, &[("x-api-key", &eager)]).status, 429);
}

#[test]
fn an_address_that_used_up_its_rate_is_429_and_probes_are_not_counted() {
    let server = Running::sample("echo", &["--rate-limit", "2/h"]);
    for _ in 0..10 {
        assert_eq!(server.get("/ping").status, 200);
    }
    assert_eq!([invoke(&server, &[]).status, invoke(&server, &[]).status], [200, 200]);
    let refused = invoke(&server, &[]);
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(server.get("/ping").status, 200);
}

#[test]
fn a_file_of_keys_that_cannot_be_used_is_said_before_anything_listens() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let echo = models().join("echo");
    let fails = || {
        let arguments = ["serve", "-p", "0", "-m", echo.to_str().unwrap(), "--auth-file"];
        let output = mlhost().args(arguments).arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let missing = fails();
    assert!(missing.contains("keys.toml") && missing.contains("cannot read"), "{missing}");
    fs::write(&file, "").unwrap();
    let empty = fails();
    assert!(empty.contains("hint: `mlhost token new NAME >> FILE`"), "{empty}");
}

#[test]
fn a_token_that_is_there_already_gets_an_entry_and_one_that_can_be_guessed_none() {
    let entry = |token: &str| {
        let mut child = mlhost()
            .args(["token", "entry", "old"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = entry("correct-horse-battery-staple\n");
    let text = String::from_utf8(output.stdout).unwrap();
    // `printf correct-horse-battery-staple | sha256sum`
    assert!(text.contains("87cbebfeebc05f7c54ac9336c4b4bbec831227a641951a4bde7edd56020f8590"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    fs::write(&file, text).unwrap();
    let server = serve(&file, &[]);
    assert_eq!(invoke(&server, &[("x-api-key", "correct-horse-battery-staple")]).status, 200);
    assert_eq!(entry("hunter2").status.code(), Some(1));
}

#[test]
fn pages_of_no_other_origin_are_told_anything_unless_it_is_named() {
    let preflight = [
        ("origin", "https://app.example.org"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let off = Running::sample("echo", &[]);
    let answer = off.send("OPTIONS", "/invocations", &preflight, b"");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, None));
    let answer = invoke(&off, &preflight[..1]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));

    let on = Running::sample("echo", &["--cors-origin", "https://app.example.org"]);
    let answer = on.send("OPTIONS", "/invocations", &preflight, b"");
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.org"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
    let answer = invoke(&on, &preflight[..1]);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.org"));
    let other = invoke(&on, &[("origin", "https://evil.example.org")]);
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, None));
}

#[test]
fn a_preflight_needs_no_key_and_a_refusal_can_be_read_by_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    fs::write(&file, new_key(&["page"]).1).unwrap();
    let server = serve(&file, &["--cors-origin", "*"]);
    let preflight = [("origin", "https://a.org"), ("access-control-request-method", "POST")];
    assert_eq!(server.send("OPTIONS", "/invocations", &preflight, b"").status, 204);
    let refused = invoke(&server, &preflight[..1]);
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("*")));
}
