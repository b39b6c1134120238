//! The Open Inference Protocol over gRPC, with the calls that Triton adds to it, and gRPC's own health service.
//!
//! Called by `serve::handler` for whatever has no route and says `application/grpc`, on every port. gRPC is HTTP/2 with a frame
//! around each message and its status in the trailers: `frame` is all that is between it and the bodies that all other protocols
//! have. Predictions go by way of `serve::prediction`, like all others.

mod frame;
mod models;
mod parse;
mod status;
mod stream;
mod tensors;

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use mlhost_proto as proto;
use mlhost_proto::Message;
use mlhost_proto::health::{HealthCheckRequest, HealthCheckResponse};
use mlhost_wire::dialect::Decoded;
use mlhost_wire::dialect::v2::{self, ModelVersion};
use mlhost_wire::fault::{Fault, FaultKind};

pub(crate) use self::status::refuse;
use crate::access::Need;
use crate::deployment::Release;
use crate::fault;
use crate::serve::body::HeldBody;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::protocol;
use crate::serve::response::Body;
use crate::serve::routes::Found;

/// What its bodies are.
const MEDIA_TYPE: &str = "application/grpc";

/// The service that most calls belong to.
const INFERENCE: &str = "inference.GRPCInferenceService";

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    ServerLive,
    ServerReady,
    ModelReady,
    ServerMetadata,
    ModelMetadata,
    ModelInfer,
    ModelStreamInfer,
    ModelConfig,
    ModelStatistics,
    RepositoryIndex,
    RepositoryModelLoad,
    RepositoryModelUnload,
    HealthCheck,
    HealthWatch,
    /// None that is served.
    Unknown,
}

/// The path of each call.
const CALLS: [(&str, Endpoint); 14] = [
    ("/inference.GRPCInferenceService/ServerLive", Endpoint::ServerLive),
    ("/inference.GRPCInferenceService/ServerReady", Endpoint::ServerReady),
    ("/inference.GRPCInferenceService/ModelReady", Endpoint::ModelReady),
    ("/inference.GRPCInferenceService/ServerMetadata", Endpoint::ServerMetadata),
    ("/inference.GRPCInferenceService/ModelMetadata", Endpoint::ModelMetadata),
    ("/inference.GRPCInferenceService/ModelInfer", Endpoint::ModelInfer),
    ("/inference.GRPCInferenceService/ModelStreamInfer", Endpoint::ModelStreamInfer),
    ("/inference.GRPCInferenceService/ModelConfig", Endpoint::ModelConfig),
    ("/inference.GRPCInferenceService/ModelStatistics", Endpoint::ModelStatistics),
    ("/inference.GRPCInferenceService/RepositoryIndex", Endpoint::RepositoryIndex),
    ("/inference.GRPCInferenceService/RepositoryModelLoad", Endpoint::RepositoryModelLoad),
    ("/inference.GRPCInferenceService/RepositoryModelUnload", Endpoint::RepositoryModelUnload),
    ("/grpc.health.v1.Health/Check", Endpoint::HealthCheck),
    ("/grpc.health.v1.Health/Watch", Endpoint::HealthWatch),
];

/// Parts of the names of Triton's other calls, and why they are not served.
const NOT_SERVED: [(&str, &str); 3] = [
    (
        "SharedMemory",
        "there is no memory to share: requests may come from anywhere, and a sandbox shares none",
    ),
    ("TraceSetting", "traces are set up where the server is started"),
    ("LogSettings", "the log is set up where the server is started"),
];

/// Whether a request is a call.
pub(crate) fn is_call(head: &Parts) -> bool {
    let Some(media_type) = head.headers.get(CONTENT_TYPE) else { return false };
    let after = media_type.as_bytes().strip_prefix(MEDIA_TYPE.as_bytes());
    head.method == Method::POST
        && after.is_some_and(|after| matches!(after.first(), None | Some(b'+' | b';')))
}

/// The call at `path`.
fn endpoint(path: &str) -> Endpoint {
    CALLS.iter().find(|(known, _)| *known == path).map_or(Endpoint::Unknown, |(_, endpoint)| *endpoint)
}

/// Where a call leads.
pub(crate) fn found(path: &str) -> Found<'_> {
    Found::Endpoint { endpoint: protocol::Endpoint::Grpc(endpoint(path)), model: None, version: None }
}

