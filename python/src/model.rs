//! A loaded model, and what may be asked of it.
//!
//! Made by [`load`] for `mlhost/model.py`. Every call releases Python's lock, waits for a place where the model is full, and
//! ends at its deadline; Ctrl-C ends the wait for it. A model that was loaded before a fork is never called after it.
#![expect(clippy::too_many_arguments, reason = "of the functions that pyo3 writes")]
#![expect(clippy::needless_pass_by_value, reason = "what Python gives is made anew for each call")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlhost::app::App;
use mlhost::config::{LimitsAllowed, ServerConfig, parse_grant, process_environment};
use mlhost::fault;
use mlhost::in_process::Loading;
use mlhost::observe::Stages;
use mlhost::single_call;
use mlhost_tables::input::input_of;
use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::dialect::v2::{self, InferRequest, ModelMetadata, TensorMetadata, shape};
use mlhost_wire::dialect::{Answer as Bytes, Interface, Request};
use mlhost_wire::fault::Fault;
use mlhost_wire::signature::Schema;
use mlhost_wire::values::Call;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::answer::Answer;
use crate::{border, errors, process, tensors};

/// How often a call that runs looks whether its user has had enough.
const LOOK: Duration = Duration::from_millis(100);

/// One input or output: its name, its type as numpy calls it, its shape with -1 for a free axis.
type Port = (String, String, Vec<i64>);

/// A model that is loaded in this process.
#[pyclass(frozen, module = "mlhost._native")]
pub(crate) struct Model {
    /// `None` only while it is dropped.
    app: Option<Arc<App>>,
    runtime: Arc<Runtime>,
    places: Semaphore,
    mlflow: Mlflow,
    time: Duration,
    /// The process that loaded it.
    owner: u32,
}

/// What a model is loaded with, as Python says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    onnxruntime: Option<PathBuf>,
    timeout: Option<f64>,
    concurrency: Option<u32>,
    allow: Vec<String>,
    max_memory: Option<u64>,
    max_data: Option<u64>,
    code_cache: bool,
    /// A JSON object.
    model_config: Option<String>,
}

/// How a call is to be made.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked {
    /// A JSON object.
    params: Option<String>,
    timeout: Option<f64>,
    /// Whether the answer is to be a table, whatever the model gives.
    table: bool,
}

/// The same for a request's body.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Invocation {
    content_type: String,
    timeout: Option<f64>,
}

/// What is asked, and about how many rows.
struct Question {
    call: Call,
    rows: usize,
}

/// Loads what a path or a model URI names.
#[pyfunction]
pub(crate) fn load(py: Python<'_>, uri: &str, options: Options) -> PyResult<Model> {
    process::start_log();
    let failed = |error: anyhow::Error| errors::of_loading(py, &error);
    let server =
        ServerConfig::from_environment(&process_environment).map_err(|error| failed(error.into()))?;
    let most = time(options.timeout)?.unwrap_or(server.timeout);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let calls = options.concurrency.unwrap_or_else(|| u32::try_from(cores * 2).unwrap_or(u32::MAX).max(8));
    if calls == 0 {
        return Err(PyValueError::new_err("`concurrency` is at least 1"));
    }
    let allow = options.allow.iter().map(|grant| parse_grant(grant)).collect::<Result<_, _>>();
    let loading = Loading {
        allowed: LimitsAllowed {
            memory_bytes: options.max_memory,
            data_bytes: options.max_data,
            grants: allow.map_err(|error| PyValueError::new_err(error.to_string()))?,
            ..LimitsAllowed::default()
        },
        onnxruntime: options.onnxruntime,
        calls,
        time: most,
        no_code_cache: !options.code_cache,
        model_config: model_config(options.model_config.as_deref())?,
    };
    let runtime = process::runtime().map_err(|error| failed(error.into()))?;
    let app = within(py, &runtime, loading.load(uri))?.map_err(failed)?;
    let time = app.time.map_or(most, |own| own.min(most));
    let calls = app.concurrency.map_or(calls as usize, |own| own.min(calls as usize));
    Ok(Model {
        app: Some(Arc::new(app)),
        runtime,
        places: Semaphore::new(calls),
        mlflow: Mlflow { compat: server.compat },
        time,
        owner: std::process::id(),
    })
}

