//! `mlhost mlflow-shim`: makes `mlflow models serve`, and whatever else starts MLflow's scoring server, start mlhost.
//!
//! MLflow runs `uvicorn --host H --port P --workers N mlflow.pyfunc.scoring_server.app:app` with the model's path in the
//! environment, and takes the first `uvicorn` on PATH. This writes one, a shell script that calls mlhost again: it serves
//! the model where it can, and otherwise becomes the next `uvicorn` on PATH, called as it was. It never starts a process:
//! each step replaces the one before, so that the signals that MLflow sends, and the one it has the kernel send when it
//! dies, arrive. Never changes what MLflow asked for but where the module says so.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::Context as _;
use mlhost_registry::ModelUri;

use super::args::{MlflowShimArgs, PartArgs, ServeArgs};
use super::{model, model_uri, output, serve};

/// The application that MLflow has uvicorn run.
const APPLICATION: &str = "mlflow.pyfunc.scoring_server.app:app";

/// Where MLflow says which model to load.
const MODEL_VARIABLE: &str = "__pyfunc_model_path__";

/// uvicorn's own default.
const PORT: &str = "8000";

/// What the command line of uvicorn asks for, as far as MLflow uses it.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    host: Option<String>,
    port: Option<String>,
    workers: Option<String>,
    application: Option<String>,
}

pub(super) fn run(args: &MlflowShimArgs) -> anyhow::Result<()> {
    match (&args.directory, &args.shim) {
        (Some(directory), _) => write(directory),
        (None, Some(shim)) => match servable(&args.arguments) {
            Ok(serve_args) => serve::run(&serve_args),
            Err(reason) => pass_on(shim, &args.arguments, &reason),
        },
        (None, None) => Ok(()),
    }
}

fn write(directory: &Path) -> anyhow::Result<()> {
    let program = env::current_exe().context("cannot tell where this program is")?;
    let program = program.to_str().context("this program's path is not UTF-8, which a script cannot say")?;
    let failed = || format!("cannot write into `{}`", directory.display());
    fs::create_dir_all(directory).with_context(failed)?;
    let path = directory.join("uvicorn");
    // Renamed into place, so that nobody runs half of it.
    let file = tempfile::NamedTempFile::new_in(directory).with_context(failed)?;
    fs::write(&file, script(program)).with_context(failed)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).with_context(failed)?;
    file.persist(&path).with_context(failed)?;
    output::line(path.display())?;
    Ok(())
}

fn script(program: &str) -> String {
    let program = program.replace('\'', r"'\''");
    format!(
        "#!/bin/sh\n\
         # Written by `mlhost mlflow-shim`. Serves MLflow's models with mlhost, and is the next uvicorn for all else.\n\
         exec '{program}' mlflow-shim --shim \"$0\" -- \"$@\"\n"
    )
}

/// What to serve, or why that is not for mlhost.
fn servable(arguments: &[OsString]) -> Result<ServeArgs, String> {
    let asked = Asked::parse(arguments)?;
    match asked.application.as_deref() {
        Some(APPLICATION) => {}
        Some(other) => return Err(format!("`{other}` is not MLflow's scoring server")),
        None => return Err("no application is named".to_owned()),
    }
    let uri = env::var_os(MODEL_VARIABLE).ok_or_else(|| format!("{MODEL_VARIABLE} is not set"))?;
    let directory = local(&uri)?;
    model::from_bundle(&directory, &model::allowed(&PartArgs::default()))
        .map_err(|error| first_line(&error))?;
    asked.serve_args(&directory)
}

fn first_line(error: &anyhow::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}

/// The folder of a `file:` URI, or of a plain path.
fn local(uri: &OsStr) -> Result<PathBuf, String> {
    let Some(text) = uri.to_str() else { return Ok(uri.into()) };
    match model_uri::parse(text) {
        Ok(ModelUri::Local(folder)) => Ok(folder),
        Ok(_) => Err(format!("`{text}` is not on this machine")),
        Err(error) => Err(first_line(&error)),
    }
}

/// Becomes the next `uvicorn` on PATH.
fn pass_on(shim: &Path, arguments: &[OsString], reason: &str) -> anyhow::Result<()> {
    let path = env::var_os("PATH").unwrap_or_default();
    let next = next_uvicorn(shim, &path).with_context(|| {
        format!("mlhost cannot serve this: {reason}\nhint: there is no other `uvicorn` on PATH that could")
    })?;
    output::error(format_args!("mlhost: {reason}; `{}` serves instead", next.display()));
    super::log::flush();
    let error = Command::new(&next).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run `{}`", next.display()))
}

