//! kill -9: at any moment of a download, of a write and of a reload. What is found afterwards is whole or is not used.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::deprived::{Limit, limited};
use super::slow_server::SlowServer;
use crate::running::{Running, mlhost, models};

const FLOWERS: &str = r#"{"dataframe_split": {"columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
    "data": [[51, 35, 14, 2]]}}"#;

/// Every file below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn serve(server: &SlowServer, cache: &Path) -> Command {
    let mut command = Running::command(&["-m", "mlflow-artifacts:/0/m"]);
    command.env("MLFLOW_TRACKING_URI", server.url()).env("MLHOST_CACHE_DIR", cache);
    command
}

#[test]
fn a_download_that_was_killed_is_gone_on_with_and_half_a_model_is_never_served() {
    let cache = tempfile::tempdir().unwrap();
    let iris = models().join("iris");
    let server = SlowServer::of(&iris);
    let component = fs::metadata(iris.join("component.wasm")).unwrap().len();
    for part in [3, 2] {
        server.send_at_most(component / part);
        let mut child =
            serve(&server, cache.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        server.until_it_waits();
        // What was sent is on its way: a moment to arrive in.
        std::thread::sleep(Duration::from_millis(300));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(files_below(&cache.path().join("models/folders")).is_empty(), "half a model has a folder");
    }
    server.send_at_most(u64::MAX);
    let running = Running::started(&mut serve(&server, cache.path()));
    assert!(running.invoke(FLOWERS).body.contains("setosa"));
    let ranges = server.ranges_of("component.wasm");
    let last = ranges.last().unwrap().as_deref().unwrap_or_default();
    assert_eq!(last, format!("bytes={}-", component / 2), "of {ranges:?}");
    let folder = files_below(&cache.path().join("models/folders"));
    for name in ["MLmodel", "component.wasm", "iris.onnx", "labels.txt"] {
        let file = folder.iter().find(|path| path.ends_with(name)).unwrap();
        assert_eq!(fs::read(file).unwrap(), fs::read(iris.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn a_kill_at_any_moment_of_a_start_leaves_nothing_that_the_next_one_stumbles_over() {
    let cache = tempfile::tempdir().unwrap();
    let server = SlowServer::of(&models().join("iris"));
    for moment in 1..=10 {
        let mut child =
            serve(&server, cache.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 * moment));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // Twice: the second start has all from the cache, and it is what the first one answered with.
    let answers = [0, 1].map(|_| {
        let running = Running::started(&mut serve(&server, cache.path()));
        let answer = running.invoke(FLOWERS).json();
        (running.ready["code"].clone(), answer)
    });
    assert_eq!(answers[0].1, answers[1].1);
    assert_eq!(answers[0].1["predictions"][0]["species"], "setosa");
    assert_eq!(answers[1].0, "cache");
}

/// The system itself kills the process, in the middle of the write that makes a file longer than this.
#[test]
fn a_kill_amid_the_write_of_compiled_code_leaves_no_entry_and_the_next_start_compiles() {
    let cache = tempfile::tempdir().unwrap();
    let model = models().join("iris");
    let command = || {
        let mut command = Running::command(&["-m", model.to_str().unwrap()]);
        command.env("MLHOST_CACHE_DIR", cache.path());
        command
    };
    let output = limited(&mut command(), Limit::FileSize, 50_000).output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGXFSZ), "{output:?}");
    let whole = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "cwasm");
    let left = files_below(&cache.path().join("code"));
    assert!(
        !left.iter().any(whole) && left.len() > 1,
        "the key and half an entry under another name: {left:?}"
    );
    for expected in ["compiled", "cache"] {
        let running = Running::started(&mut command());
        assert_eq!(running.ready["code"], expected);
        assert!(running.invoke(FLOWERS).body.contains("setosa"));
    }
}

#[test]
fn a_kill_amid_the_download_of_a_file_leaves_what_is_gone_on_with() {
    let cache = tempfile::tempdir().unwrap();
    let server = SlowServer::of(&models().join("iris"));
    let mut killed = serve(&server, cache.path());
    let output = limited(&mut killed, Limit::FileSize, 10_000).output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGXFSZ), "{output:?}");
    assert!(files_below(&cache.path().join("models/folders")).is_empty());
    let running = Running::started(&mut serve(&server, cache.path()));
    assert!(running.invoke(FLOWERS).body.contains("setosa"));
    assert_eq!(server.ranges_of("component.wasm").last().unwrap().as_deref(), Some("bytes=10000-"));
}

#[test]
fn a_kill_amid_package_or_compile_leaves_the_old_model_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("model");
    let graph = |name: &str| models().join(name).to_str().unwrap().to_owned();
    let package = |graph: &str| {
        let mut command = mlhost();
        command.args(["package", "--force", "--model", graph, "-o"]).arg(&output);
        command
    };
    let large = graph("magika/magika_v3_3.onnx");
    let killed = || {
        let status = limited(&mut package(&large), Limit::FileSize, 1 << 20).output().unwrap().status;
        assert_eq!(status.signal(), Some(libc::SIGXFSZ), "{status}");
    };
    killed();
    assert!(!output.exists(), "half a model is at its place");
    assert!(package(&graph("iris/iris.onnx")).output().unwrap().status.success());
    let before = fs::read(output.join("MLmodel")).unwrap();
    killed();
    assert_eq!(fs::read(output.join("MLmodel")).unwrap(), before);
    let validated = mlhost().arg("validate").arg(&output).output().unwrap();
    assert!(validated.status.success(), "{validated:?}");

    let code = folder.path().join("code");
    let compile = || {
        let mut command = mlhost();
        let model = models().join("iris");
        command.args(["compile", "--json", "--target", "x86_64", "-m"]).arg(model).arg("-o").arg(&code);
        command.env("MLHOST_CACHE_DIR", folder.path().join("cache"));
        command
    };
    // So that the folder that is written to is the output alone.
    assert!(compile().output().unwrap().status.success());
    fs::remove_dir_all(&code).unwrap();
    let status = limited(&mut compile(), Limit::FileSize, 50_000).output().unwrap().status;
    assert_eq!(status.signal(), Some(libc::SIGXFSZ), "{status}");
    let whole = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "cwasm");
    assert!(!files_below(&code).iter().any(whole), "{:?}", files_below(&code));
    let compiled = compile().output().unwrap();
    let report: Value = serde_json::from_slice(&compiled.stdout).unwrap();
    assert_eq!(report["start"], "snapshot", "{compiled:?}");
}

#[test]
fn a_kill_during_a_reload_leaves_a_start_with_the_version_that_is_wanted_then() {
    let folder = tempfile::tempdir().unwrap();
    let current = folder.path().join("current");
    let point = |model: &str| {
        let new = folder.path().join("new");
        symlink(models().join(model), &new).unwrap();
        fs::rename(&new, &current).unwrap();
    };
    for (moment, model) in [(0, "echo"), (10, "iris"), (40, "echo"), (120, "iris"), (250, "echo")] {
        point("iris");
        let flags = ["-m", current.to_str().unwrap(), "--watch", "20ms"];
        let mut command = Running::command(&flags);
        let running = Running::started(command.env("MLHOST_CACHE_DIR", folder.path().join("cache")));
        point(model);
        std::thread::sleep(Duration::from_millis(moment));
        running.signal(libc::SIGKILL);
        drop(running);
        let mut command = Running::command(&flags);
        let running = Running::started(command.env("MLHOST_CACHE_DIR", folder.path().join("cache")));
        assert_eq!(running.invoke(FLOWERS).body.contains("setosa"), model == "iris", "{model}");
    }
}