fn model_config(text: Option<&str>) -> PyResult<serde_json::Map<String, serde_json::Value>> {
    let parsed = text.map(serde_json::from_str).transpose();
    Ok(parsed.map_err(|error| PyValueError::new_err(error.to_string()))?.unwrap_or_default())
}

/// A time in seconds.
fn time(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let wrong = |_| PyValueError::new_err("a timeout is a number of seconds over 0");
    match seconds {
        Some(0.0) => Err(PyValueError::new_err("a timeout is a number of seconds over 0")),
        seconds => seconds.map(Duration::try_from_secs_f64).transpose().map_err(wrong),
    }
}

/// Fails where a signal's handler raises an exception.
fn interrupted(py: Python<'_>) -> PyResult<()> {
    py.check_signals()
}

/// What `future` gives, without Python's lock. Ends early, and with the exception, where a signal's handler raises one.
fn within<T: Send>(py: Python<'_>, runtime: &Runtime, future: impl Future<Output = T> + Send) -> PyResult<T> {
    py.detach(|| {
        runtime.block_on(async {
            let mut future = std::pin::pin!(future);
            loop {
                match tokio::time::timeout(LOOK, &mut future).await {
                    Ok(value) => return Ok(value),
                    Err(_) => Python::attach(interrupted)?,
                }
            }
        })
    })
}

fn metadata(app: &App) -> ModelMetadata {
    ModelMetadata::new(&app.name, Vec::new(), app.platform(), app.tensors())
}

fn ports(tensors: &[TensorMetadata]) -> Vec<Port> {
    let port = |tensor: &TensorMetadata| {
        (tensor.name.clone(), tensor.element_type.numpy_name().to_owned(), tensor.shape.clone())
    };
    tensors.iter().map(port).collect()
}

// === impl Model ===

impl Model {
    /// The model, where this is the process that loaded it.
    fn app(&self, py: Python<'_>) -> PyResult<&App> {
        match &self.app {
            Some(app) if self.owner == std::process::id() => Ok(app),
            Some(app) => Err(errors::forked(py, &app.name)),
            None => Err(errors::of_fault(py, &fault::internal("the model is dropped"))),
        }
    }

    fn call(
        &self,
        py: Python<'_>,
        question: &Question,
        asked: &Asked,
    ) -> PyResult<(&'static str, Py<PyAny>)> {
        let app = self.app(py)?;
        let time = time(asked.timeout)?.unwrap_or(self.time);
        let rows = asked.table.then_some(question.rows);
        let answer = within(py, &self.runtime, async {
            let deadline = Instant::now() + time;
            let _place = self.place(deadline).await?;
            let reply = app.predict(&question.call, deadline, &mut Stages::default()).await;
            Answer::of(reply.map_err(fault::of_prediction)?, rows)
        })?;
        answer.map_err(|fault| errors::of_fault(py, &fault))?.into_python(py)
    }

    async fn place(&self, deadline: Instant) -> Result<tokio::sync::SemaphorePermit<'_>, Fault> {
        match tokio::time::timeout_at(deadline.into(), self.places.acquire()).await {
            Ok(place) => place.map_err(|_| fault::overloaded()),
            Err(_) => {
                Err(fault::deadline().with_detail("all of it was spent waiting for other calls to end"))
            }
        }
    }

    fn params(&self, asked: &Asked, interface: &Interface) -> Result<Vec<mlhost_wire::values::Param>, Fault> {
        self.mlflow.params(asked.params.as_deref(), interface)
    }
}

