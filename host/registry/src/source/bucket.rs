//! Folders of object stores: Amazon S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage.
//!
//! Signatures, regions and temporary credentials are `object_store`'s business. MLflow's own credentials never get here.

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, RetryConfig, WriteMultipart,
};
use url::Url;

use super::{Body, From, Opened, RemoteFile};
use crate::checksum::Promised;
use crate::error::RegistryError;
use crate::http::{chain, choose_cryptography};
use crate::name::{self, Taken};
use crate::settings::{Bounds, Settings};

/// Bytes of one part of an upload: S3 takes ten thousand parts, so that files of 80 GiB go.
const PART: usize = 8 << 20;

/// A folder of a bucket.
pub(crate) struct Bucket {
    store: Box<dyn ObjectStore>,
    folder: Path,
    shown: String,
}

// === impl Bucket ===

impl Bucket {
    pub(crate) fn open(url: &Url, settings: &Settings) -> Result<Self, RegistryError> {
        choose_cryptography();
        let shown = crate::http::shown(url);
        let failed = |error: &Error| RegistryError::Bucket {
            location: shown.clone(),
            message: chain_or_own(error),
            hint: Some(
                "credentials and servers are those of the providers' own environment variables".to_owned(),
            ),
        };
        let store = store(url, settings).map_err(|error| failed(&error))?;
        let folder = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
        let folder = Path::parse(&folder).map_err(|error| failed(&error.into()))?;
        Ok(Self { store, folder, shown })
    }

    pub(crate) async fn list(&self, bounds: Bounds) -> Result<Vec<RemoteFile>, RegistryError> {
        let mut taken = Taken::new(&self.shown, bounds);
        let mut files = Vec::new();
        let mut objects = self.store.list(Some(&self.folder));
        while let Some(object) = objects.try_next().await.map_err(|error| self.failed(&error))? {
            let whole = object.location.as_ref();
            let below = whole.strip_prefix(self.folder.as_ref()).unwrap_or(whole).trim_start_matches('/');
            // What a console makes for an empty folder is an object of its name, and no file.
            if below.is_empty() {
                continue;
            }
            taken.file()?;
            taken.bytes(object.size)?;
            name::check(&self.shown, below)?;
            files.push(RemoteFile { path: below.to_owned(), size: Some(object.size), tag: object.e_tag });
        }
        Ok(files)
    }

    pub(crate) async fn get(&self, file: &RemoteFile, from: From<'_>) -> Result<Opened, RegistryError> {
        // The listing says which version is there now.
        if from.have.is_some() && from.have == file.tag.as_deref() {
            return Ok(Opened::Unchanged);
        }
        let path = self.path(&file.path)?;
        let resumes = from.byte > 0 && from.tag.is_some();
        let options = GetOptions {
            range: resumes.then_some(GetRange::Offset(from.byte)),
            if_match: from.tag.filter(|_| resumes).map(str::to_owned),
            ..GetOptions::default()
        };
        let found = match self.store.get_opts(&path, options).await {
            Ok(found) => found,
            // Another version is there now.
            Err(Error::Precondition { .. }) if resumes => {
                return Box::pin(self.get(file, From::default())).await;
            }
            Err(error) => return Err(self.failed(&error)),
        };
        let shown = self.shown.clone();
        let (start, total, tag) = (found.range.start, found.meta.size, found.meta.e_tag.clone());
        let pieces = found.into_stream().map(move |piece| {
            piece.map_err(|error| RegistryError::Unreachable {
                server: shown.clone(),
                message: chain_or_own(&error),
            })
        });
        Ok(Opened::Body(Body {
            start,
            total: Some(total),
            tag,
            promised: Promised::default(),
            pieces: pieces.boxed(),
        }))
    }

    /// Whether there is a file of this name, and which version of it.
    pub(crate) async fn head(&self, name: &str) -> Result<RemoteFile, RegistryError> {
        let found = self.store.head(&self.path(name)?).await.map_err(|error| self.failed_at(name, &error))?;
        Ok(RemoteFile { path: name.to_owned(), size: Some(found.size), tag: found.e_tag })
    }

