//! Sets up the log: standard error, plain or JSON, filtered by `MLHOST_LOG`. Called once by each command that runs a
//! model. What is logged is written by `log/sink.rs`, which never holds anybody up.

mod sink;

use std::fmt;
use std::io;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::reload::Handle;

use self::sink::Sink;
use super::Defect;
use super::args::LogFormat;
use crate::config::{ConfigError, Environment};
use crate::observe::log_filter::LogFilter;

/// The process's own.
static SINK: Sink = Sink::new();

/// How long the end waits for a log that is read slowly.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The format that flag and environment ask for.
///
/// # Errors
///
/// [`ConfigError`] for a variable that names no format.
pub(super) fn format(
    flag: Option<LogFormat>,
    environment: Environment<'_>,
) -> Result<LogFormat, ConfigError> {
    if let Some(format) = flag {
        return Ok(format);
    }
    match environment("MLHOST_LOG_FORMAT").map(|value| value.to_string_lossy().into_owned()).as_deref() {
        None | Some("" | "plain") => Ok(LogFormat::Plain),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => Err(ConfigError::Variable {
            name: "MLHOST_LOG_FORMAT",
            value: other.to_owned(),
            reason: "it is `plain` or `json`".to_owned(),
        }),
    }
}

/// Starts logging; by `default` where the environment names no filter. The filter can be changed later.
///
/// # Errors
///
/// [`ConfigError`] for a filter that does not parse, a [`Defect`] where the operating system has no thread to give.
pub(super) fn start(
    format: LogFormat,
    default: &str,
    environment: Environment<'_>,
) -> anyhow::Result<LogFilter> {
    let text = environment("MLHOST_LOG").map(|value| value.to_string_lossy().into_owned());
    let text = text.filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|error| ConfigError::Variable {
        name: "MLHOST_LOG",
        value: text.clone(),
        reason: error.to_string(),
    })?;
    let missing =
        |lines| tracing::warn!(lines, "lines of the log are missing: standard error was full or closed");
    SINK.start(io::stderr(), missing)
        .map_err(|error| Defect(format!("cannot start the thread that writes the log: {error}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(&SINK).with_ansi(false);
    // A second subscriber in one process: the first stays, as in tests.
    Ok(match format {
        LogFormat::Plain => {
            let log = log.with_filter_reloading();
            let change = changing(log.reload_handle());
            let _ = log.try_init();
            LogFilter::new(text, change)
        }
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_filter_reloading();
            let change = changing(log.reload_handle());
            let _ = log.try_init();
            LogFilter::new(text, change)
        }
    })
}

#[expect(clippy::type_complexity, reason = "named once, where it is made")]
fn changing<S: 'static>(
    handle: Handle<EnvFilter, S>,
) -> Box<dyn Fn(&str) -> Result<(), String> + Send + Sync> {
    let text = |error: &dyn fmt::Display| error.to_string();
    Box::new(move |filter| {
        let filter = EnvFilter::try_new(filter).map_err(|error| text(&error))?;
        handle.reload(filter).map_err(|error| text(&error))
    })
}

/// Waits a moment for what was logged last to be written: called once, at the process's end.
pub(super) fn flush() {
    SINK.flush(LAST_LINES);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_and_an_unknown_format_is_refused() {
        let says = |value: &'static str| move |_: &str| Some(value.into());
        assert_eq!(format(None, &says("json")).unwrap(), LogFormat::Json);
        assert_eq!(format(Some(LogFormat::Plain), &says("json")).unwrap(), LogFormat::Plain);
        assert!(format(None, &says("xml")).unwrap_err().to_string().contains("`xml`"));
    }
}
