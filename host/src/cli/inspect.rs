//! `mlhost inspect`: what a component imports, exports and would be granted; and, of a model directory or with
//! `--start`, where its calls start.
//!
//! A file alone is neither compiled nor run. A model directory is loaded as `serve` loads it, and nothing listens.

use anyhow::Context as _;

use super::args::{InspectArgs, LogFormat};
use super::{log, model, model_uri, output};
use crate::config::{self, ServerConfig};
use crate::inspect::{Inspection, Loaded, inspect};
use crate::model_source::ModelSource;

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    log::start(LogFormat::Plain, "warn", &config::process_environment)?;
    let inspection = inspection(args)?;
    if args.json {
        output::line(serde_json::to_string_pretty(&inspection)?)?;
    } else {
        output::text(&inspection)?;
    }
    Ok(())
}

fn inspection(args: &InspectArgs) -> anyhow::Result<Inspection> {
    let path = args.path.display();
    let allowed = model::allowed(&args.parts);
    let brought = model_uri::bring_remote(&args.path)?;
    let is_directory = brought.is_some() || args.path.is_dir();
    let named = !args.parts.model.is_empty() || !args.parts.artifact.is_empty();
    anyhow::ensure!(
        !(is_directory && named),
        "`{path}` is a model directory, which names its own graphs and artifacts\n\
         hint: `--model` and `--artifact` go with a component's file"
    );
    let source = if let Some(brought) = brought {
        model::from_brought(brought, &allowed)?
    } else if is_directory {
        model::from_bundle(&args.path, &allowed)?
    } else {
        model::from_parts(Some(&args.path), &args.parts, &allowed)?
    };
    let mut inspection = match &source.component {
        Some(bytes) => inspect(bytes).with_context(|| format!("cannot inspect `{path}`"))?,
        None => anyhow::bail!(
            "model `{}` has no component: its graph is served as it is\n\
             hint: `mlhost inspect` looks into components",
            source.name
        ),
    };
    if inspection.servable && (is_directory || named || args.start) {
        inspection.loaded = Some(loaded(args, source).with_context(|| format!("cannot load `{path}`"))?);
    }
    Ok(inspection)
}

/// Loads the model as `serve` would.
fn loaded(args: &InspectArgs, source: ModelSource) -> anyhow::Result<Loaded> {
    model::load_runtime(&args.parts, &source)?;
    let timeout = ServerConfig::from_environment(&config::process_environment)?.timeout;
    let app = model::runtime()?.block_on(model::load_alone(source, args.no_code_cache, timeout, 4))?;
    Loaded::of(&app).context("the model has no sandbox")
}
