//! Which models and versions of a repository are served, and how they change while requests run.

use std::sync::atomic::{AtomicBool, Ordering};

use super::folder::{JSON, answers, index, infer, metric, reason, wait_until};
use super::{Folder, status_of};

#[test]
fn every_model_of_a_repository_is_served_under_its_name() {
    let folder = Folder::new();
    folder.add("iris/1");
    folder.add("flowers");
    folder.add(".hidden/1");
    let server = folder.serve(&[]);
    assert_eq!(server.ready["models"], serde_json::json!(["flowers", "iris"]));
    assert_eq!(index(&server), ["flowers/1 READY", "iris/1 READY"]);
    for model in ["iris", "flowers"] {
        assert_eq!(infer(&server, model, &[]).json()["model_name"], model);
        let answer = server.send(
            "POST",
            &format!("/v1/models/{model}:predict"),
            &[JSON],
            b"{\"instances\": [[51, 35, 14, 2]]}",
        );
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(server.get("/v1/models").json()["models"], serde_json::json!(["flowers", "iris"]));
    for missing in ["nope", ".hidden", "..", "iris/versions/2"] {
        assert_eq!(status_of(&server, missing), 404, "{missing}");
    }
    // A protocol that has no names asks for the only model.
    let answer = server.invoke("{\"dataframe_split\": {\"columns\": [], \"data\": []}}");
    assert_eq!(answer.status, 404, "{answer:?}");
    assert!(answer.body.contains("names no model"), "{answer:?}");
    // Nobody may load and unload where the operator does not say so.
    for order in ["load", "unload"] {
        let answer = server.send("POST", &format!("/v2/repository/models/iris/{order}"), &[JSON], b"");
        assert_eq!(answer.status, 403, "{answer:?}");
    }
}

#[test]
fn the_highest_version_is_served_unless_the_rules_name_others() {
    let folder = Folder::new();
    for version in ["iris/1", "iris/9", "iris/10"] {
        folder.add(version);
    }
    let server = folder.serve(&[]);
    assert_eq!(answers(&server, "iris", &[]), "10");
    assert_eq!(status_of(&server, "iris/versions/9"), 404);
    assert_eq!(index(&server), ["iris/10 READY", "iris/1 UNAVAILABLE", "iris/9 UNAVAILABLE"]);
    drop(server);

    folder.write("iris/mlhost.toml", "versions = { latest = 2 }\ndefault = 1\n");
    let server = folder.serve(&[]);
    assert_eq!(answers(&server, "iris", &[]), "1");
    for version in ["1", "9", "10"] {
        assert_eq!(answers(&server, &format!("iris/versions/{version}"), &[]), version);
    }
    assert_eq!(server.get("/v2/models/iris").json()["versions"], serde_json::json!(["1", "9", "10"]));
}

#[test]
fn new_versions_and_models_are_served_and_old_ones_go_without_a_failed_request() {
    let folder = Folder::new();
    folder.add("iris/1");
    let server = folder.serve(&["--repository-mode", "poll", "--repository-poll", "50ms"]);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let answer = infer(&server, "iris", &[]);
                    assert_eq!(answer.status, 200, "{answer:?}");
                }
            });
        }
        folder.add("iris/2");
        wait_until(&server, "version 2", || answers(&server, "iris", &[]) == "2");
        // Both at once by the rules, and back.
        folder.write("iris/mlhost.toml", "versions = \"all\"\ndefault = 1");
        wait_until(&server, "both", || index(&server) == ["iris/1 READY", "iris/2 READY"]);
        assert_eq!(answers(&server, "iris", &[]), "1");
        folder.add("more/7");
        wait_until(&server, "another model", || index(&server).contains(&"more/7 READY".to_owned()));
        folder.remove("iris/2");
        wait_until(&server, "gone", || index(&server) == ["iris/1 READY", "more/7 READY"]);
        over.store(true, Ordering::Relaxed);
    });
    folder.remove("more");
    wait_until(&server, "the model is gone", || index(&server) == ["iris/1 READY"]);
    assert_eq!(status_of(&server, "more"), 404);
    assert!(metric(&server, "mlhost_model_loads_total{outcome=\"loaded\"}") >= 3.0);
}

#[test]
fn a_version_that_cannot_be_served_is_refused_and_what_was_served_goes_on() {
    let folder = Folder::new();
    folder.add("iris/1");
    let server = folder.serve(&["--repository-mode", "poll", "--repository-poll", "50ms"]);
    folder.write("iris/2/MLmodel", "no model");
    wait_until(&server, "refused", || reason(&server, "iris").contains("version `2`"));
    let line = server.logged("version `2`");
    assert!(line.contains("what was served is served on"), "{line}");
    assert!(!reason(&server, "iris").contains('/'), "no path of this machine: {}", reason(&server, "iris"));
    assert_eq!(answers(&server, "iris", &[]), "1");
    assert_eq!(status_of(&server, "iris/versions/2"), 404);
    // It is not tried again as it is.
    let failed = metric(&server, "mlhost_model_loads_total{outcome=\"failed\"}");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(metric(&server, "mlhost_model_loads_total{outcome=\"failed\"}").to_bits(), failed.to_bits());
    // Mended, it takes over.
    folder.remove("iris/2");
    folder.add("iris/2");
    wait_until(&server, "mended", || answers(&server, "iris", &[]) == "2");
    assert_eq!(reason(&server, "iris"), "");
}

