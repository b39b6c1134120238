//! `mlhost serve`: read, load, compile, warm, then bind, then one ready line, then serve until told to stop.
//!
//! Nothing is loaded after the ready line; a model that was saved with an example has answered it by then. Whatever is wrong with the set-up is said before anything listens.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mlhost_bundle::Batching;
use mlhost_sandbox::{Cleaning, CodeSource, Engine, EngineOptions, Start};
use mlhost_wire::dialect::mlflow::Mlflow;
use tokio::net::TcpListener;

use super::args::{LogFormat, PartArgs, ServeArgs, note};
use super::door::{Door, Signals};
use super::observed::{Observed, Watched};
use super::origin::Named;
use super::{file_limit, log, model, output, platform};
use crate::app::App;
use crate::catalog::Catalog;
use crate::config::{self, LimitsAllowed, ServerConfig};
use crate::deployment::{Deployment, Release};
use crate::model_source::ModelSource;
use crate::reload::{Origin as _, Reloader};
use crate::serve::cors::Cors;
use crate::serve::handler::Service;
use crate::serve::server::Server;
use crate::warm_up::warm_up;

/// Sandboxes over the requests that may be in the model, among them the one that is still to be dropped and the spare:
/// the pool's own limit is the last line, never the first.
const MORE_SANDBOXES: u32 = 8;

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let started = Instant::now();
    let environment = config::process_environment;
    let format = log::format(args.log_format, &environment)?;
    let log = log::start(format, "info", &environment)?;
    note(&args.python.flags());
    let platform = platform::platform(args)?;
    let source_args = platform::source(&args.source, &platform)?;
    let mut config = ServerConfig::on(platform, &environment)?;
    apply(args, &mut config);
    // Before anything is loaded: what is wrong with it is said at once.
    let door = Door::open(args)?;
    let observed = Observed::start(&args.observe.config(&environment)?, log, &door.access)?;
    let allowed = LimitsAllowed {
        batching: Batching {
            max_rows: args.max_batch_rows,
            max_elements: args.max_batch_elements,
            max_delay: args.max_batch_delay,
            max_queue: args.max_queue.map(|calls| calls as usize),
        },
        intra_op_threads: args.intra_op_threads.map(|threads| threads as usize),
        ..model::allowed(&args.source.parts)
    };
    let model_config = config::model_config_overrides(&environment)?;
    let name = config.platform.model_name.clone();
    let named = Named::new(source_args, &args.accept, allowed, model_config)?.called(name);
    let parts = args.source.parts.clone();
    model::runtime()?.block_on(async {
        let target = named.look().await?;
        let source = named.read(&target).await?;
        let engine = Engine::new(&EngineOptions {
            instances: u32::try_from(config.max_requests).unwrap_or(u32::MAX).saturating_add(MORE_SANDBOXES),
            max_memory_bytes: source.limits.memory_bytes,
            scan: !args.no_pagemap_scan,
            code_cache: model::code_cache(args.no_code_cache),
        })?;
        let loading = Loading {
            engine: engine.clone(),
            parts,
            patience: config.timeout,
            warm_up: (!args.no_warm_up).then_some(Mlflow { compat: config.compat }),
        };
        let app = loading.load(source).await?;
        let release = Release::new(app, named.version(&target));
        let deployment = Arc::new(Deployment::new(release, args.watch));
        let reloader = Reloader {
            origin: named,
            serving: target,
            deployment: Arc::clone(&deployment),
            load: Box::new(move |source| {
                let loading = loading.clone();
                Box::pin(async move { loading.load(source).await })
            }),
            engine: engine.clone(),
        };
        let ready = Ready { started, format, engine, door, admin: observed.admin_address(), grpc: None };
        serve(deployment, config, ready, reloader, observed).await
    })
}

/// How every version of the model is made ready to be served.
#[derive(Clone)]
struct Loading {
    engine: Engine,
    parts: PartArgs,
    /// For one request, and so for `load-context`.
    patience: Duration,
    /// How a model has to answer its own example first, where it has to.
    warm_up: Option<Mlflow>,
}

