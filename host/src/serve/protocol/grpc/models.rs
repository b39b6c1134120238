//! What gRPC says of the server and its models: readiness, metadata, configuration, statistics, and the repository.
//!
//! Called by `protocol::grpc`. Says the same as the routes of V2 under `/v2`.

use std::sync::Arc;

use mlhost_proto as proto;
use mlhost_proto::model_metadata_response::TensorMetadata;
use mlhost_wire::dialect::v2::{self, ModelMetadata};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::ElementType;

use crate::catalog::Entry;
use crate::deployment::{Release, State};
use crate::observe::statistics::{SizeTally, Snapshot, Tally};
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;

/// What there is besides the protocol's own calls, in Triton's words.
const EXTENSIONS: [&str; 4] = ["binary_tensor_data", "classification", "model_configuration", "statistics"];

pub(super) fn server(service: &Service) -> proto::ServerMetadataResponse {
    let repository = service.catalog.is_controlled().then_some("model_repository");
    let extensions = EXTENSIONS.into_iter().chain(repository);
    proto::ServerMetadataResponse {
        name: "mlhost".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        extensions: extensions.map(str::to_owned).collect(),
    }
}

/// The release that a name and a version mean; empty ones mean any.
fn find(
    service: &Service,
    exchange: &mut Exchange<'_>,
    name: String,
    version: String,
) -> Result<Arc<Release>, Fault> {
    exchange.name_model(name, version);
    service.model(exchange)?.version(exchange.version.as_deref())
}

/// A model that is not there is not ready: that is an answer, and no failure.
pub(super) fn ready(
    service: &Service,
    exchange: &mut Exchange<'_>,
    asked: proto::ModelReadyRequest,
) -> Result<proto::ModelReadyResponse, Fault> {
    let found = find(service, exchange, asked.name, asked.version);
    match found {
        Ok(_) => Ok(proto::ModelReadyResponse { ready: true }),
        Err(fault) if matches!(fault.kind, FaultKind::NotFound | FaultKind::NotReady) => {
            Ok(proto::ModelReadyResponse { ready: false })
        }
        Err(fault) => Err(fault),
    }
}

fn describe(
    service: &Service,
    exchange: &mut Exchange<'_>,
    name: String,
    version: String,
) -> Result<ModelMetadata, Fault> {
    exchange.name_model(name, version);
    let deployment = service.model(exchange)?;
    let release = deployment.version(exchange.version.as_deref())?;
    let served = deployment.served();
    let versions = served.releases().iter().map(|release| release.version.name().to_owned()).collect();
    let app = &release.app;
    Ok(ModelMetadata::new(deployment.name(), versions, app.platform(), app.tensors()))
}

pub(super) fn metadata(
    service: &Service,
    exchange: &mut Exchange<'_>,
    asked: proto::ModelMetadataRequest,
) -> Result<proto::ModelMetadataResponse, Fault> {
    let metadata = describe(service, exchange, asked.name, asked.version)?;
    let tensors = |tensors: Vec<v2::TensorMetadata>| {
        let tensor = |tensor: v2::TensorMetadata| TensorMetadata {
            datatype: v2::datatype::name(tensor.element_type).to_owned(),
            name: tensor.name,
            shape: tensor.shape,
        };
        tensors.into_iter().map(tensor).collect()
    };
    Ok(proto::ModelMetadataResponse {
        name: metadata.name,
        versions: metadata.versions,
        platform: metadata.platform,
        inputs: tensors(metadata.inputs),
        outputs: tensors(metadata.outputs),
    })
}

/// As much of Triton's model configuration as means something here. Shapes are whole, so that there is no `max_batch_size` to
/// add to them.
pub(super) fn config(
    service: &Service,
    exchange: &mut Exchange<'_>,
    asked: proto::ModelConfigRequest,
) -> Result<proto::ModelConfigResponse, Fault> {
    let metadata = describe(service, exchange, asked.name, asked.version)?;
    let input = |tensor: v2::TensorMetadata| proto::ModelInput {
        name: tensor.name,
        data_type: data_type(tensor.element_type).into(),
        dims: tensor.shape,
        optional: tensor.optional,
    };
    let output = |tensor: v2::TensorMetadata| proto::ModelOutput {
        name: tensor.name,
        data_type: data_type(tensor.element_type).into(),
        dims: tensor.shape,
    };
    let config = proto::ModelConfig {
        name: metadata.name,
        platform: metadata.platform,
        max_batch_size: 0,
        input: metadata.inputs.into_iter().map(input).collect(),
        output: metadata.outputs.into_iter().map(output).collect(),
        backend: "mlhost".to_owned(),
    };
    Ok(proto::ModelConfigResponse { config: Some(config) })
}

