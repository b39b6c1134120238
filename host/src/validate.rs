//! All that is wrong with a model directory, from MLmodel's syntax to the answer to its own example.
//!
//! Called by `cli::validate`. Each step looks at what the ones before it left whole, so that one look shows as much as
//! there is to mend. Runs the model's own code only where nothing else is wrong, in the sandbox that would serve it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use mlhost_bundle::{Bundle, BundleError, Checked};
use mlhost_nn::{Graph, GraphInfo};
use mlhost_sandbox::{Engine, EngineOptions};
use mlhost_wire::dialect::mlflow::Mlflow;
use serde::Serialize;

use crate::app::App;
use crate::config::LimitsAllowed;
use crate::inspect::{Given, PREDICTOR, inspect};
use crate::model_source::ModelSource;
use crate::warm_up::warm_up;

mod fit;

/// Enough to load a model and to call it once.
const SANDBOXES: u32 = 4;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The directory is not served.
    Error,
    /// It is served, and perhaps not as was meant.
    Warning,
}

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// Where to look.
    #[serde(rename = "where")]
    pub place: String,
    /// What is wrong there.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What a look at the directory showed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// What the model would be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether it is served.
    pub valid: bool,
    /// What there is to mend, in the order in which it was found.
    pub problems: Vec<Problem>,
}

/// How a model is loaded.
pub struct Loading<'a> {
    /// Loads ONNX Runtime.
    pub runtime: &'a dyn Fn(&ModelSource) -> anyhow::Result<()>,
    /// The time for `load-context`, and for the example.
    pub time: Duration,
}

/// Looks at the whole of `directory`.
pub async fn validate(directory: &Path, loading: Loading<'_>) -> Report {
    let mut report = Report::default();
    let Checked { bundle, problems } = Bundle::check(directory);
    for error in &problems {
        report.bundle_error(error);
    }
    if let Some(bundle) = bundle {
        report.model = Some(bundle.name.clone());
        report.bundle(&bundle, loading).await;
    }
    report.valid = report.count(Severity::Error) == 0;
    report
}

// === impl Problem ===

