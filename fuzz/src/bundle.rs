//! The bundle reader: an MLmodel file of these bytes in a directory that has the files a sample names. What opens has nothing
//! wrong; what does not says what and where.

use std::cell::LazyCell;
use std::fs;

use mlhost_bundle::{Bundle, quantity};
use tempfile::TempDir;

thread_local! {
    /// The directory, made once: its other files are never changed.
    static DIRECTORY: LazyCell<TempDir> = LazyCell::new(|| {
        let shm = std::path::Path::new("/dev/shm");
        let directory = if shm.is_dir() { TempDir::new_in(shm) } else { TempDir::new() }.expect("a folder");
        for file in ["component.wasm", "model.onnx", "labels.txt", "serving_input_example.json"] {
            fs::write(directory.path().join(file), "{}").expect("a file");
        }
        fs::create_dir(directory.path().join("folder")).expect("a folder");
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link")).expect("a link");
        directory
    });
}

pub(crate) fn bundle(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        quantities(text);
    }
    DIRECTORY.with(|directory| {
        let directory = directory.path();
        fs::write(directory.join("MLmodel"), data).expect("a file");
        let checked = Bundle::check(directory);
        assert!(checked.bundle.is_some() || !checked.problems.is_empty(), "neither a bundle nor a problem");
        for problem in &checked.problems {
            assert!(!problem.to_string().is_empty() && !problem.place().contains('\n'), "{problem:?}");
            let _ = problem.hint();
        }
        match Bundle::open(directory) {
            Ok(bundle) => {
                assert!(checked.problems.is_empty(), "{:?}", checked.problems);
                let root = directory.canonicalize().expect("the folder's path");
                let graphs = bundle.graphs.iter().map(|graph| &graph.path);
                let artifacts = bundle.artifacts.iter().map(|artifact| &artifact.path);
                for path in graphs.chain(artifacts).chain(&bundle.component).chain(&bundle.example) {
                    assert!(path.starts_with(&root) && !path.ends_with("link"), "{}", path.display());
                }
                serde_json::from_str::<serde_json::Map<_, _>>(&bundle.model_config).expect("a JSON object");
            }
            Err(_) => assert!(!checked.problems.is_empty(), "what cannot be opened has a problem"),
        }
    });
}

/// Sizes and times as they are written in MLmodel and on the command line.
fn quantities(text: &str) {
    let text = text.get(..text.len().min(64)).unwrap_or_default();
    let _ = quantity::bytes(text);
    let _ = quantity::duration(text);
}
