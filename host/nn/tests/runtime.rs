//! Loading the library. One test, since a process loads it once: everything before the library is there, then after.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlhost_nn::{Graph, GraphOptions, NnError, initialize, runtime_version};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

fn message(result: Result<(), NnError>) -> String {
    match result {
        Err(NnError::RuntimeLoad { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}

/// The C library that this process runs on.
fn c_library() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).map(PathBuf::from);
    let is_c_library = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("libc."))
    };
    paths.find(is_c_library).expect("the C library among the mapped files")
}

/// Counts the events under ONNX Runtime's target, of every level.
#[derive(Clone, Default)]
struct Events(Arc<AtomicUsize>);

impl Subscriber for Events {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "onnxruntime"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn the_library_is_loaded_once_and_what_is_not_it_is_refused() {
    let events = Events::default();
    tracing::subscriber::set_global_default(events.clone()).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/iris.onnx");
    let load = || Graph::load("iris", &model, &GraphOptions::default()).map(|_| ());

    assert_eq!(load(), Err(NnError::RuntimeNotLoaded));
    assert_eq!(runtime_version(), None);
    let missing = PathBuf::from("no/such/libonnxruntime.so");
    let text = initialize(&missing).unwrap_err().to_string();
    assert!(text.starts_with("cannot load ONNX Runtime from `no/such/libonnxruntime.so`: "), "{text}");
    // A file that is no library at all, and a library that is another one.
    assert!(!message(initialize(&model)).is_empty());
    if cfg!(target_os = "linux") {
        let found = message(initialize(&c_library()));
        assert_eq!(found, "it does not export `OrtGetApiBase`; it is no ONNX Runtime");
    }

    let library = support::library();
    initialize(&library).unwrap();
    initialize(&library).unwrap();
    let version = runtime_version().unwrap();
    assert!(version.starts_with("1."), "{version}");
    assert_eq!(load(), Ok(()));
    assert_ne!(events.0.load(Ordering::SeqCst), 0, "no message of ONNX Runtime reached `tracing`");

    assert!(message(initialize(&model)).starts_with("a process has one ONNX Runtime, and `"));
}
