//! The registry against servers that misbehave: in-process, on loopback, one script of answers each.
//!
//! What the real MLflow does is `tests/mlflow/uris.py`'s to find out; here is what no server should do.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod artifacts;
mod fake;
mod registered;
mod tls;
mod web;

use std::fs;
use std::path::Path;
use std::time::Duration;

use mlhost_registry::{ModelFolder, Registry, RegistryError, Retry, Settings, Silent};

use fake::Fake;

/// A registry whose tracking server is the fake one, whose cache is `cache`, and which does not wait for long.
fn settings(fake: &Fake, cache: &Path) -> Settings {
    Settings {
        tracking_uri: Some(fake.url("")),
        cache: Some(cache.join("models")),
        retry: Retry { attempts: 3, first_pause: Duration::from_millis(1) },
        ..Settings::default()
    }
}

async fn fetch(settings: Settings, uri: &str) -> Result<ModelFolder, RegistryError> {
    let registry = Registry::new(settings, Path::new("/nowhere"))?;
    let pinned = registry.resolve(&uri.parse()?).await?;
    registry.fetch(&pinned, &Silent).await
}

/// The message and the hint.
fn said<T: std::fmt::Debug>(outcome: Result<T, RegistryError>) -> String {
    let error = outcome.unwrap_err();
    format!("{error} / {}", error.hint().unwrap_or_default())
}

/// That nothing which could be taken for a model is in the cache.
fn assert_no_model(cache: &Path) {
    for folder in ["folders", "locations", "pins", "staging"] {
        let entries = fs::read_dir(cache.join("models").join(folder)).unwrap();
        let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.is_empty(), "{folder}: {names:?}");
    }
}
