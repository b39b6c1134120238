//! Compiled code on disk: found again, for any machine of an architecture where it was made in advance, and never run
//! where anything about it is not as it was written. Each test has a cache folder of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::running::{Running, mlhost, models};

/// `MLHOST_CACHE_DIR` of one test.
struct CacheDir(tempfile::TempDir);

// === impl CacheDir ===

impl CacheDir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn code(&self) -> PathBuf {
        self.0.path().join("code")
    }

    /// The files with code in them.
    fn entries(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.code()).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
    }

    fn serve(&self, flags: &[&str]) -> Running {
        Running::start_with(flags, &[("MLHOST_CACHE_DIR", self.path())])
    }

    /// Serves the sample iris.
    fn iris(&self) -> Running {
        self.serve(&["-m", iris().to_str().unwrap()])
    }

    /// `mlhost compile` into this cache; its report.
    fn compile(&self, target: &str, model: &Path) -> Value {
        let output = mlhost()
            .args(["compile", "--json", "--target", target, "-m"])
            .arg(model)
            .arg("-o")
            .arg(self.code())
            // What it compiles for this machine on the way goes elsewhere.
            .env("MLHOST_CACHE_DIR", self.0.path().join("elsewhere"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn iris() -> PathBuf {
    models().join("iris")
}

fn call() -> String {
    fs::read_to_string(
        crate::samples::sorted(&iris().join("calls")).iter().find(|call| is_json(call)).unwrap(),
    )
    .unwrap()
}

fn is_json(call: &str) -> bool {
    call.ends_with(".request.json")
}

/// What iris answers to its first call.
fn answer(server: &Running) -> Value {
    let answer = server.invoke(&call());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn code(server: &Running) -> &str {
    assert_eq!(server.ready["snapshot"], json!(true));
    server.ready["code"].as_str().unwrap()
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The `e_machine` of an ELF file.
fn machine(path: &Path) -> u16 {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..4], b"\x7fELF", "{}", path.display());
    u16::from_le_bytes([bytes[18], bytes[19]])
}

/// This machine's architecture and the other one, each with its `e_machine`.
fn architectures() -> [(&'static str, u16); 2] {
    let both = [("x86_64", 62), ("aarch64", 183)];
    if std::env::consts::ARCH == "x86_64" { both } else { [both[1], both[0]] }
}

#[test]
fn a_second_start_finds_its_code_and_answers_the_same() {
    let cache = CacheDir::new();
    let first = cache.iris();
    assert_eq!(code(&first), "compiled");
    first.logged(r#""source":"compiled""#);
    let second = cache.iris();
    assert_eq!(code(&second), "cache");
    let line = second.logged("code loaded");
    assert!(line.contains(r#""source":"cache""#) && line.contains(r#""microseconds":"#), "{line}");
    assert_eq!(answer(&first), answer(&second));
}

#[test]
fn no_code_is_kept_or_used_where_the_operator_says_so() {
    let cache = CacheDir::new();
    let flags = ["-m", iris().to_str().unwrap(), "--no-code-cache"].map(str::to_owned);
    let flags = flags.each_ref().map(String::as_str);
    assert_eq!(code(&cache.serve(&flags)), "compiled");
    assert!(!cache.code().exists());
    drop(cache.iris());
    assert_eq!(code(&cache.serve(&flags)), "compiled");
}

#[test]
fn a_flipped_byte_in_any_entry_is_found_and_the_code_made_anew() {
    let cache = CacheDir::new();
    let expected = answer(&cache.iris());
    let entries = cache.entries();
    assert!(entries.len() >= 3, "component, instrumented component, snapshot: {entries:?}");
    for place in [0, 1, 2] {
        for entry in &entries {
            let mut bytes = fs::read(entry).unwrap();
            // The first byte, one amid the code, one of the MAC.
            let position = [0, bytes.len() / 2, bytes.len() - 1][place];
            bytes[position] ^= 0x10;
            fs::write(entry, bytes).unwrap();
        }
        let server = cache.iris();
        assert_eq!(code(&server), "compiled");
        server.logged("an entry of the code cache is refused");
        assert_eq!(answer(&server), expected);
        let again = cache.iris();
        assert_eq!(code(&again), "cache");
        assert_eq!(answer(&again), expected);
    }
}

#[test]
fn code_written_under_another_key_is_not_run() {
    let (ours, theirs) = (CacheDir::new(), CacheDir::new());
    let expected = answer(&theirs.iris());
    drop(ours.serve(&["-m", models().join("echo").to_str().unwrap()]));
    for entry in theirs.entries() {
        fs::copy(&entry, ours.code().join(entry.file_name().unwrap())).unwrap();
    }
    let server = ours.iris();
    assert_eq!(code(&server), "compiled");
    server.logged("not what was written under this folder's key");
    assert_eq!(answer(&server), expected);
    assert_eq!(code(&ours.iris()), "cache");
}

#[test]
fn a_folder_that_cannot_be_trusted_or_made_is_said_and_not_used() {
    let cache = CacheDir::new();
    drop(cache.iris());
    let before = cache.entries().len();
    mode(&cache.code(), 0o777);
    let server = cache.iris();
    assert_eq!(code(&server), "compiled");
    let line = server.logged("cannot be used");
    assert!(line.contains("others may use it") && line.contains("WARN"), "{line}");
    answer(&server);
    assert_eq!(cache.entries().len(), before);

    let file = cache.0.path().join("file");
    fs::write(&file, "").unwrap();
    let folder = iris();
    let server = Running::start_with(
        &["-m", folder.to_str().unwrap()],
        &[("MLHOST_CACHE_DIR", file.to_str().unwrap())],
    );
    assert_eq!(code(&server), "compiled");
    server.logged("it cannot be made");
}

#[test]
fn servers_that_start_at_once_share_the_folder() {
    let cache = CacheDir::new();
    let servers: Vec<Running> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(|| cache.iris())).collect();
        starting.into_iter().map(|server| server.join().unwrap()).collect()
    });
    let answers: Vec<Value> = servers.iter().map(answer).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let next = cache.iris();
    assert_eq!(code(&next), "cache");
    assert_eq!(answer(&next), answers[0]);
}

#[test]
fn another_configuration_is_another_snapshot() {
    let cache = CacheDir::new();
    let component = iris().join("component.wasm");
    let graph = iris().join("iris.onnx");
    let labels = cache.0.path().join("labels.txt");
    let serve = |text: &str| {
        fs::write(&labels, text).unwrap();
        let flags = ["--component", "--model", "--artifact"];
        let files = [&component, &graph, &labels];
        let flags: Vec<&str> =
            flags.iter().zip(files).flat_map(|(flag, file)| [*flag, file.to_str().unwrap()]).collect();
        let server = cache.serve(&flags);
        let answer = answer(&server);
        let species = answer["predictions"][0]["species"].as_str().unwrap().to_owned();
        (code(&server).to_owned(), species)
    };
    assert_eq!(serve("a\nb\nc\n").0, "compiled");
    let (source, species) = serve("d\ne\nf\n");
    assert_eq!(source, "compiled");
    assert!("def".contains(&species), "{species}");
    let (source, species) = serve("a\nb\nc\n");
    assert_eq!(source, "cache");
    assert!("abc".contains(&species), "{species}");
}

#[test]
fn code_made_in_advance_for_this_architecture_is_served_without_compiling() {
    let [(own, elf), _] = architectures();
    let cache = CacheDir::new();
    let report = cache.compile(own, &iris());
    assert_eq!((&report["target"], &report["start"]), (&json!(own), &json!("snapshot")), "{report}");
    assert_eq!(report["load_context_at_start"], json!(null), "{report}");
    for entry in cache.entries() {
        assert_eq!(machine(&entry), elf);
    }
    let before = cache.entries();
    let server = cache.iris();
    assert_eq!(code(&server), "cache");
    assert_eq!(answer(&server), answer(&CacheDir::new().iris()));
    assert_eq!(cache.entries(), before, "nothing was compiled beside it");
}

#[test]
fn code_made_in_advance_for_another_architecture_is_that_architectures_and_not_run_here() {
    let [_, (other, elf)] = architectures();
    let cache = CacheDir::new();
    let report = cache.compile(other, &iris());
    let file = cache.code().join(report["entries"][0]["file"].as_str().unwrap());
    assert_eq!(machine(&file), elf, "{report}");
    let server = cache.iris();
    assert_eq!(code(&server), "compiled");
    answer(&server);
}

#[test]
fn what_cannot_be_compiled_in_advance_is_said_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("code");
    let fails = |arguments: &[&str]| {
        let run = mlhost().arg("compile").args(arguments).arg("-o").arg(&output).output().unwrap();
        assert!(run.stdout.is_empty(), "{run:?}");
        (run.status.code(), String::from_utf8(run.stderr).unwrap())
    };
    let graph = iris().join("iris.onnx");
    let (status, error) = fails(&["--target", "x86_64", "--model", graph.to_str().unwrap()]);
    assert_eq!(status, Some(1));
    assert!(error.contains("has no component") && error.contains("hint:"), "{error}");
    let model = iris();
    let (status, error) = fails(&["--target", "riscv64", "-m", model.to_str().unwrap()]);
    assert_eq!(status, Some(2));
    assert!(error.contains("`x86_64` or `aarch64`"), "{error}");
    let trap = models().join("hostile/trap_in_load_context");
    let (status, error) = fails(&["--target", "x86_64", "-m", trap.to_str().unwrap()]);
    assert_eq!(status, Some(1));
    assert!(error.contains("load-context failed"), "{error}");
    assert!(!output.exists(), "nothing is left of what failed");
    fs::create_dir(&output).unwrap();
    mode(&output, 0o777);
    let echo = models().join("echo");
    let (status, error) = fails(&["--target", "x86_64", "-m", echo.to_str().unwrap()]);
    assert_eq!(status, Some(1));
    assert!(error.contains("others may use it"), "{error}");
}

#[test]
fn the_table_says_what_was_made_and_where_a_start_begins() {
    let cache = CacheDir::new();
    let component = models().join("wasi/component.wasm");
    let table = mlhost()
        .args(["compile", "--target", "aarch64", "--component"])
        .arg(&component)
        .arg("-o")
        .arg(cache.code())
        .output()
        .unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("target  aarch64") && table.contains("start   snapshot; load-context ran"),
        "{table}"
    );
    for entry in cache.entries() {
        assert!(table.contains(entry.file_name().unwrap().to_str().unwrap()), "{table}");
    }
}

#[test]
fn compiled_code_is_never_taken_from_a_user() {
    let [(own, _), _] = architectures();
    let cache = CacheDir::new();
    cache.compile(own, &models().join("echo"));
    let entry = cache.entries().remove(0);
    let bytes = fs::read(&entry).unwrap();
    let given = cache.0.path().join("component.wasm");
    // As it lies in the cache, and without its MAC, as `wasmtime compile` would write it.
    for end in [bytes.len(), bytes.len() - 32] {
        fs::write(&given, &bytes[..end]).unwrap();
        let run = mlhost().args(["serve", "-p", "0", "--component"]).arg(&given).output().unwrap();
        let error = String::from_utf8(run.stderr).unwrap();
        assert_eq!(run.status.code(), Some(1), "{error}");
        assert!(error.contains("cannot compile the component"), "{error}");
    }
}
