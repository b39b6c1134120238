//! The iris sample in plain Rust, as one would write it without mlhost: what a sandbox for every request is measured
//! against.
//!
//! Run by `main.rs` as a process of its own: `serve native PORT DIRECTORY`. Same HTTP library and settings, same codec,
//! same session behind the same queue, same answer to the byte; no sandbox, no permits, no bounds on bodies.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use mlhost_bundle::Bundle;
use mlhost_nn::{ComputeRequest, Graph, GraphOptions};
use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::dialect::{self, Dialect as _, Interface};
use mlhost_wire::values::{
    Call, Column, ColumnData, Elements, Input, NamedTensor, Output, Packed, Reply, Table, Tensor,
};
use tokio::net::{TcpListener, TcpStream};

const FEATURES: [&str; 4] = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
const MILLIMETRES_PER_CENTIMETRE: f64 = 10.0;
/// As in `host/src/serve/server.rs`.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// As mlhost's default.
const PATIENCE: Duration = Duration::from_secs(60);

/// The model.
pub(crate) struct Iris {
    interface: Interface,
    graph: Graph,
    labels: Vec<String>,
}

/// Serves until killed.
///
/// # Errors
///
/// What cannot be loaded or listened on.
pub(crate) fn run(port: &str, directory: &Path) -> anyhow::Result<()> {
    let library = std::env::var_os("ORT_DYLIB_PATH").context("ORT_DYLIB_PATH is not set")?;
    mlhost_nn::initialize(Path::new(&library))?;
    let iris = Arc::new(Iris::open(directory)?);
    let port = port.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream, Arc::clone(&iris)));
        }
    })
}

async fn serve(stream: TcpStream, iris: Arc<Iris>) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let iris = Arc::clone(&iris);
        async move { Ok::<_, Infallible>(iris.answer(request).await.unwrap_or_else(|error| failed(&error))) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), answer);
    // A client that breaks off is no failure of ours.
    let _ = connection.await;
}

fn failed(error: &anyhow::Error) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(error.to_string())));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

// === impl Iris ===

impl Iris {
    /// Opens the sample's bundle; its component is left alone.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        let bundle = Bundle::open(directory)?;
        let artifacts = bundle.read_artifacts()?;
        let labels = artifacts.into_iter().find(|(name, _)| name == "labels").context("no labels")?.1;
        let graph = bundle.graphs.first().context("no graph")?;
        Ok(Self {
            graph: Graph::load(&graph.name, &graph.path, &GraphOptions::default())?,
            labels: String::from_utf8(labels)?.lines().map(str::to_owned).collect(),
            interface: bundle.interface,
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
        let deadline = Instant::now() + PATIENCE;
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::to_str).transpose()?;
        let answer =
            match Mlflow::default().decode(dialect::Request { content_type, body: &body }, &self.interface) {
                Ok(decoded) => {
                    let reply = self.predict(&decoded.call, deadline).await?;
                    Mlflow::default()
                        .encode(reply, decoded.envelope)
                        .unwrap_or_else(|fault| Mlflow::default().refuse(&fault))
                }
                Err(fault) => Mlflow::default().refuse(&fault),
            };
        let mut response = Response::new(Full::new(Bytes::from(answer.body)));
        *response.status_mut() = StatusCode::from_u16(answer.status)?;
        if let Some(content_type) = answer.content_type {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::try_from(content_type)?);
        }
        Ok(response)
    }

    /// What the guest does, without its walls.
    pub(crate) async fn predict(&self, call: &Call, deadline: Instant) -> anyhow::Result<Reply> {
        let Input::Table(table) = &call.input else { anyhow::bail!("no table") };
        let mut features = vec![0f32; table.rows * FEATURES.len()];
        for (index, name) in FEATURES.into_iter().enumerate() {
            let column =
                table.columns.iter().find(|column| column.name == name).context("a column is missing")?;
            let ColumnData::F64(column) = &column.data else { anyhow::bail!("`{name}` is not of doubles") };
            for (row, millimetres) in features.chunks_exact_mut(FEATURES.len()).zip(column) {
                row[index] = (millimetres / MILLIMETRES_PER_CENTIMETRE) as f32;
            }
        }
        let shape = vec![u32::try_from(table.rows)?, FEATURES.len() as u32];
        let tensor = Tensor { shape, elements: Elements::F32(features) };
        let inputs = vec![NamedTensor { name: "input".to_owned(), tensor }];
        let mut outputs =
            self.graph.compute(ComputeRequest { inputs, outputs: Vec::new(), deadline }).await?.into_iter();
        let mut take =
            |name: &str| outputs.find(|output| output.name == name).map(|output| output.tensor.elements);
        let (Some(Elements::S64(classes)), Some(Elements::F32(probabilities))) =
            (take("label"), take("probabilities"))
        else {
            anyhow::bail!("the graph has other outputs");
        };
        self.named(&classes, &probabilities)
    }

    fn named(&self, classes: &[i64], probabilities: &[f32]) -> anyhow::Result<Reply> {
        let name = |class: &i64| {
            let label = usize::try_from(*class).ok().and_then(|class| self.labels.get(class));
            label.context("a class has no label")
        };
        let species: Packed =
            classes.iter().map(name).collect::<anyhow::Result<Vec<_>>>()?.into_iter().collect();
        let column = |name: String, data| Column { name, data, validity: None };
        let mut columns = vec![column("species".to_owned(), ColumnData::Text(species))];
        for (class, label) in self.labels.iter().enumerate() {
            let of_class =
                probabilities.iter().skip(class).step_by(self.labels.len()).map(|value| f64::from(*value));
            columns.push(column(format!("probability_{label}"), ColumnData::F64(of_class.collect())));
        }
        Ok(Reply { output: Output::Table(Table { columns, rows: classes.len() }) })
    }
}
