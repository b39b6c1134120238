//! Disks without room and folders that cannot be written to. A limit on a file's length stands in for a full disk: the same
//! write fails, at the same place, on any machine. `tests/faults/run.sh` does the same on a file system that is really full.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::deprived::{bound_by_permissions, on_a_full_disk};
use super::slow_server::SlowServer;
use super::{refusal, serve_refuses};
use crate::onnx_flavor::fixture;
use crate::running::{Running, mlhost, models};

const FLOWERS: &str = r#"{"dataframe_split": {"columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
    "data": [[51, 35, 14, 2]]}}"#;

/// Less than the smallest entry of the code cache, and more than a sandbox's memory image: that is a file as well, though no
/// disk has it.
const IMAGE: u64 = 145_000;

fn iris() -> String {
    models().join("iris").to_str().unwrap().to_owned()
}

#[test]
fn code_that_cannot_be_kept_is_compiled_and_the_log_says_so_once() {
    let cache = tempfile::tempdir().unwrap();
    let mut command = Running::command(&["-m", &iris()]);
    let running = Running::started(on_a_full_disk(command.env("MLHOST_CACHE_DIR", cache.path()), IMAGE));
    assert_eq!(running.ready["code"], "compiled");
    let line = running.logged("the code cache cannot be written to");
    assert!(line.contains("WARN") && line.contains("next start compiles again"), "{line}");
    assert!(running.invoke(FLOWERS).body.contains("setosa"));
    let left: Vec<_> = fs::read_dir(cache.path().join("code"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["key"], "what did not fit is removed");
}

#[test]
fn a_download_without_room_is_refused_with_what_to_do_and_gone_on_with() {
    let cache = tempfile::tempdir().unwrap();
    let server = SlowServer::of(&models().join("iris"));
    let command = || {
        let mut command = Running::command(&["-m", "mlflow-artifacts:/0/m"]);
        command.env("MLFLOW_TRACKING_URI", server.url()).env("MLHOST_CACHE_DIR", cache.path());
        command
    };
    let said = serve_refuses(on_a_full_disk(&mut command(), 10_000));
    assert!(
        said.contains("File too large") && said.contains("hint:") && said.contains("MLHOST_CACHE_DIR"),
        "{said}"
    );
    let running = Running::started(&mut command());
    assert!(running.invoke(FLOWERS).body.contains("setosa"));
    assert_eq!(server.ranges_of("component.wasm").last().unwrap().as_deref(), Some("bytes=10000-"));
}

#[test]
fn package_compile_and_predict_without_room_say_so_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let names = |folder: &Path| fs::read_dir(folder).unwrap().count();
    let output = folder.path().join("model");
    let graph = models().join("magika/magika_v3_3.onnx");
    let mut package = mlhost();
    package.args(["package", "--model"]).arg(graph).arg("-o").arg(&output);
    let (code, said) = refusal(on_a_full_disk(&mut package, 1 << 20));
    assert!(code == 1 && said.contains("File too large") && said.contains("hint:"), "{said}");
    assert_eq!(names(folder.path()), 0, "nothing is left");

    let mut compile = mlhost();
    compile.args(["compile", "--target", "x86_64", "-m", &iris(), "-o"]).arg(folder.path().join("code"));
    let (code, said) = refusal(on_a_full_disk(&mut compile, 50_000));
    assert!(code == 1 && said.contains("File too large"), "{said}");

    let answers = folder.path().join("answers");
    fs::create_dir(&answers).unwrap();
    let model = fixture("tensor");
    let mut predict = mlhost();
    predict
        .args(["predict", "-m"])
        .arg(&model)
        .arg("-i")
        .arg(model.join("serving_input_example.json"))
        .arg("-o")
        .arg(answers.join("answer.json"));
    let (code, said) = refusal(on_a_full_disk(&mut predict, 20));
    assert!(code == 1 && said.contains("cannot write") && said.contains("File too large"), "{said}");
    assert_eq!(names(&answers), 0, "half an answer is no file");
}

#[test]
fn a_cache_that_cannot_be_written_to_keeps_no_model_from_being_served_that_is_here() {
    let cache = tempfile::tempdir().unwrap();
    let closed = cache.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    let mut command = Running::command(&["-m", &iris()]);
    let running = Running::started(bound_by_permissions(command.env("MLHOST_CACHE_DIR", &closed)));
    running.logged("code is compiled at every start");
    assert!(running.invoke(FLOWERS).body.contains("setosa"));

    let server = SlowServer::of(&models().join("iris"));
    let mut command = Running::command(&["-m", "mlflow-artifacts:/0/m"]);
    command.env("MLFLOW_TRACKING_URI", server.url()).env("MLHOST_CACHE_DIR", &closed);
    let said = serve_refuses(bound_by_permissions(&mut command));
    assert!(said.contains("ermission denied") && said.contains("MLHOST_CACHE_DIR"), "{said}");
}

#[test]
fn without_a_home_or_a_folder_for_temporary_files_a_model_is_served() {
    let mut command = Running::command(&["-m", &iris()]);
    for name in ["HOME", "XDG_CACHE_HOME", "MLHOST_CACHE_DIR"] {
        command.env_remove(name);
    }
    let running = Running::started(command.env("TMPDIR", "/nowhere/at/all"));
    assert!(running.logged("there is no folder for compiled code").contains("set MLHOST_CACHE_DIR"));
    assert!(running.invoke(FLOWERS).body.contains("setosa"));
}
