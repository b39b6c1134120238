//! What is refused, and that the first thing said about it names the place and the reason.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model_file::ModelFile;

#[test]
fn a_broken_mlhost_flavor_says_what_is_wrong() {
    for (flavor, expected) in [
        ("{grpahs: {a: model.onnx}}", "line 2, column 12: unknown key `grpahs` (did you mean `graphs`?)"),
        ("{zzzzzzzz: 1}", "unknown key `zzzzzzzz`, the known keys are `component`, `graphs`"),
        ("{limits: {memroy: 1MiB}}", "unknown key `memroy` (did you mean `memory`?)"),
        ("{limits: {memory: 64MB}}", "`64MB` is no size: write a whole number"),
        ("{limits: {memory: 64}}", "`64` is no size"),
        ("{limits: {time: 5}}", "`5` is no time"),
        ("{limits: {concurrency: 0}}", "`0` is no count"),
        (
            "{component: component.wasm, graphs: {iris: model.onnx}, batching: {irsi: {max_rows: 4}}}",
            "did you mean `iris`?",
        ),
        ("{batching: {iris: {max_rows: 0}}}", "`0` is no count"),
        ("{batching: {iris: {max_rows: 5000000000}}}", "`5000000000` is no count"),
        ("{batching: {iris: {max_delay: soon}}}", "`soon` is no time"),
        ("{batching: {iris: {max_row: 1}}}", "did you mean `max_rows`?"),
        ("{limits: {concurrency: many}}", "`many` is no count"),
        ("{grants: ['net:example:80']}", "`net:example:80` is no grant: write `env:NAME`"),
        ("{accepts: [image]}", "`image` is no media type"),
        ("{graphs: {'': model.onnx}}", "`` is no name"),
        ("{graphs: {a: model.onnx, a: labels.json}}", "line 2"),
        ("{graphs: [model.onnx]}", "line 2"),
        ("{component: ../x.wasm}", "the path `../x.wasm` of the component has `..` in it"),
        ("{component: graphs/../component.wasm}", "has `..` in it"),
        ("{component: /etc/passwd}", "the path `/etc/passwd` of the component is absolute"),
        ("{component: ''}", "is empty"),
        ("{component: graphs}", "the path `graphs` of the component is not a file"),
        ("{graphs: {a: b.onnx}}", "the file `b.onnx` of graph `a` is not in the model directory"),
        ("{graphs: {a: model.onnx/x}}", "the file `model.onnx/x` of graph `a` is not in the model directory"),
        ("{graphs: {a: \"x\\0y\"}}", "cannot read"),
        ("{component: component.wasm, artifacts: {a: b}}", "the file `b` of artifact `a` is not in"),
        ("{}", "names no graph and no component"),
        ("", "names no graph and no component"),
        ("{graphs: {a: model.onnx, b: model.onnx}}", "the graphs `a`, `b` and no component"),
        ("7", "line 2, column 11"),
    ] {
        let message = mlhost(flavor).unwrap_err().to_string();
        assert!(message.contains(expected), "{flavor}: {message}");
        assert!(!message.contains(char::is_control), "{flavor}: {message}");
    }
}

#[test]
fn a_broken_model_file_says_what_is_wrong_and_where() {
    for (text, expected) in [
        ("flavors:\n  onnx: {data: [\n", "MLmodel` line "),
        ("flavors: {onnx: {data: model.onnx}}\nsignature: {inputs: '[{'}", "in `signature`: "),
        ("flavors: {onnx: {data: model.onnx}}\nsignature: 5", "line 2, column 12"),
        ("flavors: {onnx: {data: lost.onnx}}", "the file `lost.onnx` of `flavors.onnx.data` is not in"),
        ("flavors: {onnx: {}}", "names no graph and no component"),
        ("flavors: {python_function: {config: 5}, onnx: {data: model.onnx}}", "line 1, column "),
        ("flavors: {onnx: {data: model.onnx}}\n---\nflavors: {}", "MLmodel` line "),
        ("flavors: [onnx]", "line 1, column 10"),
        ("", "MLmodel`"),
        ("a: b", "has neither flavor `onnx` nor flavor `mlhost`; it has none"),
        ("\u{1b}[2Jx: [", "MLmodel`"),
    ] {
        let message = open(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{text:?}: {message}");
        assert!(!message.contains(char::is_control), "{text:?}: {message}");
    }
}

#[test]
fn a_model_of_another_kind_is_refused_with_its_converter() {
    let refused =
        open("flavors: {python_function: {loader_module: mlflow.sklearn}, sklearn: {}}").unwrap_err();
    assert!(refused.to_string().contains("it has `python_function`, `sklearn`"), "{refused}");
    assert!(refused.hint().unwrap().contains("python -m mlhost.convert"), "{refused}");
    let refused = open(MLFLOW_PYFUNC).unwrap_err();
    assert!(refused.hint().unwrap().contains("convert the model to ONNX"), "{refused}");
}

#[test]
fn a_link_may_stay_inside_the_directory_and_not_leave_it() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    let directory = directory("flavors: {onnx: {data: link.onnx}}");
    let (root, link) = (directory.path(), directory.path().join("link.onnx"));
    symlink("graphs/iris.onnx", &link).unwrap();
    let bundle = Bundle::open(root).unwrap();
    assert_eq!(bundle.graphs[0].name, "link");
    assert_eq!(bundle.graphs[0].path, root.canonicalize().unwrap().join("graphs/iris.onnx"));
    for target in [outside.path().join("secret"), Path::new("../../../../../../../../etc/passwd").to_owned()]
    {
        fs::remove_file(&link).unwrap();
        symlink(&target, &link).unwrap();
        let message = Bundle::open(root).unwrap_err().to_string();
        assert!(message.contains("is a link that leads out of the model directory"), "{message}");
    }
    // The directory itself may be reached through a link: that is the operator's own choice.
    let alias = outside.path().join("alias");
    fs::write(root.join("MLmodel"), MLFLOW_ONNX).unwrap();
    symlink(root, &alias).unwrap();
    assert_eq!(Bundle::open(&alias).unwrap().directory, root.canonicalize().unwrap());
}

