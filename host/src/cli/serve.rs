//! `mlhost serve`: read, load, compile, warm, then bind, then one ready line, then serve until told to stop.
//!
//! Nothing is loaded after the ready line; a model that was saved with an example has answered it by then. Whatever is wrong with the set-up is said before anything listens.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mlhost_bundle::Batching;
use mlhost_sandbox::Engine;
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use super::args::{LogFormat, ServeArgs, SourceArgs, note};
use super::door::{Door, Signals};
use super::loading::Loading;
use super::observed::{Observed, Watched};
use super::origin::Named;
use super::ready::Ready;
use super::repository::Several;
use super::{file_limit, log, model, platform};
use crate::catalog::Catalog;
use crate::config::{self, LimitsAllowed, ServerConfig};
use crate::deployment::{Deployment, Release};
use crate::reload::{Origin as _, Reloader};
use crate::serve::cors::Cors;
use crate::serve::handler::Service;
use crate::serve::server::Server;

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let started = Instant::now();
    let environment = config::process_environment;
    let format = log::format(args.log_format, &environment)?;
    let log = log::start(format, "info", &environment)?;
    note(&args.python.flags());
    let platform = platform::platform(args)?;
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
    let several = args.repository.repository.is_some() || config.platform.multi_model;
    let source = match several {
        true => None,
        false => Some(platform::source(&args.source, &config.platform)?),
    };
    let allowed = (allowed, config::model_config_overrides(&environment)?);
    model::runtime()?.block_on(async {
        let models = match source {
            Some(source) => one(args, &config, (source, allowed)).await?,
            None => several_models(args, &config, allowed).await?,
        };
        Start { started, format, door, observed, config }.serve(models).await
    })
}

/// Models from a repository, or from wherever clients say.
async fn several_models(
    args: &ServeArgs,
    config: &ServerConfig,
    allowed: (LimitsAllowed, Map<String, Value>),
) -> anyhow::Result<Models> {
    let Several { catalog, loader, loading } = Several::load(args, config, allowed).await?;
    Ok(Models { catalog, engine: loading.engine().clone(), watch: Box::new(move || loader.start()) })
}

/// The only model, loaded, and how another version takes its place.
async fn one(
    args: &ServeArgs,
    config: &ServerConfig,
    (source, (allowed, model_config)): (SourceArgs, (LimitsAllowed, Map<String, Value>)),
) -> anyhow::Result<Models> {
    let name = config.platform.model_name.clone();
    let named = Named::new(source, &args.accept, allowed, model_config)?.called(name);
    let target = named.look().await?;
    let source = named.read(&target).await?;
    let loading = Loading::new(args, config, source.limits.memory_bytes)?;
    let engine = loading.engine().clone();
    let release = Release::new(loading.load(source).await?, named.version(&target));
    let deployment = Arc::new(Deployment::new(release, args.watch));
    let reloader = Reloader {
        origin: named,
        serving: target,
        deployment: Arc::clone(&deployment),
        load: loading.function(),
        engine: engine.clone(),
    };
    Ok(Models {
        catalog: Arc::new(Catalog::of_one(deployment)),
        engine,
        watch: Box::new(move || reloader.start()),
    })
}

/// What is served.
struct Models {
    catalog: Arc<Catalog>,
    engine: Engine,
    /// Starts the thread that looks for other versions.
    watch: Box<dyn FnOnce() -> io::Result<()>>,
}

/// What a server is made of besides its models.
struct Start {
    started: Instant,
    format: LogFormat,
    door: Door,
    observed: Observed,
    config: ServerConfig,
}

// === impl Start ===

impl Start {
    async fn serve(self, models: Models) -> anyhow::Result<()> {
        let Self { started, format, mut door, observed, config } = self;
        let Models { catalog, engine, watch } = models;
        let listener = listen(SocketAddr::new(config.host, config.port), "--port").await?;
        let grpc = match config.grpc.port {
            Some(port) => Some(listen(SocketAddr::new(config.host, port), "--grpc-port").await?),
            None => None,
        };
        let (address, grpc_address) =
            (listener.local_addr()?, grpc.as_ref().map(TcpListener::local_addr).transpose()?);
        let signals = Signals::catch()?;
        file_limit::raise(config.max_connections);
        watch().context("cannot start the thread that looks for other versions")?;
        door.watch().context("cannot watch the files of keys and certificates")?;
        let server = Server {
            listener,
            grpc,
            max_connections: config.max_connections,
            tls: door.tls.clone(),
            workers: config.workers,
            drain: config.drain,
        };
        let delay = config.drain_delay;
        let admin_address = observed.admin_address();
        let service =
            Service::new(Arc::clone(&catalog), config, Arc::clone(&door.access), door.readiness.clone())?;
        let Watched { service, admin } = observed.watch(service)?;
        let ready = Ready {
            started,
            format,
            engine: &engine,
            scheme: door.scheme(),
            address,
            grpc: grpc_address,
            admin: admin_address,
        };
        ready.say(&service)?;
        let mut swap = false;
        let run = server.run(Arc::clone(&service), async {
            tokio::select! {
                () = signals.come(1) => {}
                () = swap_appears(&engine, &catalog) => swap = true,
            }
            door.close(delay).await;
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
async fn swap_appears(engine: &Engine, catalog: &Catalog) {
    while !catalog.is_sandboxed() || engine.is_clean() {
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