impl Problem {
    /// The hint is what the message has behind `hint:`, in a line of its own.
    fn new(severity: Severity, place: &str, message: &dyn fmt::Display) -> Self {
        let text = message.to_string();
        let (message, hint) = match text.split_once("\nhint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        Self { severity, place: place.to_owned(), message, hint }
    }

    fn hinted(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

// === impl Report ===

impl Report {
    /// How many problems there are of this kind.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }

    fn error(&mut self, place: &str, message: &dyn fmt::Display) {
        self.problems.push(Problem::new(Severity::Error, place, message));
    }

    fn warning(&mut self, place: &str, message: &dyn fmt::Display) {
        self.problems.push(Problem::new(Severity::Warning, place, message));
    }

    fn bundle_error(&mut self, error: &BundleError) {
        self.problems.push(Problem::new(Severity::Error, &error.place(), error).hinted(error.hint()));
    }

    async fn bundle(&mut self, bundle: &Bundle, loading: Loading<'_>) {
        for note in &bundle.notes {
            self.warning("MLmodel", note);
        }
        if bundle.interface.signature.inputs.is_none() && bundle.interface.raw_media_types.is_empty() {
            let message = "there is none for inputs: types are guessed from each request\n\
                           hint: with one, requests are checked and cast before they reach the model";
            self.warning("MLmodel, `signature`", &message);
        }
        self.component(bundle);
        let graphs = self.graphs(bundle, loading.runtime);
        if self.count(Severity::Error) > 0 {
            return;
        }
        if let (None, [(name, info)], Some(inputs)) =
            (&bundle.component, graphs.as_slice(), &bundle.interface.signature.inputs)
        {
            for (severity, message) in fit::misfits(inputs, &info.inputs) {
                let place = format!("MLmodel, `signature`, beside graph `{name}`");
                self.problems.push(Problem::new(severity, &place, &message));
            }
        }
        if self.count(Severity::Error) == 0 {
            self.trial(bundle, loading.time).await;
        }
    }

    fn component(&mut self, bundle: &Bundle) {
        let bytes = match bundle.read_component() {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return,
            Err(error) => return self.bundle_error(&error),
        };
        let inspection = match inspect(&bytes) {
            Ok(inspection) => inspection,
            Err(error) => return self.error("the component", &error),
        };
        for import in inspection.imports.iter().filter(|import| import.given == Given::NotProvided) {
            self.error(
                "the component",
                &format!("it imports `{}`, which mlhost does not provide", import.name),
            );
        }
        if !inspection.exports.iter().any(|export| export.name == PREDICTOR) {
            let message = format!(
                "it does not export `{PREDICTOR}`\nhint: build it against this version's `mlhost-guest`"
            );
            self.error("the component", &message);
        }
    }

    /// The graphs that ONNX Runtime loads.
    fn graphs(
        &mut self,
        bundle: &Bundle,
        load_runtime: &dyn Fn(&ModelSource) -> anyhow::Result<()>,
    ) -> Vec<(String, GraphInfo)> {
        let graphs = ModelSource::graph_files(bundle, &LimitsAllowed::default());
        let source = ModelSource { graphs, ..ModelSource::default() };
        if let Err(error) = load_runtime(&source) {
            self.error("ONNX Runtime", &format!("no graph can be looked at: {error:#}"));
            return Vec::new();
        }
        let mut loaded = Vec::new();
        for graph in &source.graphs {
            match Graph::load(&graph.name, &graph.path, &graph.options) {
                Ok(opened) => loaded.push((graph.name.clone(), opened.info().clone())),
                Err(error) => self.error(&format!("graph `{}`", graph.name), &error),
            }
        }
        loaded
    }

    /// Loads the model as `serve` does, and has it answer its own example.
    async fn trial(&mut self, bundle: &Bundle, time: Duration) {
        let mut source = match ModelSource::from_bundle(bundle, &LimitsAllowed::default()) {
            Ok(source) => source,
            Err(error @ BundleError::NotAllowed { .. }) => {
                let message = format!("{error}: the model was not tried");
                let problem = Problem::new(Severity::Warning, &error.place(), &message);
                return self.problems.push(problem.hinted(error.hint()));
            }
            Err(error) => return self.bundle_error(&error),
        };
        let time = source.time_within(time);
        let example = source.example.take();
        let engine = Engine::new(&EngineOptions {
            instances: SANDBOXES,
            max_memory_bytes: source.limits.memory_bytes,
            scan: false,
            code_cache: None,
        });
        let app = match engine {
            Ok(engine) => App::load(source, &engine, time).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match (app, example) {
            (Ok(app), Some(example)) => {
                if let Err(error) = warm_up(&app, Mlflow::default(), &example, time).await {
                    self.error("serving_input_example.json", &error);
                }
            }
            (Ok(_), None) => {}
            (Err(error), _) => self.error("the model", &error),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.problems.iter().map(|problem| problem.place.chars().count()).max().unwrap_or(0);
        for Problem { severity, place, message, hint } in &self.problems {
            let severity = severity.name();
            let indent = severity.len().max(7) + width + 4;
            let message = message.replace('\n', &format!("\n{:indent$}", ""));
            writeln!(f, "{severity:7}  {place:width$}  {message}")?;
            if let Some(hint) = hint {
                writeln!(f, "{:indent$}hint: {hint}", "")?;
            }
        }
        let count = |severity: Severity| match self.count(severity) {
            1 => format!("1 {}", severity.name()),
            several => format!("{several} {}s", severity.name()),
        };
        let model = self.model.as_deref().unwrap_or("the model");
        let verdict = if self.valid { "can be served" } else { "cannot be served" };
        writeln!(f, "{model}: {verdict}: {}, {}", count(Severity::Error), count(Severity::Warning))
    }
}

// === impl Severity ===

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}