#[test]
fn what_is_no_regular_file_is_never_opened() {
    let directory = directory("flavors: {onnx: {data: socket}}");
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("socket")).unwrap();
    let message = Bundle::open(directory.path()).unwrap_err().to_string();
    assert!(message.contains("the path `socket` of `flavors.onnx.data` is not a file"), "{message}");
}

#[test]
fn a_path_that_is_no_model_directory_is_refused_with_a_hint() {
    let directory = directory(MLFLOW_ONNX);
    let root = directory.path();
    for (path, expected) in [
        (root.join("nowhere"), "cannot open the model directory"),
        (root.join("model.onnx"), "is not a directory"),
        (root.join("graphs"), "is no model directory: it has no file `MLmodel`"),
    ] {
        let refused = Bundle::open(&path).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
        assert!(refused.hint().is_some(), "{refused}");
    }
    let logged = root.join("m-1/artifacts");
    fs::create_dir_all(&logged).unwrap();
    fs::copy(root.join("MLmodel"), logged.join("MLmodel")).unwrap();
    fs::copy(root.join("model.onnx"), logged.join("model.onnx")).unwrap();
    assert_eq!(Bundle::open(&logged).unwrap().name, "m-1");
}

#[test]
fn files_over_their_size_are_not_read() {
    let directory = directory(EVERYTHING);
    let bundle = Bundle::open(directory.path()).unwrap();
    // Sparse files: no disk is used.
    for (file, bytes) in
        [("labels.json", ARTIFACT_BYTES + 1), ("component.wasm", COMPONENT_BYTES + 1), ("MLmodel", 1 << 30)]
    {
        fs::OpenOptions::new().write(true).open(directory.path().join(file)).unwrap().set_len(bytes).unwrap();
    }
    assert!(matches!(bundle.read_artifacts(), Err(BundleError::TooLarge { .. })));
    assert!(matches!(bundle.read_component(), Err(BundleError::TooLarge { .. })));
    assert!(matches!(Bundle::open(directory.path()), Err(BundleError::TooLarge { .. })));
}

#[test]
fn a_file_that_went_away_after_opening_is_an_error() {
    let directory = directory(EVERYTHING);
    let bundle = Bundle::open(directory.path()).unwrap();
    fs::remove_file(directory.path().join("labels.json")).unwrap();
    assert!(matches!(bundle.read_artifacts(), Err(BundleError::Unreadable { .. })));
}

#[test]
fn yaml_bombs_are_refused() {
    let mut aliases = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        aliases.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    let scalar = format!(
        "flavors:\n  onnx: {{data: model.onnx}}\n  python_function:\n    config:\n      a: &a {}\n      b: [{}]\n",
        "x".repeat(1 << 20),
        vec!["*a"; 90].join(", ")
    );
    for (name, text) in [
        ("aliases in what is skipped", format!("{aliases}flavors: {{onnx: {{data: model.onnx}}}}\n")),
        ("one large scalar many times", scalar),
        ("flow depth", format!("flavors: {}", "[".repeat(100_000))),
        ("block depth", format!("flavors: {}x", "- ".repeat(100_000))),
        ("mapping depth", format!("x: {}", "{a: ".repeat(100_000))),
        (
            "depth inside the config",
            format!(
                "flavors: {{onnx: {{data: model.onnx}}, python_function: {{config: {{a: {}{}}}}}}}",
                "[".repeat(200),
                "]".repeat(200)
            ),
        ),
    ] {
        let refused = open(&text).unwrap_err();
        assert!(matches!(refused, BundleError::Malformed { .. }), "{name}: {refused}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_as_a_model_file_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = ModelFile::parse_all(&bytes, Path::new("MLmodel"));
    }

    #[test]
    fn a_model_file_with_anything_spliced_in_never_panics(
        at in any::<proptest::sample::Index>(),
        cut in 0..40usize,
        splice in "[\\PC\\n\\t ]{0,20}",
    ) {
        let mut bytes = EVERYTHING.as_bytes().to_vec();
        let start = at.index(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, splice.bytes());
        let _ = ModelFile::parse_all(&bytes, Path::new("MLmodel"));
    }
}