// === impl Loading ===

impl Loading {
    async fn load(&self, source: ModelSource) -> anyhow::Result<App> {
        model::load_runtime(&self.parts, &source)?;
        let name = source.name.clone();
        let patience = source.time_within(self.patience);
        let example = self.warm_up.zip(source.example.clone());
        let app = App::load(source, &self.engine, patience)
            .await
            .with_context(|| format!("cannot load model `{name}`"))?;
        if let Some((dialect, example)) = example {
            warm_up(&app, dialect, &example, patience)
                .await
                .with_context(|| format!("model `{name}` is not ready to be served"))?;
        }
        Ok(app)
    }
}

/// What the ready line says besides where and what.
struct Ready {
    started: Instant,
    format: LogFormat,
    engine: Engine,
    door: Door,
    /// Where gRPC has a port of its own.
    grpc: Option<SocketAddr>,
    admin: Option<SocketAddr>,
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of its own; a struct would be made for this call alone"
)]
async fn serve(
    deployment: Arc<Deployment>,
    config: ServerConfig,
    mut ready: Ready,
    reloader: Reloader<Named>,
    observed: Observed,
) -> anyhow::Result<()> {
    let address = SocketAddr::new(config.host, config.port);
    let listener = listen(address, "--port").await?;
    let grpc = match config.grpc.port {
        Some(port) => Some(listen(SocketAddr::new(config.host, port), "--grpc-port").await?),
        None => None,
    };
    ready.grpc = grpc.as_ref().map(TcpListener::local_addr).transpose()?;
    let signals = Signals::catch()?;
    file_limit::raise(config.max_connections);
    reloader.start().context("cannot start the thread that looks for other versions of the model")?;
    ready.door.watch().context("cannot watch the files of keys and certificates")?;
    let server = Server {
        listener,
        grpc,
        max_connections: config.max_connections,
        tls: ready.door.tls.clone(),
        workers: config.workers,
        drain: config.drain,
    };
    let catalog = Arc::new(Catalog::of_one(Arc::clone(&deployment)));
    let delay = config.drain_delay;
    let (access, readiness) = (Arc::clone(&ready.door.access), ready.door.readiness.clone());
    let service = Service::new(catalog, config, access, readiness)?;
    let Watched { service, admin } = observed.watch(service)?;
    if let Some(release) = deployment.current() {
        ready.say(&release.app, server.listener.local_addr()?, &service)?;
    }
    let mut swap = false;
    let run = server.run(Arc::clone(&service), async {
        tokio::select! {
            () = signals.come(1) => {}
            () = swap_appears(&ready.engine, &deployment) => swap = true,
        }
        ready.door.close(delay).await;
    });
    let drained = tokio::select! {
        drained = run => drained.context("cannot start the threads that serve requests")?,
        () = signals.come(2) => anyhow::bail!("stopped at once by a second signal: requests under way were not answered"),
    };
    if drained {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped with requests unanswered: they outlived the drain time");
    }
    drop(admin);
    service.reporter().flush();
    anyhow::ensure!(!swap, SWAP_APPEARED);
    Ok(())
}

/// Listens on the port that `flag` names.
async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        anyhow::anyhow!("cannot listen on {address}: {error}\nhint: {}", listening(&error, flag))
    })
}

/// What to do about an address that cannot be had.
fn listening(error: &io::Error, flag: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            "`--host` names an address of this machine; `0.0.0.0` and `::` are all of them".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 are for the privileged: `{flag}` names a higher one")
        }
        _ => {
            format!("another process has it: `{flag}` names another port, and `{flag} 0` takes any free one")
        }
    }
}

/// How often to look whether swap was turned on. It takes longer to turn it on and have pages in it.
const SWAP_LOOK: Duration = Duration::from_secs(1);