    /// Some bytes of a file, all of the version that was found. One attempt.
    pub(crate) async fn part(
        &self,
        file: &RemoteFile,
        range: std::ops::Range<u64>,
    ) -> Result<bytes::Bytes, RegistryError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: file.tag.clone(),
            ..GetOptions::default()
        };
        let found = self.store.get_opts(&self.path(&file.path)?, options).await;
        let found = match found {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        found.map_err(|error| self.failed_at(&file.path, &error))
    }

    /// Writes a file, which is there as a whole or not at all.
    pub(crate) async fn put(
        &self,
        name: &str,
        content: &mut (dyn std::io::Read + Send),
    ) -> Result<(), RegistryError> {
        let path = self.path(name)?;
        let upload = self.store.put_multipart_opts(&path, object_store::PutMultipartOptions::default());
        let upload = upload.await.map_err(|error| self.failed(&error))?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut buffer = vec![0; PART];
        loop {
            let read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => {
                    // What was sent so far is no file.
                    let _ = writer.abort().await;
                    let error = Error::Generic { store: "upload", source: Box::new(error) };
                    return Err(self.failed(&error));
                }
            };
            // Two parts under way, so that memory is bounded.
            writer.wait_for_capacity(2).await.map_err(|error| self.failed(&error))?;
            writer.write(buffer.get(..read).unwrap_or_default());
        }
        writer.finish().await.map(|_| ()).map_err(|error| self.failed(&error))
    }

    fn path(&self, name: &str) -> Result<Path, RegistryError> {
        let path = if self.folder.as_ref().is_empty() {
            Path::parse(name)
        } else {
            Path::parse(format!("{}/{name}", self.folder))
        };
        path.map_err(|error| self.failed(&error.into()))
    }

    /// [`Self::failed`], of one file.
    fn failed_at(&self, name: &str, error: &Error) -> RegistryError {
        let mut failed = self.failed(error);
        if let RegistryError::Bucket { location, .. } = &mut failed {
            if !location.ends_with('/') {
                location.push('/');
            }
            location.push_str(name);
        }
        failed
    }

    fn failed(&self, error: &Error) -> RegistryError {
        let location = self.shown.clone();
        let message = chain_or_own(error);
        let hint = match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Some("credentials are those of the provider's own environment variables".to_owned())
            }
            Error::NotFound { .. } => Some("is it the right bucket, and the right path in it?".to_owned()),
            _ => None,
        };
        RegistryError::Bucket { location, message, hint }
    }
}

impl std::fmt::Display for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

/// What the store says, from the inside: its outer words are of attempts and of XML.
fn chain_or_own(error: &Error) -> String {
    let kind = match error {
        Error::NotFound { .. } => "it is not there",
        Error::PermissionDenied { .. } => "permission denied",
        Error::Unauthenticated { .. } => "not authenticated",
        _ => return chain(error),
    };
    format!("{kind} ({})", chain(error))
}

fn store(url: &Url, settings: &Settings) -> Result<Box<dyn ObjectStore>, Error> {
    let retry = RetryConfig {
        max_retries: settings.retry.attempts.saturating_sub(1) as usize,
        ..RetryConfig::default()
    };
    match url.scheme() {
        "s3" | "s3a" => amazon(url, settings, retry),
        "gs" => google(url, settings, retry),
        _ => azure(url, settings, retry),
    }
}

/// As `object_store` spells its keys: MLflow's own variables are none of them.
fn variables(settings: &Settings) -> impl Iterator<Item = (String, &str)> {
    settings.bucket.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.expose()))
}

/// Credentials go over plain HTTP only to a server that was named so.
fn options(endpoint: Option<&str>) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
        // The time of a whole file: a connection that is silent ends by itself.
        .with_timeout_disabled()
}