fn data_type(element_type: ElementType) -> proto::DataType {
    match element_type {
        ElementType::Boolean => proto::DataType::TypeBool,
        ElementType::U8 => proto::DataType::TypeUint8,
        ElementType::U16 => proto::DataType::TypeUint16,
        ElementType::U32 => proto::DataType::TypeUint32,
        ElementType::U64 => proto::DataType::TypeUint64,
        ElementType::S8 => proto::DataType::TypeInt8,
        ElementType::S16 => proto::DataType::TypeInt16,
        ElementType::S32 => proto::DataType::TypeInt32,
        ElementType::S64 => proto::DataType::TypeInt64,
        ElementType::F16 => proto::DataType::TypeFp16,
        ElementType::F32 => proto::DataType::TypeFp32,
        ElementType::F64 => proto::DataType::TypeFp64,
        ElementType::Text => proto::DataType::TypeString,
        ElementType::Bf16 => proto::DataType::TypeBf16,
    }
}

pub(super) fn statistics(
    service: &Service,
    exchange: &mut Exchange<'_>,
    asked: proto::ModelStatisticsRequest,
) -> Result<proto::ModelStatisticsResponse, Fault> {
    let releases = if asked.name.is_empty() {
        let models = service.models(exchange).into_iter();
        models.flat_map(|(_, deployment)| deployment.served().releases().to_vec()).collect()
    } else {
        vec![find(service, exchange, asked.name, asked.version)?]
    };
    let model_stats = releases.iter().map(|release| of_release(release)).collect();
    Ok(proto::ModelStatisticsResponse { model_stats })
}

fn of_release(release: &Release) -> proto::ModelStatistics {
    let snapshot = release.snapshot();
    let Snapshot { success, fail, queue, compute_input, compute_infer, compute_output, .. } = snapshot;
    // There is no cache of answers.
    let none = Tally::default();
    proto::ModelStatistics {
        name: release.app.name.clone(),
        version: release.version.name().to_owned(),
        last_inference: snapshot.last_inference,
        inference_count: snapshot.inference_count,
        execution_count: snapshot.execution_count,
        inference_stats: Some(proto::InferStatistics {
            success: duration(success),
            fail: duration(fail),
            queue: duration(queue),
            compute_input: duration(compute_input),
            compute_infer: duration(compute_infer),
            compute_output: duration(compute_output),
            cache_hit: duration(none),
            cache_miss: duration(none),
        }),
        batch_stats: snapshot.batches.iter().map(batch).collect(),
    }
}

/// A run's inputs and outputs are lent to it and not copied: they take no time of their own.
fn batch(size: &SizeTally) -> proto::InferBatchStatistics {
    let nothing = Tally { count: size.compute_infer.count, nanoseconds: 0 };
    proto::InferBatchStatistics {
        batch_size: size.size,
        compute_input: duration(nothing),
        compute_infer: duration(size.compute_infer),
        compute_output: duration(nothing),
    }
}

/// As a message's field.
fn duration(tally: Tally) -> Option<proto::StatisticDuration> {
    Some(proto::StatisticDuration { count: tally.count, ns: tally.nanoseconds })
}

/// Every version of every model that the caller may use; with `ready` only what is ready.
pub(super) fn index(
    service: &Service,
    exchange: &Exchange<'_>,
    ready: bool,
) -> proto::RepositoryIndexResponse {
    let listed = |entry: &Entry| !ready || entry.state == State::Ready;
    let spelled = |entry: Entry| proto::repository_index_response::ModelIndex {
        name: entry.name,
        version: entry.version.unwrap_or_default(),
        state: entry.state.name().to_owned(),
        reason: entry.reason,
    };
    let models = service.index(exchange).into_iter().filter(listed).map(spelled).collect();
    proto::RepositoryIndexResponse { models }
}

/// Has a model loaded, or loaded anew, and waits until it is served.
pub(super) async fn load(
    service: &Service,
    exchange: &mut Exchange<'_>,
    asked: &proto::RepositoryModelLoadRequest,
) -> Result<proto::RepositoryModelLoadResponse, Fault> {
    service.load(exchange, &asked.model_name, asked.parameters.keys().next()).await?;
    Ok(proto::RepositoryModelLoadResponse {})
}

/// Has a model unloaded, and waits until it takes no more requests.
pub(super) async fn unload(
    service: &Service,
    exchange: &mut Exchange<'_>,
    asked: &proto::RepositoryModelUnloadRequest,
) -> Result<proto::RepositoryModelUnloadResponse, Fault> {
    service.unload(exchange, &asked.model_name).await?;
    Ok(proto::RepositoryModelUnloadResponse {})
}