pub(crate) async fn answer(
    service: &Arc<Service>,
    endpoint: Endpoint,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    refuse_other_spellings(exchange)?;
    exchange.patience = patience(exchange)?;
    let coding = frame::coding(exchange.headers())?;
    let framed = match endpoint {
        Endpoint::ModelStreamInfer => return Ok(stream::infer(service, exchange, body, coding)),
        Endpoint::ModelInfer => infer(service, exchange, body).await?,
        Endpoint::ServerLive => {
            let _: proto::ServerLiveRequest = read(service, exchange, body).await?;
            frame::framed(&proto::ServerLiveResponse { live: true })
        }
        Endpoint::ServerReady => {
            let _: proto::ServerReadyRequest = read(service, exchange, body).await?;
            frame::framed(&proto::ServerReadyResponse { ready: service.readiness.is_ready() })
        }
        Endpoint::ServerMetadata => {
            let _: proto::ServerMetadataRequest = read(service, exchange, body).await?;
            frame::framed(&models::server(service))
        }
        Endpoint::ModelReady => {
            let asked = read(service, exchange, body).await?;
            frame::framed(&models::ready(service, exchange, asked)?)
        }
        Endpoint::ModelMetadata => {
            let asked = read(service, exchange, body).await?;
            frame::framed(&models::metadata(service, exchange, asked)?)
        }
        Endpoint::ModelConfig => {
            let asked = read(service, exchange, body).await?;
            frame::framed(&models::config(service, exchange, asked)?)
        }
        Endpoint::ModelStatistics => {
            let asked = read(service, exchange, body).await?;
            frame::framed(&models::statistics(service, exchange, asked)?)
        }
        Endpoint::RepositoryIndex => {
            let asked: proto::RepositoryIndexRequest = read(service, exchange, body).await?;
            frame::framed(&models::index(service, exchange, asked.ready))
        }
        Endpoint::RepositoryModelLoad => {
            let asked = read(service, exchange, body).await?;
            frame::framed(&models::load(service, exchange, &asked).await?)
        }
        Endpoint::RepositoryModelUnload => {
            let asked = read(service, exchange, body).await?;
            frame::framed(&models::unload(service, exchange, &asked).await?)
        }
        Endpoint::HealthCheck => {
            let asked: HealthCheckRequest = read(service, exchange, body).await?;
            if !is_known(&asked.service) {
                let public = format!("there is no service `{}`", asked.service);
                return Err(Fault::new(FaultKind::NotFound, public));
            }
            frame::framed(&HealthCheckResponse { status: stream::health(service).into() })
        }
        Endpoint::HealthWatch => {
            let asked: HealthCheckRequest = read(service, exchange, body).await?;
            return Ok(stream::watch(service, exchange, is_known(&asked.service)));
        }
        Endpoint::Unknown => return Err(unknown(exchange.head.uri.path())),
    };
    Ok(frame::answer(frame::folded(framed, coding).await, coding))
}

/// Whether the health of `service` can be asked for; without a name it is the server's.
fn is_known(service: &str) -> bool {
    service.is_empty() || service == INFERENCE
}

fn unknown(path: &str) -> Fault {
    let reason = NOT_SERVED.iter().find(|(part, _)| path.contains(part)).map(|(_, reason)| *reason);
    let public = match reason {
        Some(reason) => format!("`{path}` is not served: {reason}"),
        None => format!("there is no call `{path}`"),
    };
    Fault::new(FaultKind::MethodNotAllowed, public)
}

/// Messages are spelled as Protocol Buffers, which is what no suffix means, too.
fn refuse_other_spellings(exchange: &Exchange<'_>) -> Result<(), Fault> {
    let media_type = exchange.content_type()?.unwrap_or(MEDIA_TYPE);
    let essence = media_type.split(';').next().unwrap_or_default().trim_end();
    if essence == MEDIA_TYPE || essence.strip_prefix(MEDIA_TYPE) == Some("+proto") {
        return Ok(());
    }
    Err(Fault::new(FaultKind::UnsupportedMedia, format!("`{media_type}`: messages are read as +proto only")))
}

/// The time that the client gives its call (`PROTOCOL-HTTP2.md`, Timeout).
fn patience(exchange: &Exchange<'_>) -> Result<Option<Duration>, Fault> {
    let Some(text) = exchange.header("grpc-timeout") else { return Ok(None) };
    read_timeout(text).map(Some).ok_or_else(|| {
        let public = format!("the header grpc-timeout is `{text}`; it is at most 8 digits and one of HMSmun");
        Fault::new(FaultKind::BadInput, public)
    })
}

