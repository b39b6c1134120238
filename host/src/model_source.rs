//! What a model is made from, whether a bundle or single flags named it. Made by `cli::model`, consumed by
//! [`crate::app::App::load`] and `cli::compile`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use mlhost_bundle::{Bundle, BundleError};
use mlhost_nn::{Graph, GraphOptions, Graphs, NnError};
use mlhost_sandbox::{GuestSource, Limits, WasiGrants};
use mlhost_wire::dialect::Interface;

use crate::config::{LimitsAllowed, resolve_grants};

/// The parts of a model, read and checked as far as that goes without loading them.
#[derive(Default)]
pub struct ModelSource {
    /// What it is called.
    pub name: String,
    /// The user's code; without it the graph is served as it is.
    pub component: Option<Vec<u8>>,
    /// Graphs, in the order of their names.
    pub graphs: Vec<GraphFile>,
    /// Artifacts by name.
    pub artifacts: BTreeMap<String, Vec<u8>>,
    /// What a request may be.
    pub interface: Interface,
    /// MLflow's `model_config`, one JSON object.
    pub model_config: String,
    /// A request as MLflow saved it with the model, for [`crate::warm_up`].
    pub example: Option<Vec<u8>>,
    /// What bundle and operator both grant.
    pub grants: WasiGrants,
    /// What one request may use.
    pub limits: Limits,
    /// The bundle's own deadline for a request, where it has one.
    pub time: Option<Duration>,
    /// The bundle's own bound on requests at once, where it has one.
    pub concurrency: Option<usize>,
}

/// A graph to load.
#[derive(Clone, Debug)]
pub struct GraphFile {
    /// How the user's code calls it.
    pub name: String,
    /// The ONNX file.
    pub path: PathBuf,
    /// How it is run.
    pub options: GraphOptions,
}

// === impl ModelSource ===

impl ModelSource {
    /// Reads what a bundle names.
    ///
    /// # Errors
    ///
    /// [`BundleError`] where a file has gone since the bundle was opened, or a grant is not allowed.
    pub fn from_bundle(bundle: &Bundle, allowed: &LimitsAllowed) -> Result<Self, BundleError> {
        for note in &bundle.notes {
            tracing::warn!(model = bundle.name, "{note}");
        }
        Ok(Self {
            name: bundle.name.clone(),
            component: bundle.read_component()?,
            graphs: Self::graph_files(bundle, allowed),
            artifacts: bundle.read_artifacts()?.into_iter().collect(),
            interface: bundle.interface.clone(),
            model_config: bundle.model_config.clone(),
            example: bundle.read_example()?,
            grants: resolve_grants(&mlhost_bundle::granted(&bundle.grants, &allowed.grants)?),
            limits: allowed.limits(&bundle.name, &bundle.limits),
            time: bundle.limits.time,
            concurrency: bundle.limits.concurrency,
        })
    }

    /// The bundle's graphs, and how they are run.
    #[must_use]
    pub fn graph_files(bundle: &Bundle, allowed: &LimitsAllowed) -> Vec<GraphFile> {
        let file = |graph: &mlhost_bundle::GraphSource| GraphFile {
            name: graph.name.clone(),
            path: graph.path.clone(),
            options: allowed.graph_options(&graph.batching),
        };
        bundle.graphs.iter().map(file).collect()
    }

    /// Puts `overrides` in place of values of the model's configuration, as MLflow does: unknown keys change nothing.
    pub fn override_model_config(&mut self, overrides: serde_json::Map<String, serde_json::Value>) {
        if overrides.is_empty() {
            return;
        }
        let (model_config, ignored) = crate::config::override_model_config(&self.model_config, overrides);
        self.model_config = model_config;
        if !ignored.is_empty() {
            let keys = ignored.join(", ");
            tracing::warn!(
                model = self.name,
                keys,
                "the model's `model_config` has no such keys: they are ignored"
            );
        }
    }

    /// What one request may take where everybody else's may take `most`.
    #[must_use]
    pub fn time_within(&self, most: Duration) -> Duration {
        self.time.map_or(most, |own| own.min(most))
    }

    /// Opens the graphs in ONNX Runtime.
    ///
    /// # Errors
    ///
    /// [`NnError`] names the graph that does not load.
    pub fn open_graphs(&self) -> Result<Graphs, NnError> {
        let open = |graph: &GraphFile| Graph::load(&graph.name, &graph.path, &graph.options);
        Ok(Graphs::new(self.graphs.iter().map(open).collect::<Result<Vec<_>, _>>()?))
    }

    /// What the sandbox makes a guest from; takes artifacts and configuration along.
    pub fn guest<'a>(&'a mut self, component: &'a [u8], graphs: Graphs) -> GuestSource<'a> {
        GuestSource {
            name: &self.name,
            component,
            graphs,
            artifacts: std::mem::take(&mut self.artifacts),
            model_config: std::mem::take(&mut self.model_config),
            grants: std::mem::take(&mut self.grants),
            limits: self.limits.clone(),
        }
    }
}