const SWAP_APPEARED: &str = "swap was turned on: sandboxes can no longer be cleaned safely by scanning their pages\n\
                             hint: start again, and mlhost cleans them without a scan; `--no-pagemap-scan` does so from \
                             the start";

/// Ends once it is no longer safe to go on; never while there is no sandbox.
async fn swap_appears(engine: &Engine, deployment: &Deployment) {
    while deployment.current().is_none_or(|release| !release.app.is_sandboxed()) || engine.is_clean() {
        tokio::time::sleep(SWAP_LOOK).await;
    }
    tracing::error!("{SWAP_APPEARED}");
}

fn apply(args: &ServeArgs, config: &mut ServerConfig) {
    config.host = args.host.unwrap_or(config.host);
    config.port = args.port.unwrap_or(config.port);
    config.grpc.port = args.grpc.grpc_port.or(config.grpc.port);
    config.timeout = args.timeout.unwrap_or(config.timeout);
    args.connections.apply(&mut config.connections);
    config.drain = args.connections.drain_timeout.unwrap_or(config.drain);
    config.drain_delay = args.connections.drain_delay.unwrap_or(config.drain_delay);
    config.cors = Cors::new(args.access.cors_origin.clone());
    config.compat = args.mlflow_compat.unwrap_or(config.compat);
    let count = |flag: Option<u32>, default| flag.map_or(default, |count| count as usize);
    config.max_requests = count(args.max_requests, config.max_requests);
    config.workers = count(args.workers, config.workers);
    config.max_connections = count(args.max_connections, config.max_connections);
    if let Some(bytes) = args.max_body {
        config.max_body_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        config.max_bodies_bytes = config.max_bodies_bytes.max(config.max_body_bytes);
    }
}

// === impl Ready ===

impl Ready {
    fn say(&self, app: &App, address: SocketAddr, service: &Service) -> anyhow::Result<()> {
        let milliseconds = self.started.elapsed().as_millis();
        let version = env!("CARGO_PKG_VERSION");
        let scheme = self.door.scheme();
        match self.format {
            LogFormat::Plain => {
                let how = match (app.is_sandboxed(), self.engine.cleaning()) {
                    (false, _) => "native".to_owned(),
                    (true, Cleaning::Scan) => "sandboxed, cleaned by scan".to_owned(),
                    (true, Cleaning::Reset(reason)) => format!("sandboxed, cleaned by reset: {reason}"),
                };
                let code = app.code().map_or("", |code| match code {
                    CodeSource::Cache => ", code from the cache",
                    CodeSource::Compiled => ", code compiled",
                });
                let grpc = self.grpc.map_or_else(String::new, |address| format!(" and {address} for gRPC"));
                let admin = self.admin.map(|admin| format!("; admin on http://{admin}")).unwrap_or_default();
                output::line(format_args!(
                    "mlhost {version} ready on {scheme}://{address}{grpc} in {milliseconds} ms: model `{}` ({how}{code}); {}{admin}",
                    app.name,
                    service.protocols().join(", ")
                ))
            }
            LogFormat::Json => {
                let line = serde_json::json!({
                    "event": "ready",
                    "version": version,
                    "address": address.to_string(),
                    "grpc_address": self.grpc.map(|address| address.to_string()),
                    "url": format!("{scheme}://{address}"),
                    "admin": self.admin.map(|admin| admin.to_string()),
                    "model": app.name,
                    "sandboxed": app.is_sandboxed(),
                    "code": app.code().map(CodeSource::name),
                    "snapshot": app.start() == Some(&Start::Snapshot),
                    "cleaning": match self.engine.cleaning() {
                        Cleaning::Scan => "scan",
                        Cleaning::Reset(_) => "reset",
                    },
                    "platform": service.config.platform.platform.name(),
                    "routes": service.routes(),
                    "milliseconds": u64::try_from(milliseconds).unwrap_or(u64::MAX),
                });
                output::line(line)
            }
        }
    }
}
