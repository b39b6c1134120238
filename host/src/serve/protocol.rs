//! The protocols that are served: each lists its routes, answers at their endpoints, and refuses in its own words.
//!
//! Called by `serve::handler`, which finds the endpoint by `serve::routes`. All predictions go through
//! `serve::prediction`: no protocol has a way past its limits.

pub(crate) mod azureml;
pub(crate) mod grpc;
pub(crate) mod kserve;
pub(crate) mod mlflow;
pub(crate) mod sagemaker;
pub(crate) mod seldon;
pub(crate) mod v2;
pub(crate) mod vertex;

use mlhost_wire::dialect::azureml::AzureMl;
use mlhost_wire::dialect::kserve::Kserve;
use mlhost_wire::dialect::sagemaker::SageMaker;
use mlhost_wire::dialect::seldon::Seldon;
use mlhost_wire::dialect::v2::rest;
use mlhost_wire::dialect::vertex::Vertex;
use mlhost_wire::dialect::{Answer, Dialect as _};
use mlhost_wire::fault::Fault;

use crate::access::Need;
use crate::config::{PlatformConfig, ServedProtocol};
use crate::serve::handler::Service;
use crate::serve::routes::Route;

/// In whose words a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// `mlflow models serve`, and what is mlhost's own.
    Mlflow,
    /// The Open Inference Protocol, version 2.
    V2,
    /// The same over gRPC.
    Grpc,
    /// KServe's first.
    Kserve,
    /// SageMaker's.
    SageMaker,
    /// Vertex AI's.
    Vertex,
    /// Azure ML's.
    AzureMl,
    /// Seldon Core 1's.
    Seldon,
}

/// What a route leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// One of MLflow's.
    Mlflow(mlflow::Endpoint),
    /// One of the Open Inference Protocol's.
    V2(v2::Endpoint),
    /// One of its calls over gRPC.
    Grpc(grpc::Endpoint),
    /// One of KServe V1's.
    Kserve(kserve::Endpoint),
    /// One of SageMaker's.
    SageMaker(sagemaker::Endpoint),
    /// One of Vertex AI's.
    Vertex(vertex::Endpoint),
    /// One of Azure ML's.
    AzureMl(azureml::Endpoint),
    /// One of Seldon's.
    Seldon(seldon::Endpoint),
}

/// The routes of every protocol that is served. A platform's own come first: it is what calls them.
pub(crate) fn routes(platform: &PlatformConfig) -> Vec<Vec<Route>> {
    #[expect(clippy::type_complexity, reason = "named once, where it is made")]
    let lists: [(ServedProtocol, fn(&PlatformConfig) -> Vec<Route>); 7] = [
        (ServedProtocol::SageMaker, sagemaker::routes),
        (ServedProtocol::Vertex, vertex::routes),
        (ServedProtocol::AzureMl, |_| azureml::routes()),
        (ServedProtocol::Seldon, |_| seldon::routes()),
        (ServedProtocol::Mlflow, |_| mlflow::routes()),
        (ServedProtocol::V2, |_| v2::routes()),
        (ServedProtocol::Kserve, |_| kserve::routes()),
    ];
    let served = lists.iter().filter(|(protocol, _)| platform.protocols.has(*protocol));
    served.map(|(_, routes)| routes(platform)).chain([mlflow::health()]).collect()
}

// === impl Protocol ===

impl Protocol {
    /// What metrics and logs call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mlflow => "mlflow",
            Self::V2 => "v2",
            Self::Grpc => "grpc",
            Self::Kserve => "kserve",
            Self::SageMaker => "sagemaker",
            Self::Vertex => "vertex",
            Self::AzureMl => "azureml",
            Self::Seldon => "seldon",
        }
    }

    /// The protocol that a path without a route was probably meant for: clients read the error in its words.
    pub(crate) fn of_unknown(path: &str) -> Self {
        match path.get(..4) {
            Some("/v1/") => Self::Kserve,
            Some("/v2/") => Self::V2,
            _ => Self::Mlflow,
        }
    }

    /// A fault in its words.
    pub(crate) fn refuse(self, service: &Service, fault: &Fault) -> Answer {
        let compat = service.config.compat;
        match self {
            Self::Mlflow => service.mlflow.refuse(fault),
            Self::V2 => rest::refuse(fault),
            Self::Kserve => Kserve { compat }.refuse(fault),
            Self::SageMaker => SageMaker { compat, accept: None }.refuse(fault),
            Self::Vertex => Vertex { compat }.refuse(fault),
            Self::AzureMl => AzureMl { compat }.refuse(fault),
            Self::Seldon => Seldon { compat, puid: "" }.refuse(fault),
            Self::Grpc => grpc::refuse(fault),
        }
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Whose it is.
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Mlflow(_) => Protocol::Mlflow,
            Self::V2(_) => Protocol::V2,
            Self::Grpc(_) => Protocol::Grpc,
            Self::Kserve(_) => Protocol::Kserve,
            Self::SageMaker(_) => Protocol::SageMaker,
            Self::Vertex(_) => Protocol::Vertex,
            Self::AzureMl(_) => Protocol::AzureMl,
            Self::Seldon(_) => Protocol::Seldon,
        }
    }

    /// What a request to it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Mlflow(endpoint) => endpoint.need(),
            Self::V2(endpoint) => endpoint.need(),
            Self::Kserve(endpoint) => endpoint.need(),
            Self::SageMaker(endpoint) => endpoint.need(),
            Self::Vertex(endpoint) => endpoint.need(),
            Self::AzureMl(endpoint) => endpoint.need(),
            Self::Seldon(endpoint) => endpoint.need(),
            Self::Grpc(endpoint) => endpoint.need(),
        }
    }
}

impl From<mlflow::Endpoint> for Endpoint {
    fn from(endpoint: mlflow::Endpoint) -> Self {
        Self::Mlflow(endpoint)
    }
}

impl From<v2::Endpoint> for Endpoint {
    fn from(endpoint: v2::Endpoint) -> Self {
        Self::V2(endpoint)
    }
}

impl From<kserve::Endpoint> for Endpoint {
    fn from(endpoint: kserve::Endpoint) -> Self {
        Self::Kserve(endpoint)
    }
}

impl From<sagemaker::Endpoint> for Endpoint {
    fn from(endpoint: sagemaker::Endpoint) -> Self {
        Self::SageMaker(endpoint)
    }
}

impl From<vertex::Endpoint> for Endpoint {
    fn from(endpoint: vertex::Endpoint) -> Self {
        Self::Vertex(endpoint)
    }
}

impl From<azureml::Endpoint> for Endpoint {
    fn from(endpoint: azureml::Endpoint) -> Self {
        Self::AzureMl(endpoint)
    }
}

impl From<seldon::Endpoint> for Endpoint {
    fn from(endpoint: seldon::Endpoint) -> Self {
        Self::Seldon(endpoint)
    }
}