fn amazon(url: &Url, settings: &Settings, retry: RetryConfig) -> Result<Box<dyn ObjectStore>, Error> {
    let mut builder = AmazonS3Builder::new().with_url(url.as_str()).with_retry(retry);
    let mut endpoint = None;
    for (name, value) in variables(settings) {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
        if matches!(name.as_str(), "aws_endpoint_url" | "aws_endpoint_url_s3") {
            endpoint = endpoint.max(Some((name.len(), value.to_owned())));
        }
    }
    if let Some((_, value)) = variables(settings).find(|(name, _)| name == "mlflow_s3_endpoint_url") {
        endpoint = Some((0, value.to_owned()));
    }
    let endpoint = endpoint.map(|(_, value)| value);
    if let Some(endpoint) = &endpoint {
        builder = builder.with_config(object_store::aws::AmazonS3ConfigKey::S3Endpoint, endpoint);
        builder = builder.with_endpoint(endpoint);
    }
    Ok(Box::new(builder.with_client_options(options(endpoint.as_deref())).build()?))
}

fn google(url: &Url, settings: &Settings, retry: RetryConfig) -> Result<Box<dyn ObjectStore>, Error> {
    let mut builder = GoogleCloudStorageBuilder::new().with_url(url.as_str()).with_retry(retry);
    let mut endpoint = None;
    for (name, value) in variables(settings) {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
        if name == "google_base_url" {
            endpoint = Some(value);
        }
    }
    Ok(Box::new(builder.with_client_options(options(endpoint)).build()?))
}

fn azure(url: &Url, settings: &Settings, retry: RetryConfig) -> Result<Box<dyn ObjectStore>, Error> {
    // `wasb` is the older name of the same service and of the same form.
    let text = match url.scheme() {
        "wasb" | "wasbs" => format!("abfss{}", url.as_str().trim_start_matches(url.scheme())),
        _ => url.to_string(),
    };
    let mut builder = MicrosoftAzureBuilder::new().with_url(text).with_retry(retry);
    let mut endpoint = None;
    let mut emulator = false;
    for (name, value) in variables(settings) {
        if name == "azure_storage_connection_string" {
            for (name, value) in connection_string(value) {
                if name == "azure_storage_endpoint" {
                    endpoint = Some(value.to_owned());
                }
                if let Ok(key) = name.parse() {
                    builder = builder.with_config(key, value);
                }
            }
            continue;
        }
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
        match name.as_str() {
            "azure_storage_endpoint" => endpoint = Some(value.to_owned()),
            "azure_storage_use_emulator" => emulator = value.eq_ignore_ascii_case("true"),
            _ => {}
        }
    }
    let endpoint = endpoint.or_else(|| emulator.then(|| "http://".to_owned()));
    Ok(Box::new(builder.with_client_options(options(endpoint.as_deref())).build()?))
}

/// `AccountName=…;AccountKey=…;BlobEndpoint=…`, as `object_store` calls its parts.
fn connection_string(text: &str) -> impl Iterator<Item = (&'static str, &str)> {
    text.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let known = match name.to_ascii_lowercase().as_str() {
            "accountname" => "azure_storage_account_name",
            "accountkey" => "azure_storage_account_key",
            "blobendpoint" => "azure_storage_endpoint",
            "sharedaccesssignature" => "azure_storage_sas_token",
            _ => return None,
        };
        Some((known, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_buckets_uri_is_opened() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned().into());
        let settings = Settings {
            bucket: vec![
                variable("AWS_ACCESS_KEY_ID", "a"),
                variable("AWS_SECRET_ACCESS_KEY", "b"),
                variable(
                    "AZURE_STORAGE_CONNECTION_STRING",
                    "AccountName=acc;AccountKey=aGVsbG8=;BlobEndpoint=http://127.0.0.1:1/acc",
                ),
                variable("GOOGLE_SKIP_SIGNATURE", "true"),
            ],
            ..Settings::default()
        };
        for (text, folder) in [
            ("s3://bucket/a/b", "a/b"),
            ("s3://bucket", ""),
            ("s3a://bucket/a%20b/", "a b"),
            ("gs://bucket/a", "a"),
            ("az://container/a", "a"),
            ("abfss://container@acc.dfs.core.windows.net/a", "a"),
            ("wasbs://container@acc.blob.core.windows.net/a", "a"),
        ] {
            let bucket = Bucket::open(&Url::parse(text).unwrap(), &settings);
            let bucket = bucket.unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(bucket.folder.as_ref(), folder, "{text}");
        }
    }
}