/// The first `uvicorn` behind `shim` on `path`; the first of all where `shim` is not on it.
fn next_uvicorn(shim: &Path, path: &OsStr) -> Option<PathBuf> {
    let own = fs::canonicalize(shim).ok();
    let found: Vec<PathBuf> =
        env::split_paths(path).map(|folder| folder.join("uvicorn")).filter(|file| is_program(file)).collect();
    let is_own = |file: &PathBuf| own.is_some() && fs::canonicalize(file).ok() == own;
    let behind = found.iter().rposition(is_own).map_or(0, |at| at + 1);
    found.into_iter().skip(behind).find(|file| !is_own(file))
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

// === impl Asked ===

impl Asked {
    fn parse(arguments: &[OsString]) -> Result<Self, String> {
        let mut asked = Self::default();
        let mut words = arguments.iter().map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(value.to_owned())),
                _ => (word, None),
            };
            let place = match flag.as_str() {
                "--host" => &mut asked.host,
                "--port" => &mut asked.port,
                "--workers" => &mut asked.workers,
                flag if flag.starts_with('-') => return Err(format!("`{flag}` is for uvicorn alone")),
                _ if asked.application.is_none() => {
                    asked.application = Some(flag);
                    continue;
                }
                _ => return Err(format!("`{flag}` is for uvicorn alone")),
            };
            *place = Some(value.or_else(|| words.next()).ok_or_else(|| format!("`{flag}` has no value"))?);
        }
        Ok(asked)
    }

    /// As if it had been typed. One worker is MLflow's default and a process that runs requests in many threads, which
    /// is what mlhost is without being told a number.
    fn serve_args(&self, directory: &Path) -> Result<ServeArgs, String> {
        let mut words = vec![OsString::from("--model-uri"), directory.into()];
        let workers = self.workers.as_deref().filter(|workers| *workers != "1");
        let port = Some(self.port.as_deref().unwrap_or(PORT));
        for (flag, value) in [("--host", self.host.as_deref()), ("--port", port), ("--workers", workers)] {
            words.extend(value.into_iter().flat_map(|value| [flag.into(), value.into()]));
        }
        ServeArgs::typed(words)
            .map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &str) -> Result<Asked, String> {
        Asked::parse(&words.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn mlflows_command_line_is_read_as_uvicorn_reads_it() {
        let both = [
            "--host 127.0.0.1 --port 7600 --workers 3 mlflow.pyfunc.scoring_server.app:app",
            "--host=127.0.0.1 mlflow.pyfunc.scoring_server.app:app --port=7600 --workers 3",
        ];
        for words in both {
            let asked = asked(words).unwrap();
            assert_eq!(asked.application.as_deref(), Some(APPLICATION));
            let args = asked.serve_args(Path::new("/m odel")).unwrap();
            assert_eq!((args.port, args.workers), (Some(7600), Some(3)));
            assert_eq!(args.host, Some("127.0.0.1".parse().unwrap()));
        }
        let default = asked("x:app --workers 1").unwrap().serve_args(Path::new("/m")).unwrap();
        assert_eq!((default.host, default.port, default.workers), (None, Some(8000), None));
    }

    #[test]
    fn what_is_for_uvicorn_alone_is_not_served() {
        for words in ["--reload x:app", "x:app y:app", "--ssl-keyfile=k x:app", "--port"] {
            assert!(asked(words).is_err(), "{words}");
        }
        let reason = servable(&["other:app".into()]).unwrap_err();
        assert_eq!(reason, "`other:app` is not MLflow's scoring server");
    }

    #[test]
    fn a_file_uri_and_a_path_are_a_folder_and_no_other_uri_is() {
        let folders = [
            ("file:///tmp/m%20%C3%A9", "/tmp/m é"),
            ("file:/tmp/m", "/tmp/m"),
            ("file://localhost/tmp/m", "/tmp/m"),
            ("/tmp/m%20", "/tmp/m%20"),
            ("m", "m"),
        ];
        for (uri, folder) in folders {
            assert_eq!(local(OsStr::new(uri)).unwrap(), Path::new(folder), "{uri}");
        }
        assert!(local(OsStr::new("s3://bucket/m")).is_err());
    }

    #[test]
    fn the_next_uvicorn_is_the_one_behind_the_shim() {
        let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
        let file = |at: usize| folders[at].path().join("uvicorn");
        for at in [0, 1, 3] {
            fs::write(file(at), "").unwrap();
            fs::set_permissions(file(at), fs::Permissions::from_mode(0o755)).unwrap();
        }
        // Not a program.
        fs::write(file(2), "").unwrap();
        let path = env::join_paths(folders.iter().map(tempfile::TempDir::path)).unwrap();
        assert_eq!(next_uvicorn(&file(1), &path), Some(file(3)));
        assert_eq!(next_uvicorn(&file(3), &path), None);
        assert_eq!(next_uvicorn(Path::new("/elsewhere/uvicorn"), &path), Some(file(0)));
    }

    #[test]
    fn the_script_quotes_the_programs_path() {
        assert!(script("/a b/it's").contains(r"exec '/a b/it'\''s' mlflow-shim"));
    }
}
