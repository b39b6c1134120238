//! What is compiled and what is not, with the real sample `echo`; no graph, so no ONNX Runtime.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mlhost_nn::Graphs;

use super::*;
use crate::engine::EngineOptions;
use crate::guest::{Guest, Start};
use crate::precompile::{Precompile, Precompiled, precompile};
use crate::wasi::WasiGrants;

const PATIENCE: Duration = Duration::from_secs(60);

fn sample(name: &str) -> Vec<u8> {
    let models = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models"));
    fs::read(models.join(name).join("component.wasm")).unwrap()
}

fn engine(folder: Option<&Path>) -> Engine {
    let options =
        EngineOptions { instances: 4, code_cache: folder.map(Path::to_owned), ..Default::default() };
    Engine::new(&options).unwrap()
}

fn source<'a>(component: &'a [u8], artifact: &str) -> GuestSource<'a> {
    GuestSource {
        name: "test",
        component,
        graphs: Graphs::new(Vec::new()),
        artifacts: BTreeMap::from([("a".to_owned(), artifact.as_bytes().to_vec())]),
        model_config: "{}".to_owned(),
        grants: WasiGrants::default(),
        limits: Limits::default(),
    }
}

async fn load(folder: Option<&Path>, source: GuestSource<'_>) -> Arc<Guest> {
    Guest::load(&engine(folder), source, PATIENCE).await.unwrap()
}

async fn compiled(target: Target, folder: &Path, component: &[u8]) -> Precompiled {
    let options = Precompile { target, folder, patience: PATIENCE };
    precompile(&engine(None), source(component, ""), options).await.unwrap()
}

/// A new folder's path, in a folder that is removed in the end.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("code");
    (parent, folder)
}

/// One variable of this machine's.
fn granted() -> WasiGrants {
    WasiGrants { environment: vec![("TZ".to_owned(), "UTC".to_owned())], read: Vec::new() }
}

/// Whether a snapshot is kept under what it was taken from.
fn has_snapshot(folder: &Path) -> bool {
    let mut names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    names.any(|name| name.to_string_lossy().starts_with("snapshot"))
}

/// The `e_machine` of an ELF file.
fn machine(path: &Path) -> u16 {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..4], b"\x7fELF", "{}", path.display());
    u16::from_le_bytes([bytes[18], bytes[19]])
}

fn other() -> Target {
    Target::ALL.into_iter().find(|target| Some(*target) != Target::of_this_machine()).unwrap()
}

