//! `mlhost serve`: read, load, compile, warm, then bind, then one ready line, then serve until told to stop.
//!
//! Nothing is loaded after the ready line. Whatever is wrong with the set-up is said before anything listens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mlhost_bundle::{Batching, Bundle};
use mlhost_sandbox::{Cleaning, Engine, EngineOptions, Start};
use mlhost_wire::dialect::Interface;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::args::{LogFormat, ServeArgs};
use super::{Defect, log};
use crate::app::App;
use crate::config::{self, LimitsAllowed, ServerConfig};
use crate::model_source::{GraphFile, ModelSource};
use crate::onnxruntime;
use crate::serve::handler::{ROUTES, Service};
use crate::serve::server::Server;

/// Sandboxes over the requests that may be in the model: the pool's own limit is the last line, never the first.
const SPARE_SANDBOXES: u32 = 8;

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let started = Instant::now();
    let environment = config::process_environment;
    let format = log::format(args.log_format, &environment)?;
    log::start(format, &environment)?;
    let mut config = ServerConfig::from_environment(&environment)?;
    apply(args, &mut config);
    let allowed = LimitsAllowed {
        memory_bytes: args.max_memory,
        data_bytes: args.max_data,
        grants: args.allow.clone(),
        batching: Batching {
            max_rows: args.max_batch_rows,
            max_elements: args.max_batch_elements,
            max_delay: args.max_batch_delay,
            max_queue: args.max_queue.map(|calls| calls as usize),
        },
    };
    let source = source(args, &allowed)?;
    config.timeout = source.time.map_or(config.timeout, |time| time.min(config.timeout));
    config.max_requests =
        source.concurrency.map_or(config.max_requests, |most| most.min(config.max_requests));
    // A bundle without a graph starts without ONNX Runtime, unless it was asked for by name.
    if !source.graphs.is_empty() || args.onnxruntime.is_some() {
        load_runtime(args)?;
    }

    // Loads, accepts and waits for signals; requests have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Defect(format!("cannot start the asynchronous runtime: {error}")))?;
    runtime.block_on(async {
        let engine = Engine::new(&EngineOptions {
            instances: u32::try_from(config.max_requests).unwrap_or(u32::MAX).saturating_add(SPARE_SANDBOXES),
            max_memory_bytes: source.limits.memory_bytes,
            scan: !args.no_pagemap_scan,
        })?;
        let name = source.name.clone();
        let app = App::load(source, &engine, config.timeout)
            .await
            .with_context(|| format!("cannot load model `{name}`"))?;
        serve(app, config, Ready { started, format, engine }).await
    })
}

/// What the ready line says besides where and what.
struct Ready {
    started: Instant,
    format: LogFormat,
    engine: Engine,
}

async fn serve(app: App, config: ServerConfig, ready: Ready) -> anyhow::Result<()> {
    let address = SocketAddr::new(config.host, config.port);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}\nhint: `--port 0` takes any free port"))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    ready.say(&app, listener.local_addr()?)?;
    let engine = Some(ready.engine).filter(|_| app.is_sandboxed());

    let server = Server {
        listener,
        max_connections: config.max_connections,
        workers: config.workers,
        drain: config.drain,
    };
    let service = Arc::new(Service::new(app, config));
    let mut swap = false;
    let drained = server
        .run(service, async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = swap_appears(engine) => swap = true,
            }
            tracing::info!("stopping: no new connections; requests under way are answered");
        })
        .await
        .context("cannot start the threads that serve requests")?;
    if drained {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped with requests unanswered: they outlived the drain time");
    }
    anyhow::ensure!(!swap, SWAP_APPEARED);
    Ok(())
}

/// How often to look whether swap was turned on. It takes longer to turn it on and have pages in it.
const SWAP_LOOK: Duration = Duration::from_secs(1);

const SWAP_APPEARED: &str = "swap was turned on: sandboxes can no longer be cleaned safely by scanning their pages\n\
                             hint: start again, and mlhost cleans them without a scan; `--no-pagemap-scan` does so from \
                             the start";

/// Ends once it is no longer safe to go on; never where there is no sandbox.
async fn swap_appears(engine: Option<Engine>) {
    let Some(engine) = engine else { return std::future::pending().await };
    while engine.is_clean() {
        tokio::time::sleep(SWAP_LOOK).await;
    }
    tracing::error!("{SWAP_APPEARED}");
}

