//! The ready line: the one line that `mlhost serve` writes to its standard output, once everything is loaded and listens.
//!
//! Used by `cli::serve`. For people it says what is served where; for programs it is one JSON object that has it all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mlhost_sandbox::{Cleaning, CodeSource, Engine, Start};
use serde_json::json;

use super::args::LogFormat;
use super::output;
use crate::app::App;
use crate::deployment::Release;
use crate::serve::handler::Service;

/// More models are counted, not named.
const MOST_NAMES: usize = 8;

/// What the ready line says besides what is served.
pub(super) struct Ready<'a> {
    pub(super) started: Instant,
    pub(super) format: LogFormat,
    pub(super) engine: &'a Engine,
    pub(super) scheme: &'static str,
    pub(super) address: SocketAddr,
    /// Where gRPC has a port of its own.
    pub(super) grpc: Option<SocketAddr>,
    pub(super) admin: Option<SocketAddr>,
}

// === impl Ready ===

impl Ready<'_> {
    pub(super) fn say(&self, service: &Service) -> anyhow::Result<()> {
        let milliseconds = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match self.format {
            LogFormat::Plain => output::line(self.plain(service, milliseconds)),
            LogFormat::Json => output::line(self.json(service, milliseconds)),
        }
    }

    fn plain(&self, service: &Service, milliseconds: u64) -> String {
        let (version, scheme, address) = (env!("CARGO_PKG_VERSION"), self.scheme, self.address);
        let grpc = self.grpc.map_or_else(String::new, |address| format!(" and {address} for gRPC"));
        let admin = self.admin.map(|admin| format!("; admin on http://{admin}")).unwrap_or_default();
        let protocols = service.protocols().join(", ");
        let models = match &*loaded(service) {
            [release] => self.one(&release.app),
            releases => {
                let models = service.catalog().models();
                format!("{}; {} versions loaded", named(&models), releases.len())
            }
        };
        format!(
            "mlhost {version} ready on {scheme}://{address}{grpc} in {milliseconds} ms: {models}; {protocols}{admin}"
        )
    }

    fn one(&self, app: &App) -> String {
        let how = match (app.is_sandboxed(), self.engine.cleaning()) {
            (false, _) => "native".to_owned(),
            (true, Cleaning::Scan) => "sandboxed, cleaned by scan".to_owned(),
            (true, Cleaning::Reset(reason)) => format!("sandboxed, cleaned by reset: {reason}"),
        };
        let code = app.code().map_or("", |code| match code {
            CodeSource::Cache => ", code from the cache",
            CodeSource::Compiled => ", code compiled",
        });
        format!("model `{}` ({how}{code})", app.name)
    }

    fn json(&self, service: &Service, milliseconds: u64) -> serde_json::Value {
        let releases = loaded(service);
        // What there is only one of.
        let only = match &*releases {
            [release] => Some(&release.app),
            _ => None,
        };
        let models: Vec<String> = service.catalog().models().into_iter().map(|(name, _)| name).collect();
        json!({
            "event": "ready",
            "version": env!("CARGO_PKG_VERSION"),
            "address": self.address.to_string(),
            "grpc_address": self.grpc.map(|address| address.to_string()),
            "url": format!("{}://{}", self.scheme, self.address),
            "admin": self.admin.map(|admin| admin.to_string()),
            "model": only.map(|app| &app.name),
            "models": models,
            "sandboxed": only.map(App::is_sandboxed),
            "code": only.and_then(App::code).map(CodeSource::name),
            "snapshot": only.map(|app| app.start() == Some(&Start::Snapshot)),
            "cleaning": match self.engine.cleaning() {
                Cleaning::Scan => "scan",
                Cleaning::Reset(_) => "reset",
            },
            "platform": service.config.platform.platform.name(),
            "routes": service.routes(),
            "milliseconds": milliseconds,
        })
    }
}

/// Every version that is loaded.
fn loaded(service: &Service) -> Vec<Arc<Release>> {
    let models = service.catalog().models();
    models.iter().flat_map(|(_, deployment)| deployment.served().releases().to_vec()).collect()
}

/// `models a, b and 3 more`.
fn named<T>(models: &[(String, T)]) -> String {
    let names: Vec<String> = models.iter().take(MOST_NAMES).map(|(name, _)| format!("`{name}`")).collect();
    match (names.len(), models.len() - names.len()) {
        (0, _) => "no model yet".to_owned(),
        (_, 0) => format!("models {}", names.join(", ")),
        (_, more) => format!("models {} and {more} more", names.join(", ")),
    }
}