#[test]
fn precompiled_code_from_a_user_is_refused() {
    let (_parent, folder) = folder();
    let engine = engine(Some(&folder));
    let precompiled = engine.wasmtime.precompile_component(&sample("echo")).unwrap();
    assert!(wasmtime::Engine::detect_precompiled(&precompiled).is_some());
    for _ in 0..2 {
        let refused = of_component(&engine, &precompiled).map(|code| code.source);
        assert!(matches!(refused, Err(SandboxError::Compile(_))), "{refused:?}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "only the key");
}

#[tokio::test]
async fn a_second_start_compiles_nothing_and_takes_no_snapshot() {
    let (_parent, folder) = folder();
    let component = sample("echo");
    let first = load(Some(&folder), source(&component, "")).await;
    assert_eq!((first.code(), first.start()), (CodeSource::Compiled, &Start::Snapshot));
    let second = load(Some(&folder), source(&component, "")).await;
    assert_eq!((second.code(), second.start()), (CodeSource::Cache, &Start::Snapshot));
    let without = load(None, source(&component, "")).await;
    assert_eq!(without.code(), CodeSource::Compiled);
}

#[test]
fn an_origin_is_all_that_load_context_can_see() {
    let origin = |source: GuestSource<'_>| {
        let limits = source.limits.clone();
        Origin::new(&source, &limits)
    };
    let plain = || source(b"component", "artifact");
    let less = Limits { memory_bytes: 1, ..Limits::default() };
    let renamed = BTreeMap::from([("b".to_owned(), b"artifact".to_vec())]);
    assert_eq!(origin(plain()), origin(GuestSource { name: "another name", ..plain() }));
    for changed in [
        source(b"another", "artifact"),
        source(b"component", "another"),
        GuestSource { artifacts: renamed, ..plain() },
        GuestSource { artifacts: BTreeMap::new(), ..plain() },
        GuestSource { model_config: "{\"a\":1}".to_owned(), ..plain() },
        GuestSource { limits: less, ..plain() },
        GuestSource { grants: granted(), ..plain() },
    ] {
        assert_ne!(origin(plain()), origin(changed));
    }
}

#[tokio::test]
async fn another_artifact_is_another_snapshot_from_the_same_code() {
    let (_parent, folder) = folder();
    let component = sample("echo");
    load(Some(&folder), source(&component, "")).await;
    let entries = || fs::read_dir(&folder).unwrap().count();
    let before = entries();
    let changed = load(Some(&folder), source(&component, "another")).await;
    assert_eq!(changed.code(), CodeSource::Compiled);
    assert_eq!(entries(), before + 1, "the snapshot's code alone is new");
}

#[tokio::test]
async fn a_component_that_imports_wasi_and_reads_no_clock_is_kept_like_any_other() {
    let (_parent, folder) = folder();
    let component = sample("wasi");
    let first = load(Some(&folder), source(&component, "")).await;
    assert_eq!((first.code(), first.start()), (CodeSource::Compiled, &Start::Snapshot));
    assert!(has_snapshot(&folder));
    let second = load(Some(&folder), source(&component, "")).await;
    assert_eq!((second.code(), second.start()), (CodeSource::Cache, &Start::Snapshot));
}

#[tokio::test]
async fn a_component_that_is_granted_something_runs_load_context_at_every_start() {
    let (_parent, folder) = folder();
    let component = sample("wasi");
    let granted = || GuestSource { grants: granted(), ..source(&component, "") };
    let first = load(Some(&folder), granted()).await;
    assert_eq!((first.code(), first.start()), (CodeSource::Compiled, &Start::Snapshot));
    assert!(!has_snapshot(&folder));
    // It leaves the same behind, so its code is found by its content.
    let second = load(Some(&folder), granted()).await;
    assert_eq!((second.code(), second.start()), (CodeSource::Cache, &Start::Snapshot));
}

#[tokio::test]
async fn code_for_any_machine_of_this_architecture_is_loaded_here() {
    let (_parent, folder) = folder();
    let component = sample("echo");
    let made = compiled(Target::of_this_machine().unwrap(), &folder, &component).await;
    assert_eq!((&made.start, &made.runs_again), (&Start::Snapshot, &None));
    assert_eq!(made.entries.iter().map(|entry| entry.what).collect::<Vec<_>>(), ["snapshot"]);
    let guest = load(Some(&folder), source(&component, "")).await;
    assert_eq!((guest.code(), guest.start()), (CodeSource::Cache, &Start::Snapshot));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing was compiled beside it");
}

#[tokio::test]
async fn code_for_another_architecture_is_that_architectures_and_not_loaded_here() {
    let (_parent, folder) = folder();
    let component = sample("echo");
    let made = compiled(other(), &folder, &component).await;
    let expected = match other() {
        Target::X86_64 => 62,
        Target::Aarch64 => 183,
    };
    assert_eq!(machine(&made.entries[0].path), expected);
    let guest = load(Some(&folder), source(&component, "")).await;
    assert_eq!(guest.code(), CodeSource::Compiled);
    assert!(made.entries[0].path.exists(), "it is another machine's, not a wrong one");
}

#[tokio::test]
async fn what_cannot_be_carried_over_is_compiled_as_it_is_and_the_reason_given() {
    let (_parent, folder) = folder();
    let component = sample("wasi");
    let granted = || GuestSource { grants: granted(), ..source(&component, "") };
    let target = Target::of_this_machine().unwrap();
    let options = Precompile { target, folder: &folder, patience: PATIENCE };
    let made = precompile(&engine(None), granted(), options).await.unwrap();
    assert!(made.runs_again.unwrap().contains("WASI"));
    let whats: Vec<_> = made.entries.iter().map(|entry| entry.what).collect();
    assert_eq!(whats, ["component", "readable", "snapshot"]);
    let guest = load(Some(&folder), granted()).await;
    assert_eq!((guest.code(), guest.start()), (CodeSource::Cache, &Start::Snapshot));
}

#[test]
fn portable_code_asks_for_less_than_this_machine_has() {
    let engine = engine(None);
    let portable = Target::of_this_machine().unwrap().engine().unwrap();
    assert_ne!(Compatibility::of(&portable), Compatibility::of(&engine.wasmtime));
    let again = Target::of_this_machine().unwrap().engine().unwrap();
    assert_eq!(Compatibility::of(&portable), Compatibility::of(&again));
    assert_ne!(Compatibility::of(&portable), Compatibility::of(&other().engine().unwrap()));
}
