//! The component's side of the border: imports and exports in terms of this crate's types.
//!
//! The only file that touches the generated bindings, and only on WebAssembly. Buffers are moved across, never
//! copied here.

mod lift;
mod lower;

use std::cell::OnceCell;
use std::thread::LocalKey;

use crate::bindings::mlhost::guest::{artifacts, log as log_import, types};
use crate::bindings::mlhost::nn::graphs;
use crate::bindings::wasi::nn as wasi;
use crate::log::Level;
use crate::{Context, Error, GraphError, GraphErrorCode, GraphInfo, Port, Predictor, Tensors};

/// A `wasi:nn` graph handle.
pub(crate) struct PortableGraph(wasi::graph::Graph);

/// What `export!` makes of the exported `load-context`.
#[doc(hidden)]
pub fn load_context<M: Predictor>(
    model: &'static LocalKey<OnceCell<M>>,
    context: types::Context,
) -> Result<(), types::Failure> {
    install_panic_hook();
    let context = Context { model_config: context.model_config, artifacts: context.artifacts };
    let loaded = M::load_context(&context).map_err(lower::failure)?;
    model
        .with(|cell| cell.set(loaded))
        .map_err(|_| lower::failure(Error::failed("`load-context` was called twice on one instance")))
}

/// What `export!` makes of the exported `predict`.
#[doc(hidden)]
pub fn predict<M: Predictor>(
    model: &'static LocalKey<OnceCell<M>>,
    input: types::Input,
    params: Vec<types::Param>,
) -> Result<types::Output, types::Failure> {
    model.with(|cell| {
        let loaded = cell.get().ok_or_else(|| Error::failed("`predict` was called before `load-context`"));
        let answer = loaded.and_then(|loaded| loaded.predict(lift::input(input), lift::params(params)));
        answer.map(lower::output).map_err(lower::failure)
    })
}

/// A panic becomes a trap without a message; the line sent here is all that is left of it.
fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload();
        let message = message
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| message.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let line = match info.location() {
            Some(place) => format!("panicked at {}:{}: {message}", place.file(), place.line()),
            None => format!("panicked: {message}"),
        };
        log(Level::Error, &line);
    }));
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Trace => log_import::Level::Trace,
        Level::Debug => log_import::Level::Debug,
        Level::Info => log_import::Level::Info,
        Level::Warn => log_import::Level::Warn,
        Level::Error => log_import::Level::Error,
    };
    log_import::write(level, message);
}

pub(crate) fn artifact(name: &str) -> Result<Vec<u8>, String> {
    artifacts::read(name)
}

pub(crate) fn graph_names() -> Vec<String> {
    graphs::names()
}

pub(crate) fn describe(graph: &str) -> Result<GraphInfo, GraphError> {
    let ports = |ports: Vec<graphs::Port>| ports.into_iter().map(port).collect();
    let info = graphs::describe(graph).map_err(graph_error)?;
    Ok(GraphInfo { inputs: ports(info.inputs), outputs: ports(info.outputs) })
}

pub(crate) fn compute(graph: &str, inputs: Tensors, outputs: &[&str]) -> Result<Tensors, GraphError> {
    let wanted: Vec<String> = outputs.iter().map(|name| (*name).to_owned()).collect();
    graphs::compute(graph, &lower::tensors(inputs), &wanted).map(lift::tensors).map_err(graph_error)
}

fn port(port: graphs::Port) -> Port {
    Port {
        name: port.name,
        element_type: lift::element_type(port.element_type),
        shape: port.shape.into_iter().map(|size| size.map(|size| size as usize)).collect(),
    }
}

fn graph_error(error: graphs::Error) -> GraphError {
    let code = match error.code {
        graphs::ErrorCode::NotFound => GraphErrorCode::NotFound,
        graphs::ErrorCode::InvalidArgument => GraphErrorCode::InvalidArgument,
        graphs::ErrorCode::TooLarge => GraphErrorCode::TooLarge,
        graphs::ErrorCode::RuntimeError => GraphErrorCode::RuntimeError,
    };
    GraphError { code, message: error.message }
}

// === impl PortableGraph ===

impl PortableGraph {
    pub(crate) fn load_by_name(name: &str) -> Result<Self, GraphError> {
        wasi::graph::load_by_name(name).map(Self).map_err(portable_error)
    }

    pub(crate) fn compute(&self, inputs: Tensors) -> Result<Tensors, GraphError> {
        let inputs = inputs
            .into_iter()
            .map(|(name, tensor)| lower::portable(&tensor).map(|tensor| (name, tensor)))
            .collect::<Result<Vec<_>, _>>()?;
        let context = self.0.init_execution_context().map_err(portable_error)?;
        let outputs = context.compute(inputs).map_err(portable_error)?;
        outputs.into_iter().map(|(name, tensor)| Ok((name, lift::portable(&tensor)?))).collect()
    }
}

fn portable_error(error: wasi::errors::Error) -> GraphError {
    use wasi::errors::ErrorCode;
    let code = match error.code() {
        ErrorCode::NotFound => GraphErrorCode::NotFound,
        ErrorCode::InvalidArgument | ErrorCode::InvalidEncoding => GraphErrorCode::InvalidArgument,
        ErrorCode::TooLarge => GraphErrorCode::TooLarge,
        ErrorCode::RuntimeError => GraphErrorCode::RuntimeError,
        ErrorCode::Timeout => GraphErrorCode::Timeout,
        ErrorCode::UnsupportedOperation => GraphErrorCode::Unsupported,
        ErrorCode::Security | ErrorCode::Unknown => GraphErrorCode::Unknown,
    };
    GraphError { code, message: error.data() }
}
