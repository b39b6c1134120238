//! What the tests of this crate share: the library, the sample models, and small models made of bytes.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::panic, clippy::expect_used, reason = "helpers of tests are tests")]

pub(crate) mod onnx;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mlhost_nn::{ComputeRequest, Graph, GraphOptions, NnError};
use mlhost_wire::values::{Elements, NamedTensor, Tensor};
use tempfile::NamedTempFile;

/// The ONNX Runtime library that the tests use.
pub(crate) fn library() -> PathBuf {
    let Some(path) = std::env::var_os("ORT_DYLIB_PATH") else {
        panic!(
            "ORT_DYLIB_PATH must name the ONNX Runtime library; `cargo xtask test` fetches it and sets it"
        );
    };
    path.into()
}

/// A model of `tests/models`.
pub(crate) fn sample(file: &str) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(file);
    load(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// A model out of `onnx.rs`, loaded.
pub(crate) fn made(model: &[u8]) -> Result<Graph, NnError> {
    load(model_file(model).path())
}

/// A file with these bytes, deleted when it is dropped.
pub(crate) fn model_file(model: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(model).expect("a model file");
    file
}

pub(crate) fn load(path: &Path) -> Result<Graph, NnError> {
    mlhost_nn::initialize(&library()).unwrap_or_else(|error| panic!("{error}"));
    Graph::load("sample", path, &GraphOptions::default())
}

pub(crate) fn named(name: &str, shape: &[u32], elements: Elements) -> NamedTensor {
    NamedTensor { name: name.to_owned(), tensor: Tensor { shape: shape.to_vec(), elements } }
}

pub(crate) fn text(values: &[&str]) -> Elements {
    Elements::Text(values.iter().collect())
}

pub(crate) fn request(inputs: Vec<NamedTensor>, outputs: &[&str]) -> ComputeRequest {
    let outputs = outputs.iter().map(|name| (*name).to_owned()).collect();
    ComputeRequest { inputs, outputs, deadline: Instant::now() + Duration::from_secs(60) }
}

/// Whether two tensors are the same, numbers to 1e-6: other processors round otherwise.
#[track_caller]
pub(crate) fn assert_close(found: &NamedTensor, expected: &NamedTensor) {
    let alike = match (&found.tensor.elements, &expected.tensor.elements) {
        (Elements::F32(found), Elements::F32(expected)) => {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= 1e-6)
        }
        (found, expected) => found == expected,
    };
    let same = alike && found.name == expected.name && found.tensor.shape == expected.tensor.shape;
    assert!(same, "found {found:?}, expected {expected:?}");
}
