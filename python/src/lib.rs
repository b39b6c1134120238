//! mlhost in a Python process: the module `mlhost._native`, which the Python package beside it dresses up.
//!
//! The same core as the program's, without a server: `model` loads and calls, `border` takes and gives Arrow without copies,
//! `tensors` are what Arrow has no shapes for, `answer` is what comes back, `errors` what goes wrong, `process` what
//! there is once a process. Has no allocator of its own, and starts nothing when it is imported.

mod answer;
mod border;
mod errors;
mod model;
mod process;
mod tensors;

/// Loads and calls models; private, and another one with each version: `mlhost` is what is imported.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::border::{Batch, Values};
    #[pymodule_export]
    use crate::model::{Model, load};
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "what Python calls it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
