//! Write the code around an ONNX model, before and after it, as a WebAssembly component that mlhost serves.
//!
//! A guest is a type that implements [`Predictor`] and is named in [`export!`]. Guests call this crate; it never
//! does I/O of its own and never exposes a name that the bindings generator made up. On a target other than
//! WebAssembly the imports are replaced by the `testing` module, so a guest's tests are ordinary tests.
//!
//! ```
//! use mlhost_guest::{Context, Error, Graph, Input, Output, Params, Predictor, Table, Tensor};
//!
//! struct Iris {
//!     graph: Graph,
//! }
//!
//! impl Predictor for Iris {
//!     fn load_context(_context: &Context) -> Result<Self, Error> {
//!         Ok(Self { graph: Graph::named("iris") })
//!     }
//!
//!     fn predict(&self, input: Input, _params: Params) -> Result<Output, Error> {
//!         let table = input.into_table()?;
//!         let lengths = table.numbers("petal_length")?;
//!         let values: Vec<f32> = lengths.iter().map(|length| *length as f32).collect();
//!         let mut outputs = self.graph.compute([("input", Tensor::f32([values.len(), 1], values)?)])?;
//!         let labels = outputs.take("label")?.into_s64()?;
//!         Ok(Table::builder().s64("label", labels).build()?.into())
//!     }
//! }
//!
//! mlhost_guest::export!(Iris);
//! ```

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, unsafe_op_in_unsafe_fn, clippy::all)]
pub mod bindings;
#[cfg(target_family = "wasm")]
mod component;
mod context;
mod error;
mod export;
mod graph;
#[cfg(all(target_family = "wasm", feature = "allocator"))]
mod heap;
pub mod log;
mod packed;
mod params;
mod table;
mod tensor;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod values;
pub mod wasi_nn;

/// Where the imports come from: the component's on WebAssembly, the test's anywhere else.
#[cfg(target_family = "wasm")]
use component as imports;
#[cfg(not(target_family = "wasm"))]
use testing::imports;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use component::{load_context, predict};
pub use context::Context;
pub use error::Error;
pub use graph::{Graph, GraphError, GraphErrorCode, GraphInfo, Port, names as graph_names};
pub use packed::Packed;
pub use params::{Params, Value};
pub use table::{BinaryCell, Booleans, Bytes, Column, ColumnData, Table, TableBuilder, TextCell, Texts};
pub use tensor::{ElementType, Elements, Tensor, Tensors};
pub use values::{Blob, Input, Output};

/// A model: MLflow's `PythonModel`.
pub trait Predictor: Sized {
    /// Runs once, before the first call; mlhost keeps a copy of the memory it leaves behind and starts every
    /// call from that copy. Read artifacts and build tables here.
    ///
    /// # Errors
    ///
    /// The model does not start, and the message goes to the log.
    fn load_context(context: &Context) -> Result<Self, Error>;

    /// Runs for every call, each in a fresh copy of what `load_context` left: nothing is kept between calls.
    ///
    /// # Errors
    ///
    /// [`Error::rejected`] answers the caller with the message (400). [`Error::failed`] answers with a reference
    /// (500) and puts the message in the log.
    fn predict(&self, input: Input, params: Params) -> Result<Output, Error>;
}