fn apply(args: &ServeArgs, config: &mut ServerConfig) {
    config.host = args.host.unwrap_or(config.host);
    config.port = args.port.unwrap_or(config.port);
    config.timeout = args.timeout.unwrap_or(config.timeout);
    let count = |flag: Option<u32>, default| flag.map_or(default, |count| count as usize);
    config.max_requests = count(args.max_requests, config.max_requests);
    config.workers = count(args.workers, config.workers);
    config.max_connections = count(args.max_connections, config.max_connections);
    if let Some(bytes) = args.max_body {
        config.max_body_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        config.max_bodies_bytes = config.max_bodies_bytes.max(config.max_body_bytes);
    }
}

fn source(args: &ServeArgs, allowed: &LimitsAllowed) -> anyhow::Result<ModelSource> {
    if let Some(directory) = &args.model_uri {
        return from_bundle(directory, allowed);
    }
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()));
    let component = args.component.as_deref().map(read).transpose()?;
    let mut artifacts = BTreeMap::new();
    for artifact in &args.artifact {
        artifacts.insert(artifact.name.clone(), read(&artifact.path)?);
    }
    let named = args.model.first().map(|model| model.name.clone());
    let stem =
        args.component.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    Ok(ModelSource {
        name: named.or(stem).unwrap_or_else(|| "model".to_owned()),
        component,
        graphs: args
            .model
            .iter()
            .map(|model| GraphFile {
                name: model.name.clone(),
                path: model.path.clone(),
                options: allowed.graph_options(&Batching::default()),
            })
            .collect(),
        artifacts,
        interface: Interface {
            raw_media_types: args.accept.iter().map(|accept| accept.to_ascii_lowercase()).collect(),
            ..Interface::default()
        },
        model_config: "{}".to_owned(),
        grants: config::resolve_grants(&allowed.grants),
        limits: allowed.limits("model", &mlhost_bundle::Limits::default()),
        time: None,
        concurrency: None,
    })
}

fn from_bundle(directory: &Path, allowed: &LimitsAllowed) -> anyhow::Result<ModelSource> {
    Bundle::open(directory).and_then(|bundle| ModelSource::from_bundle(&bundle, allowed)).map_err(|error| {
        let hint = error.hint();
        let error = anyhow::Error::new(error);
        match hint {
            Some(hint) => anyhow::anyhow!("{error}\nhint: {hint}"),
            None => error,
        }
    })
}

fn load_runtime(args: &ServeArgs) -> anyhow::Result<()> {
    let environment = config::process_environment;
    let executable = std::env::current_exe().ok();
    let found = onnxruntime::locate(&onnxruntime::Places {
        flag: args.onnxruntime.as_deref(),
        variable: environment("ORT_DYLIB_PATH").as_deref(),
        executable_directory: executable.as_deref().and_then(Path::parent),
        cache_directory: config::cache_dir(&environment).as_deref(),
    })?;
    mlhost_nn::initialize(&found.path)?;
    tracing::debug!(path = %found.path.display(), from = %found.from, "ONNX Runtime loaded");
    Ok(())
}

// === impl Ready ===

impl Ready {
    #[expect(clippy::print_stdout, reason = "the ready line is this command's output")]
    fn say(&self, app: &App, address: SocketAddr) -> anyhow::Result<()> {
        let milliseconds = self.started.elapsed().as_millis();
        let version = env!("CARGO_PKG_VERSION");
        match self.format {
            LogFormat::Plain => {
                let how = match (app.is_sandboxed(), self.engine.cleaning()) {
                    (false, _) => "native".to_owned(),
                    (true, Cleaning::Scan) => "sandboxed, cleaned by scan".to_owned(),
                    (true, Cleaning::Reset(reason)) => format!("sandboxed, cleaned by reset: {reason}"),
                };
                println!(
                    "mlhost {version} ready on http://{address} in {milliseconds} ms: model `{}` ({how}); {}",
                    app.name,
                    ROUTES.join(", ")
                );
            }
            LogFormat::Json => {
                let line = serde_json::json!({
                    "event": "ready",
                    "version": version,
                    "address": address.to_string(),
                    "url": format!("http://{address}"),
                    "model": app.name,
                    "sandboxed": app.is_sandboxed(),
                    "snapshot": app.start() == Some(&Start::Snapshot),
                    "cleaning": match self.engine.cleaning() {
                        Cleaning::Scan => "scan",
                        Cleaning::Reset(_) => "reset",
                    },
                    "routes": ROUTES,
                    "milliseconds": u64::try_from(milliseconds).unwrap_or(u64::MAX),
                });
                println!("{line}");
            }
        }
        Ok(())
    }
}