#[test]
fn rules_that_make_no_sense_change_nothing_and_are_in_the_index() {
    let folder = Folder::new();
    folder.add("iris/1");
    folder.write("iris/mlhost.toml", "default = 1");
    let server = folder.serve(&["--repository-mode", "poll", "--repository-poll", "50ms"]);
    folder.write("iris/mlhost.toml", "default = 1\nsplitt = 3");
    let line = server.logged("mlhost.toml");
    assert!(line.contains("line 2: unknown field `splitt`"), "{line}");
    assert_eq!(answers(&server, "iris", &[]), "1");
    folder.write("other/mlhost.toml", "default = -1");
    wait_until(&server, "known", || reason(&server, "other").contains("`default` is"));
    assert_eq!(status_of(&server, "other"), 404);
    // A version that the rules name and that is not there is told, and what is there is served.
    folder.write("iris/mlhost.toml", "default = 7");
    let line = server.logged("names version 7");
    assert!(line.contains("not there"), "{line}");
    assert_eq!(answers(&server, "iris", &[]), "1");
}

#[test]
fn a_start_with_a_broken_model_says_all_that_is_wrong_or_serves_the_rest() {
    let folder = Folder::new();
    folder.add("iris/1");
    folder.write("broken/1/MLmodel", "no model");
    folder.write("empty/readme", "");
    let said = folder.fails(&[]);
    for part in
        ["2 of the repository's models", "`broken`", "`empty`: there is no version", "hint:", "--skip-broken"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let server = folder.serve(&["--skip-broken"]);
    assert_eq!(answers(&server, "iris", &[]), "1");
    assert_eq!(index(&server), ["broken/1 UNAVAILABLE", "empty/- UNAVAILABLE", "iris/1 READY"]);
    let answer = infer(&server, "broken", &[]);
    assert_eq!(answer.status, 404, "{answer:?}");
    assert!(answer.body.contains("cannot load version `1`"), "{answer:?}");
}

#[test]
fn a_repository_that_is_not_there_and_flags_for_another_mode_are_said_at_once() {
    let folder = Folder::new();
    for (flags, said) in [
        (&["--repository-poll", "1s"][..], "`--repository-mode poll`"),
        (&["--load-model", "iris"], "`--repository-mode explicit`"),
        (&["--repository-mode", "explicit", "--load-model", "iris"], "there is no model `iris`"),
    ] {
        let error = folder.fails(flags);
        assert!(error.contains(said), "{flags:?}: {error}");
    }
    let root = folder.path("");
    drop(folder);
    let output =
        crate::running::mlhost().args(["serve", "-p", "0", "--repository"]).arg(root).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot read the repository") && said.contains("hint:"), "{said}");
}

#[test]
fn sighup_looks_at_a_repository_that_is_not_polled() {
    let folder = Folder::new();
    folder.add("iris/1");
    let server = folder.serve(&[]);
    folder.add("iris/2");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(answers(&server, "iris", &[]), "1");
    server.signal(libc::SIGHUP);
    wait_until(&server, "version 2", || answers(&server, "iris", &[]) == "2");
}

#[test]
fn a_models_own_limits_hold_for_it_and_for_no_other() {
    let folder = Folder::new();
    folder.add("iris/1");
    let spin = crate::running::models().join("hostile/infinite_loop");
    std::fs::create_dir(folder.path("spin")).unwrap();
    std::os::unix::fs::symlink(spin, folder.path("spin/1")).unwrap();
    folder.write("spin/mlhost.toml", "[limits]\ntime = \"2s\"\nrequests = 1\n");
    let server = folder.serve(&[]);
    let ask = |model: &str| {
        let path = format!("/v1/models/{model}:predict");
        server.send("POST", &path, &[JSON], b"{\"instances\": [[51, 35, 14, 2]]}").status
    };
    std::thread::scope(|scope| {
        let spinning: Vec<_> = (0..4).map(|_| scope.spawn(|| ask("spin"))).collect();
        assert_eq!(ask("iris"), 200);
        let mut answers: Vec<_> = spinning.into_iter().map(|asked| asked.join().unwrap()).collect();
        answers.sort_unstable();
        // The one that found room spun until its time was over; four at once do not fit into one place.
        assert_eq!((answers.first(), answers.last()), (Some(&503), Some(&504)), "{answers:?}");
    });
}
