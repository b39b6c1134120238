//! Files over HTTP: MLflow's artifact service (`/api/2.0/mlflow-artifacts/artifacts`), and archives.
//!
//! MLflow's own service answers `Range` where it keeps artifacts on its disk; where it fetches them from a bucket first, each
//! answer is another version, and a broken download begins anew.

use futures_util::StreamExt as _;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use url::Url;

use super::{Body, From, Opened, RemoteFile};
use crate::checksum::Promised;
use crate::error::RegistryError;
use crate::http::{Http, Request, failed, server, shown};
use crate::name::{self, DEEPEST, Taken};
use crate::secret::printable;
use crate::settings::Bounds;

/// A folder of a server's artifacts, or one archive.
pub(crate) struct Web<'a> {
    http: &'a Http,
    /// The service, or the archive.
    base: Url,
    /// The folder below the service; none for an archive.
    folder: Option<String>,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    path: String,
    #[serde(default)]
    is_dir: bool,
    file_size: Option<Size>,
}

/// Protobuf's JSON writes 64 bits as a text, other servers as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Size {
    Number(u64),
    Text(String),
}

// === impl Size ===

impl Size {
    fn bytes(&self) -> Option<u64> {
        match self {
            Self::Number(bytes) => Some(*bytes),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

// === impl Web ===

impl<'a> Web<'a> {
    pub(crate) fn proxied(http: &'a Http, mut server: Url, path: &str) -> Self {
        if let Ok(mut parts) = server.path_segments_mut() {
            parts.pop_if_empty().extend(["api", "2.0", "mlflow-artifacts", "artifacts"]);
        }
        // Who we are is said in a header.
        let _ = server.set_username("");
        let _ = server.set_password(None);
        Self { http, base: server, folder: Some(path.to_owned()) }
    }

    pub(crate) fn archive(http: &'a Http, url: Url) -> Self {
        Self { http, base: url, folder: None }
    }

    pub(crate) async fn list(&self, bounds: Bounds) -> Result<Vec<RemoteFile>, RegistryError> {
        let Some(root) = &self.folder else { return Ok(vec![self.archived()]) };
        let location = self.to_string();
        let mut taken = Taken::new(&location, bounds);
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            for listed in self.listing(&join(root, &folder)).await?.files {
                taken.file()?;
                // Relative to what was asked for, one part: MLflow sends no more, and nothing else is believed.
                name::check(&location, &listed.path)?;
                let path = join(&folder, &listed.path);
                name::check(&location, &path)?;
                if listed.is_dir {
                    if path.split('/').count() >= DEEPEST {
                        return Err(RegistryError::Name {
                            location,
                            name: printable(&path),
                            problem: "is too deep",
                        });
                    }
                    folders.push(path);
                    continue;
                }
                let size = listed.file_size.as_ref().and_then(Size::bytes);
                taken.bytes(size.unwrap_or(0))?;
                files.push(RemoteFile { path, size, tag: None });
            }
        }
        // Of a file MLflow lists the file itself.
        if let [only] = files.as_slice()
            && root.rsplit('/').next() == Some(only.path.as_str())
            && only.path != "MLmodel"
        {
            return Ok(Vec::new());
        }
        Ok(files)
    }

    async fn listing(&self, path: &str) -> Result<Listing, RegistryError> {
        let mut url = self.base.clone();
        url.query_pairs_mut().append_pair("path", path);
        let what = format!("the question what is in `{}`", printable(path));
        let request = Request::get(url);
        let response = self.http.send(&request).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(&request, response, &what).await);
        }
        let body = self.http.body(response).await?;
        serde_json::from_slice(&body).map_err(|error| RegistryError::Answer {
            server: server(&self.base),
            what,
            problem: format!("{error}: is it an MLflow server?"),
        })
    }

    /// The archive as the one file that there is.
    fn archived(&self) -> RemoteFile {
        let name = self.base.path().rsplit('/').next().unwrap_or_default();
        RemoteFile { path: name.to_owned(), size: None, tag: None }
    }

    fn url(&self, file: &RemoteFile) -> Url {
        let mut url = self.base.clone();
        if let Some(folder) = &self.folder
            && let Ok(mut parts) = url.path_segments_mut()
        {
            parts.extend(folder.split('/').filter(|part| !part.is_empty())).extend(file.path.split('/'));
        }
        url
    }

    pub(crate) async fn get(&self, file: &RemoteFile, from: From<'_>) -> Result<Opened, RegistryError> {
        let mut request = Request::get(self.url(file));
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                request.headers.insert(name, value);
            }
        };
        set(ACCEPT_ENCODING, "identity");
        if let Some(have) = from.have {
            set(IF_NONE_MATCH, have);
        }
        // `If-Range` takes strong validators alone: RFC 9110, section 13.1.5.
        if let Some(tag) = from.tag.filter(|tag| from.byte > 0 && tag.starts_with('"')) {
            set(RANGE, &format!("bytes={}-", from.byte));
            set(IF_RANGE, tag);
        }
        let response = self.http.once(&request).await?;
        let start = match response.status() {
            StatusCode::NOT_MODIFIED if from.have.is_some() => return Ok(Opened::Unchanged),
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT => match content_range(response.headers()) {
                Some((start, _)) => start,
                None => return Err(self.broken(file, "its part does not say which part it is")),
            },
            StatusCode::RANGE_NOT_SATISFIABLE if from.byte > 0 => return Ok(Opened::Shorter),
            _ => {
                let what = format!("the question for file `{}`", printable(&file.path));
                return Err(self.refused(&request, response, &what).await);
            }
        };
        let headers = response.headers();
        let total = match content_range(headers) {
            Some((_, total)) if response.status() == StatusCode::PARTIAL_CONTENT => total,
            _ => number(headers, CONTENT_LENGTH),
        };
        let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let promised = Promised::of(headers, response.status() == StatusCode::OK);
        let url = response.url().clone();
        let pieces = response.bytes_stream().map(move |piece| piece.map_err(|error| failed(&url, &error)));
        Ok(Opened::Body(Body { start, total, tag, promised, pieces: pieces.boxed() }))
    }

    async fn refused(&self, request: &Request, response: Response, what: &str) -> RegistryError {
        let status = response.status().as_u16();
        let server = server(response.url());
        let body = self.http.body(response).await.unwrap_or_default();
        let json: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        let message = json.and_then(|json| json.get("message")?.as_str().map(printable)).unwrap_or_default();
        let what = what.to_owned();
        match status {
            401 | 403 => {
                let identified = self.http.identifies(&request.url);
                RegistryError::Denied { server, status, what, message, identified }
            }
            404 => RegistryError::NotFound {
                server,
                what: format!("`{}`", printable(request.url.path())),
                hint: Some(if message.is_empty() {
                    "is the path what the model was logged as?".to_owned()
                } else {
                    message
                }),
            },
            _ => RegistryError::Status { server, status, what, message },
        }
    }

    fn broken(&self, file: &RemoteFile, problem: &str) -> RegistryError {
        RegistryError::Broken {
            file: printable(&file.path),
            server: server(&self.base),
            problem: problem.to_owned(),
        }
    }
}

impl std::fmt::Display for Web<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.folder {
            Some(folder) => write!(f, "{}/{folder}", shown(&self.base)),
            None => f.write_str(&shown(&self.base)),
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

fn number(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// `bytes 10-19/20` or `bytes 10-19/*`: the first byte, and the whole length.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
}
