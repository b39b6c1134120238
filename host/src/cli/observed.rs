//! What operators asked to see of `mlhost serve`, started before anything is loaded: what cannot be had is said at once.
//!
//! Used by `cli::serve` alone.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context as _;

use crate::access::Access;
use crate::config::ObserveConfig;
use crate::observe::Telemetry;
use crate::observe::log_filter::LogFilter;
use crate::observe::metrics::{Metrics, Sources};
use crate::observe::reporter::Reporter;
use crate::serve::admin::{Admin, AdminThread};
use crate::serve::handler::Service;

/// Who is told of requests, and where the admin port listens.
pub(super) struct Observed {
    telemetry: Arc<Telemetry>,
    reporter: Reporter,
    log: LogFilter,
    listener: Option<TcpListener>,
}

/// A service whose requests are observed, and the admin port that shows it until it is dropped.
pub(super) struct Watched {
    pub(super) service: Arc<Service>,
    pub(super) admin: Option<AdminThread>,
}

// === impl Observed ===

impl Observed {
    /// Opens files, binds the admin port, starts threads.
    ///
    /// # Errors
    ///
    /// Also where others than this machine would reach an admin port that nobody has a key for.
    pub(super) fn start(config: &ObserveConfig, log: LogFilter, access: &Access) -> anyhow::Result<Self> {
        let telemetry = Arc::default();
        let reporter = Reporter::start(config, &telemetry)?;
        let bind = |address: SocketAddr| {
            anyhow::ensure!(
                is_this_machines(address) || access.has_administrator(),
                "the admin port on {address} would be everybody's: whoever reaches it sees what is served and sets what is \
                 logged\nhint: give a key `admin = true` in `--auth-file` (`mlhost token new NAME --admin`), or have the \
                 admin port on 127.0.0.1"
            );
            TcpListener::bind(address).with_context(|| {
                format!("cannot listen on {address}\nhint: `--admin-address` names a free port, 0 takes any")
            })
        };
        let listener = config.admin.map(bind).transpose()?;
        Ok(Self { telemetry, reporter, log, listener })
    }

    /// Where the admin port listens.
    pub(super) fn admin_address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Has `service` observed, and serves the admin port.
    pub(super) fn watch(self, service: Service) -> anyhow::Result<Watched> {
        let service = Arc::new(service.observed(self.telemetry, self.reporter));
        let Some(listener) = self.listener else { return Ok(Watched { service, admin: None }) };
        let counted = Arc::clone(&service);
        let sources = Sources {
            catalog: Arc::clone(service.catalog()),
            telemetry: Arc::clone(service.telemetry()),
            readiness: service.readiness().clone(),
            occupancy: Box::new(move || counted.occupancy()),
        };
        let admin = Admin {
            catalog: Arc::clone(service.catalog()),
            metrics: Metrics::new(sources),
            readiness: service.readiness().clone(),
            log: self.log,
            access: Arc::clone(&service.access),
            exposed: listener.local_addr().is_ok_and(|address| !is_this_machines(address)),
        };
        let admin = admin.start(listener).context("cannot start the thread of the admin port")?;
        Ok(Watched { service, admin: Some(admin) })
    }
}

fn is_this_machines(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