#[pymethods]
impl Model {
    /// What the model is called.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.app(py)?.name.clone())
    }

    /// Whether calls run its own code in a sandbox.
    #[getter]
    fn is_sandboxed(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.app(py)?.is_sandboxed())
    }

    /// What its signature says it takes: `columns`, `tensors`, or nothing.
    #[getter]
    fn takes(&self, py: Python<'_>) -> PyResult<Option<&'static str>> {
        Ok(self.app(py)?.interface.signature.inputs.as_ref().map(|schema| match schema {
            Schema::Columns(_) => "columns",
            Schema::Tensors(_) => "tensors",
        }))
    }

    /// The tensors that it takes, as far as that is known.
    #[getter]
    fn tensors(&self, py: Python<'_>) -> PyResult<Vec<Port>> {
        Ok(match &self.app(py)?.tensors().signature.inputs {
            Some(Schema::Tensors(specs)) => specs
                .iter()
                .map(|spec| {
                    let shape = spec.shape.iter().map(|axis| axis.map_or(-1, i64::from)).collect();
                    (spec.name.clone().unwrap_or_default(), spec.element_type.numpy_name().to_owned(), shape)
                })
                .collect(),
            _ => Vec::new(),
        })
    }

    /// What it takes, as the Open Inference Protocol sees it: each column is a tensor of one axis, its rows.
    #[getter]
    fn inputs(&self, py: Python<'_>) -> PyResult<Vec<Port>> {
        Ok(ports(&metadata(self.app(py)?).inputs))
    }

    /// The same of what it answers.
    #[getter]
    fn outputs(&self, py: Python<'_>) -> PyResult<Vec<Port>> {
        Ok(ports(&metadata(self.app(py)?).outputs))
    }

    /// Predicts on a table: whatever has `__arrow_c_stream__` or `__arrow_c_array__`.
    fn predict_table(
        &self,
        py: Python<'_>,
        table: &Bound<'_, PyAny>,
        asked: Asked,
    ) -> PyResult<(&'static str, Py<PyAny>)> {
        let interface = &self.app(py)?.interface;
        let batch = border::table(table)?;
        let rows = batch.num_rows();
        let call = py.detach(|| {
            let input = input_of(&batch, &interface.signature)?;
            Ok(Call { input, params: self.params(&asked, interface)? })
        });
        let call = call.map_err(|fault| errors::of_fault(py, &fault))?;
        self.call(py, &Question { call, rows }, &asked)
    }

    /// Predicts on tensors: name, shape, and values with `__arrow_c_array__`.
    fn predict_tensors(
        &self,
        py: Python<'_>,
        tensors: Vec<(String, Vec<i64>, Bound<'_, PyAny>)>,
        asked: Asked,
    ) -> PyResult<(&'static str, Py<PyAny>)> {
        let app = self.app(py)?;
        let mut given = Vec::with_capacity(tensors.len());
        for (name, sizes, values) in tensors {
            given.push((name, sizes, border::values(&values)?));
        }
        let rows = given.first().and_then(|(_, sizes, _)| usize::try_from(*sizes.first()?).ok());
        let call = py.detach(|| -> Result<Call, Fault> {
            let mut inputs = Vec::with_capacity(given.len());
            for (name, sizes, values) in given {
                let shape = shape(&name, sizes)?;
                inputs.push(tensors::tensor(name, shape, &values)?);
            }
            let request = InferRequest { inputs, ..InferRequest::default() };
            let mut call = v2::call(request, app.tensors())?.call;
            call.params = self.params(&asked, app.tensors())?;
            app.call_of_tensors(call).map_err(fault::of_prediction)
        });
        let call = call.map_err(|fault| errors::of_fault(py, &fault))?;
        self.call(py, &Question { call, rows: rows.unwrap_or(1) }, &asked)
    }

    /// Answers a request's body as `/invocations` does: the answer's media type and its bytes.
    fn invoke<'py>(
        &self,
        py: Python<'py>,
        body: &[u8],
        asked: Invocation,
    ) -> PyResult<(String, Bound<'py, PyBytes>)> {
        let app = self.app(py)?;
        let time = time(asked.timeout)?.unwrap_or(self.time);
        let answer = within(py, &self.runtime, async {
            let deadline = Instant::now() + time;
            let _place = self.place(deadline).await?;
            let request = Request { content_type: Some(&asked.content_type), body };
            let answer = single_call::answer(app, self.mlflow, request, deadline - Instant::now()).await;
            answer.map_err(|error| error.fault)
        })?;
        let Bytes { content_type, body, .. } = answer.map_err(|fault| errors::of_fault(py, &fault))?;
        Ok((content_type.unwrap_or_default(), PyBytes::new(py, &body)))
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            // What it would wait for, its threads, stayed with the process that loaded it.
            std::mem::forget(self.app.take());
        }
    }
}
