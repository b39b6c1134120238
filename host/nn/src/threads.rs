//! How many threads one run of a graph may use. Asked by `graph.rs` when it opens a session.
//!
//! A run that takes milliseconds is over sooner on all cores, and while it goes on little else is asked of them: calls
//! wait to be joined to the next one. One that takes microseconds only loses by it, as waking a thread takes longer. How
//! long runs take is not known before the first, so the size of the weights stands for it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::thread;

/// Graphs with weights of at least so many bytes run on all cores. Of the graphs measured, those above took milliseconds
/// a row and half of that on two cores; those below took microseconds, and up to twice that.
const LARGE: u64 = 1 << 20;

/// What was asked for, or what suits the graph at `path`; at least 1.
pub(crate) fn for_graph(path: &Path, asked: Option<usize>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    asked.unwrap_or_else(|| if weights(path) >= LARGE { cores() } else { 1 }).max(1)
}

/// The bytes of the graph's file and of those beside it that hold its external data: they are called after it, as in
/// `model.onnx.data` and `model.onnx_data`. What cannot be read counts as nothing: whoever opens it says so.
fn weights(path: &Path) -> u64 {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return 0 };
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let belongs = |other: &OsStr| other.as_encoded_bytes().starts_with(name.as_encoded_bytes());
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter(|file| belongs(&file.file_name()))
        // Through links: stores of models are full of them.
        .filter_map(|file| fs::metadata(file.path()).ok())
        .map(|about| about.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn file(folder: &Path, name: &str, bytes: u64) {
        File::create(folder.join(name)).unwrap().set_len(bytes).unwrap();
    }

    #[test]
    fn large_graphs_use_all_cores_and_small_ones_one() {
        let folder = tempfile::tempdir().unwrap();
        let cores = thread::available_parallelism().unwrap().get();
        file(folder.path(), "small.onnx", LARGE - 1);
        file(folder.path(), "large.onnx", LARGE);
        file(folder.path(), "split.onnx", 1000);
        file(folder.path(), "split.onnx.data", LARGE);
        let threads = |name| for_graph(&folder.path().join(name), None);
        assert_eq!([threads("small.onnx"), threads("large.onnx"), threads("split.onnx")], [1, cores, cores]);
        assert_eq!(threads("missing.onnx"), 1);
    }

    #[test]
    fn what_is_asked_for_is_taken_whatever_the_size() {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "large.onnx", LARGE);
        let threads = |asked| for_graph(&folder.path().join("large.onnx"), Some(asked));
        assert_eq!([threads(0), threads(1), threads(3)], [1, 1, 3]);
    }
}
