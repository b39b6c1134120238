//! The grammar, form by form, and what is refused with which hint.

use super::*;

fn parsed(text: &str) -> ModelUri {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

fn registered(name: &str, which: Which, path: &str) -> ModelUri {
    ModelUri::Registered { name: name.to_owned(), which, path: path.to_owned() }
}

#[test]
fn a_path_is_a_directory_of_this_machine() {
    for (text, path) in [
        ("model", "model"),
        ("./a/b", "./a/b"),
        ("/abs/model", "/abs/model"),
        ("a/b:c", "a/b:c"),
        ("c:", "c:"),
        ("weird:name", "weird:name"),
        ("file:/x/y", "/x/y"),
        ("file:///x/y", "/x/y"),
        ("file://localhost/x", "/x"),
        ("file:relative/x", "relative/x"),
        ("FILE:///x%20y", "/x y"),
    ] {
        assert_eq!(parsed(text), ModelUri::Local(PathBuf::from(path)), "{text}");
    }
}

#[test]
fn models_are_named_as_mlflow_names_them() {
    for (text, expected) in [
        ("models:/iris/1", registered("iris", Which::Version(1), "")),
        ("models:/iris/1/", registered("iris", Which::Version(1), "")),
        ("models:/iris/007", registered("iris", Which::Version(7), "")),
        ("models:/iris/latest", registered("iris", Which::Latest, "")),
        ("models:/iris/LATEST", registered("iris", Which::Latest, "")),
        ("models:/iris@latest", registered("iris", Which::Latest, "")),
        ("models:/iris/Production", registered("iris", Which::Stage("Production".into()), "")),
        ("models:/iris/production", registered("iris", Which::Stage("Production".into()), "")),
        ("models:/iris/none", registered("iris", Which::Stage("None".into()), "")),
        ("models:/iris@champion", registered("iris", Which::Alias("champion".into()), "")),
        ("models:/a@b@champion", registered("a@b", Which::Alias("champion".into()), "")),
        ("models:/iris 2/1", registered("iris 2", Which::Version(1), "")),
        ("models:/iris/3/sub/path", registered("iris", Which::Version(3), "sub/path")),
        ("models:/iris@champion/sub/path", registered("iris", Which::Alias("champion".into()), "sub/path")),
        ("models:/m-0123abcd", ModelUri::Logged { id: "m-0123abcd".into() }),
        ("models:/m-0123abcd/2", registered("m-0123abcd", Which::Version(2), "")),
    ] {
        assert_eq!(parsed(text), expected, "{text}");
    }
}

#[test]
fn runs_artifacts_buckets_and_archives() {
    let run = |path: &str| ModelUri::Run { run: "2ddd1e".into(), path: path.into() };
    assert_eq!(parsed("runs:/2ddd1e/model"), run("model"));
    assert_eq!(parsed("runs:/2ddd1e//a/b/"), run("a/b"));
    assert_eq!(parsed("runs:/2ddd1e"), run(""));
    let artifacts = |server: Option<&str>, path: &str| ModelUri::Artifacts {
        server: server.map(str::to_owned),
        path: path.into(),
    };
    assert_eq!(parsed("mlflow-artifacts:/0/models/m-1/artifacts"), artifacts(None, "0/models/m-1/artifacts"));
    assert_eq!(parsed("mlflow-artifacts:///0/x"), artifacts(None, "0/x"));
    assert_eq!(parsed("mlflow-artifacts://host:5000/x"), artifacts(Some("host:5000"), "x"));
    for text in [
        "s3://bucket/a/b",
        "gs://bucket",
        "az://container/a",
        "abfss://container@account.dfs.core.windows.net/a",
        "wasbs://container@account.blob.core.windows.net/a",
    ] {
        assert!(matches!(parsed(text), ModelUri::Bucket(_)), "{text}");
    }
    for text in
        ["https://host/m.tar.gz", "http://host/m.TGZ?sig=1", "https://host/a/m.zip", "https://host/m.tar"]
    {
        assert!(matches!(parsed(text), ModelUri::Archive(_)), "{text}");
    }
}

#[test]
fn what_is_almost_right_is_refused_with_what_was_meant() {
    for (text, hint) in [
        ("", "write a directory"),
        ("a\nb", "one line"),
        ("model:/iris/1", "did you mean `models:`"),
        ("run:/x/y", "did you mean `runs:`"),
        ("mlflow-artifact:/x", "did you mean `mlflow-artifacts:`"),
        ("htps://host/m.zip", "did you mean `https:`"),
        ("nothing://x", "mlhost reads"),
        ("hdfs://x/y", "mlflow artifacts download"),
        ("dbfs:/x", "mlflow artifacts download"),
        ("models:iris/1", "did you mean `models:/iris/1`?"),
        ("models://iris/1", "did you mean `models:/iris/1`?"),
        ("models:", "models:/NAME/VERSION"),
        ("models:/", "models:/NAME/VERSION"),
        ("models:/iris", "`models:/iris/latest`"),
        ("models:/iris/", "`models:/iris/latest`"),
        ("models:/iris/v3", "did you mean `models:/iris/3`?"),
        ("models:/iris/lates", "did you mean `models:/iris/latest`?"),
        ("models:/iris/prodution", "did you mean `models:/iris/production`?"),
        ("models:/iris/champion", "`models:/iris@champion`"),
        ("models:/iris@", "models:/NAME@ALIAS"),
        ("models:/@champion", "models:/NAME@ALIAS"),
        ("models:/iris@champion/3", "`models:/iris@champion` or `models:/iris/3`"),
        ("models:/iris/99999999999999999999999", "models:/NAME/VERSION"),
        ("models:/iris/1/../2", "name the folder itself"),
        ("runs:/", "runs:/RUN_ID/PATH"),
        ("runs:x/y", "did you mean `runs:/x/y`?"),
        ("runs://x/y", "did you mean `runs:/x/y`?"),
        ("runs:/a b/model", "runs:/RUN_ID/PATH"),
        ("runs:/x/../y", "name the folder itself"),
        ("file://host/x", "file:///PATH"),
        ("file:", "file:///PATH"),
        ("file:///a%00b", "file:///PATH"),
        ("mlflow-artifacts:x", "mlflow-artifacts:/PATH"),
        ("mlflow-artifacts://5000/x", "mlflow-artifacts:/PATH"),
        ("mlflow-artifacts://me:x@host/x", "mlflow-artifacts:/PATH"),
        ("mlflow-artifacts:/a/../../b", "name the folder itself"),
        ("s3:/bucket", "s3://BUCKET/PATH"),
        ("s3://bucket/a?x=1", "s3://BUCKET/PATH"),
        ("https://host/model", ".tar.gz"),
        ("https://", ".tar.gz"),
    ] {
        match text.parse::<ModelUri>() {
            Ok(found) => panic!("`{text}` is taken as {found:?}"),
            Err(error) => {
                let found = error.hint().unwrap_or_default();
                assert!(found.contains(hint), "`{text}`: {error}; hint: {found}");
            }
        }
    }
}

#[test]
fn a_refused_uri_shows_no_secret() {
    for text in
        ["https://me:hunter2@host/model", "https://host/model?sig=hunter2", "s3://me:hunter2@bucket/x"]
    {
        let error = text.parse::<ModelUri>().unwrap_err();
        assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("hunter2"), "{error:?}");
    }
}

#[test]
fn what_is_shown_means_the_same() {
    for text in [
        "models:/iris/1",
        "models:/iris/latest/sub",
        "models:/iris/Staging",
        "models:/iris@champion/a/b",
        "models:/m-1",
        "runs:/1/a/b",
        "mlflow-artifacts:/a",
        "mlflow-artifacts://host:1/a",
        "s3://bucket/a",
        "/a/b",
    ] {
        assert_eq!(parsed(text).to_string(), text);
    }
}

#[test]
fn a_models_folder_is_called_by_what_tells_it_apart() {
    for (text, label) in [
        ("models:/iris 2/1", "iris_2"),
        ("models:/../1", "model"),
        ("models:/m-1", "m-1"),
        ("runs:/1/a/iris", "iris"),
        ("runs:/1", "1"),
        ("mlflow-artifacts:/0/models/m-1/artifacts", "m-1"),
        ("mlflow-artifacts:/", "model"),
        ("s3://bucket/a/my%20iris/", "my_iris"),
        ("s3://bucket", "bucket"),
        ("https://host/İris-1.TAR.GZ?sig=1", "İris-1"),
        ("https://host/.zip", "model"),
    ] {
        assert_eq!(parsed(text).label(), label, "{text}");
    }
}
