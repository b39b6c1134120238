//! A small file store, as MLflow 3.17 writes it.

use super::*;

/// Two versions of `iris`, one alias, a stage, a run and its logged model.
fn store() -> (tempfile::TempDir, FileStore) {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("models/iris/meta.yaml", "aliases:\n  champion: '1'\nname: iris\n");
    write("models/iris/aliases/champion", "1");
    for (number, stage, place) in
        [(1, "Production", "file:///gone/1"), (2, "None", ""), (10, "None", "file:///x/10")]
    {
        write(
            &format!("models/iris/version-{number}/meta.yaml"),
            &format!(
                "current_stage: {stage}\nname: iris\nsource: models:/m-{number}\nstatus: READY\n\
                 storage_location: '{place}'\nversion: {number}\nuser_id: null\n"
            ),
        );
    }
    write(
        "models/iris/version-11/meta.yaml",
        "current_stage: Deleted_Internal\nname: iris\nsource: x\nversion: 11\n",
    );
    write("0/meta.yaml", "experiment_id: '0'\n");
    write("0/abc/meta.yaml", "artifact_uri: file:///gone/0/abc/artifacts\nexperiment_id: '0'\nrun_id: abc\n");
    write("0/abc/artifacts/model/MLmodel", "");
    write(
        "0/models/m-1/meta.yaml",
        "artifact_location: file:///gone/0/models/m-1/artifacts\nname: model\nsource_run_id: abc\n",
    );
    write("0/models/m-1/artifacts/MLmodel", "");
    let path = folder.path().to_owned();
    (folder, FileStore::new(path))
}

#[test]
fn versions_aliases_and_stages_are_found() {
    let (_folder, store) = store();
    let version = store.version("iris", 1).unwrap();
    assert_eq!(
        (version.source.as_str(), version.aliases.as_slice()),
        ("file:///gone/1", &["champion".to_owned()][..])
    );
    assert_eq!(store.version("iris", 2).unwrap().source, "models:/m-2");
    assert_eq!(store.by_alias("iris", "champion").unwrap().number, 1);
    assert_eq!(
        store.latest("iris", None).unwrap().number,
        10,
        "numbers are compared, not texts; 11 is deleted"
    );
    assert_eq!(store.latest("iris", Some("Production")).unwrap().number, 1);
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let (_folder, store) = store();
    let said = |error: RegistryError| format!("{error}; {}", error.hint().unwrap_or_default());
    for (said, expected) in [
        (said(store.version("iriss", 1).unwrap_err()), "did you mean `iris`?"),
        (said(store.version("iris", 7).unwrap_err()), "its newest version is 10"),
        (said(store.by_alias("iris", "champoin").unwrap_err()), "did you mean `models:/iris@champion`?"),
        (said(store.by_alias("iris", "x").unwrap_err()), "champion (version 1)"),
        (said(store.latest("iris", Some("Staging")).unwrap_err()), "`None` and `Production`"),
        (said(store.run("nope").unwrap_err()), "run `nope`"),
        (said(store.logged_model("m-9").unwrap_err()), "logged model `m-9`"),
        (said(store.version("../iris", 1).unwrap_err()), "registered model"),
    ] {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_store_that_was_moved_still_finds_its_artifacts() {
    let (folder, store) = store();
    let beside = folder.path().join("0/models/m-1/artifacts");
    assert_eq!(store.logged_model("m-1").unwrap(), beside.to_str().unwrap());
    let run = store.run("abc").unwrap();
    assert_eq!(run.artifacts, folder.path().join("0/abc/artifacts").to_str().unwrap());
    assert_eq!(store.logged_by(&run, "model").unwrap().as_deref(), beside.to_str());
    assert_eq!(store.logged_by(&run, "other").unwrap(), None);
}