fn read_timeout(text: &str) -> Option<Duration> {
    let (unit, digits) = (text.chars().next_back()?, text.get(..text.len().checked_sub(1)?)?);
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(count * 3600),
        'M' => Duration::from_secs(count * 60),
        'S' => Duration::from_secs(count),
        'm' => Duration::from_millis(count),
        'u' => Duration::from_micros(count),
        'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

/// The call's only message, in bytes.
async fn receive<'s>(
    service: &'s Service,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<HeldBody<'s>, Fault> {
    let coding = frame::coding(exchange.headers())?;
    let held = service.read(exchange, body).await?;
    let only = frame::only(held, coding, service.config.max_body_bytes).await;
    only.inspect_err(|fault| service.note_unread(fault.kind))
}

async fn read<M: Message + Default>(
    service: &Service,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<M, Fault> {
    parse::message(receive(service, exchange, body).await?.contiguous())
}

async fn infer(service: &Service, exchange: &mut Exchange<'_>, body: Incoming) -> Result<Vec<u8>, Fault> {
    // Held until the answer is there: the request's tensors are parts of it.
    let held = receive(service, exchange, body).await?;
    let request = parse::infer(held.contiguous())?;
    Ok(frame::framed(&predict(service, exchange, request).await?))
}

/// One inference, of a call of its own or of a stream.
async fn predict(
    service: &Service,
    exchange: &mut Exchange<'_>,
    mut request: proto::ModelInferRequest,
) -> Result<proto::ModelInferResponse, Fault> {
    let (name, version) =
        (std::mem::take(&mut request.model_name), std::mem::take(&mut request.model_version));
    exchange.name_model(name, version);
    let decode = |release: &Release| {
        let (request, raw) = tensors::request(request)?;
        let Decoded { call, envelope } = v2::call(request, release.app.tensors())?;
        let call = release.app.call_of_tensors(call).map_err(fault::of_prediction)?;
        Ok(Decoded { call, envelope: (envelope, raw) })
    };
    service
        .predict(exchange, decode, |release, reply, (wanted, raw)| {
            let model = ModelVersion { name: &release.app.name, version: release.version.name() };
            Ok(tensors::response(v2::response(reply, wanted, model, release.app.tensors())?, raw))
        })
        .await
}

// === impl Endpoint ===

impl Endpoint {
    /// What a call to it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::ServerLive | Self::ServerReady | Self::HealthCheck | Self::HealthWatch => Need::Health,
            Self::RepositoryModelLoad | Self::RepositoryModelUnload => Need::Admin,
            Self::ModelReady
            | Self::ServerMetadata
            | Self::ModelMetadata
            | Self::ModelInfer
            | Self::ModelStreamInfer
            | Self::ModelConfig
            | Self::ModelStatistics
            | Self::RepositoryIndex
            | Self::Unknown => Need::Key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calls that a service of a .proto file has.
    fn calls(proto: &str) -> Vec<String> {
        let package = proto.lines().find_map(|line| line.strip_prefix("package ")).unwrap();
        let service = proto.lines().find_map(|line| line.strip_prefix("service ")).unwrap();
        let (package, service) = (package.trim_end_matches(';'), service.trim_end_matches(" {"));
        let names = proto.lines().filter_map(|line| line.trim().strip_prefix("rpc ")?.split('(').next());
        names.map(|name| format!("/{package}.{service}/{name}")).collect()
    }

    #[test]
    fn every_call_of_the_contract_has_its_endpoint_and_there_is_no_other() {
        let mut contract = calls(include_str!("../../../proto/proto/inference.proto"));
        contract.extend(calls(include_str!("../../../proto/proto/health.proto")));
        let served: Vec<_> = CALLS.iter().map(|(path, _)| *path).collect();
        assert_eq!(contract, served);
        for (path, known) in CALLS {
            assert_eq!(endpoint(path), known);
            assert!(path.contains(INFERENCE) || path.contains("Health"));
        }
        assert_eq!(endpoint("/inference.GRPCInferenceService/SystemSharedMemoryStatus"), Endpoint::Unknown);
    }

    #[test]
    fn a_timeout_is_a_few_digits_and_a_unit() {
        for (text, expected) in [
            ("1S", Some(Duration::from_secs(1))),
            ("250m", Some(Duration::from_millis(250))),
            ("0n", Some(Duration::ZERO)),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("7u", Some(Duration::from_micros(7))),
            ("2M", Some(Duration::from_secs(120))),
            ("100000000S", None),
            ("", None),
            ("S", None),
            ("1", None),
            ("-1S", None),
            ("+1S", None),
            ("1é", None),
        ] {
            assert_eq!(read_timeout(text), expected, "{text}");
        }
    }
}
