//! MLflow's REST API, as much of it as finding a model takes: `/api/2.0/mlflow/…`, MLflow 2 and 3.
//!
//! Used by `store`. Asks, and never changes anything there.

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use url::Url;

use crate::error::RegistryError;
use crate::http::{Http, Request, server};
use crate::missing;
use crate::secret::printable;
use crate::store::{Run, Version};

/// So many pages at most: of models' names, for a hint; of logged models, for one of them.
const PAGES: usize = 100;

/// A tracking server or model registry.
pub(crate) struct Rest<'a> {
    http: &'a Http,
    address: Url,
}

/// What a question was answered with.
enum Answer<T> {
    Yes(T),
    /// There is none.
    No,
}

/// The body of an answer that is an error: two of its keys.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct VersionAnswer {
    model_version: ModelVersion,
}

#[derive(Deserialize)]
struct VersionsAnswer {
    #[serde(default)]
    model_versions: Vec<ModelVersion>,
}

#[derive(Deserialize)]
struct ModelVersion {
    name: String,
    version: Number,
    #[serde(default)]
    aliases: Vec<String>,
    current_stage: Option<String>,
    status: Option<String>,
}

/// A version's number: protobuf's JSON writes it as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Text(String),
    Number(u64),
}

#[derive(Deserialize)]
struct DownloadAnswer {
    #[serde(default)]
    artifact_uri: String,
}

#[derive(Deserialize)]
struct RegisteredAnswer {
    registered_model: RegisteredModel,
}

#[derive(Deserialize)]
struct RegisteredModels {
    #[serde(default)]
    registered_models: Vec<RegisteredModel>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
struct RegisteredModel {
    name: String,
    #[serde(default)]
    aliases: Vec<Alias>,
    #[serde(default)]
    latest_versions: Vec<ModelVersion>,
}

#[derive(Deserialize)]
struct Alias {
    alias: String,
    version: String,
}

#[derive(Deserialize)]
struct RunAnswer {
    run: RunOfAnswer,
}

#[derive(Deserialize)]
struct RunOfAnswer {
    info: RunInfo,
}

#[derive(Deserialize)]
struct RunInfo {
    artifact_uri: String,
    experiment_id: String,
}

#[derive(Deserialize)]
struct LoggedAnswer {
    model: Logged,
}

#[derive(Deserialize)]
struct LoggedModels {
    #[serde(default)]
    models: Vec<Logged>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
struct Logged {
    info: LoggedInfo,
}

#[derive(Deserialize)]
struct LoggedInfo {
    artifact_uri: String,
    #[serde(default)]
    source_run_id: String,
}

// === impl ModelVersion ===

impl ModelVersion {
    fn number(&self) -> Option<u64> {
        match &self.version {
            Number::Text(text) => text.parse().ok(),
            Number::Number(number) => Some(*number),
        }
    }
}

// === impl Rest ===

impl<'a> Rest<'a> {
    pub(crate) fn new(http: &'a Http, address: Url) -> Self {
        Self { http, address }
    }

    fn server(&self) -> String {
        server(&self.address)
    }

    /// `/api/2.0/mlflow/PATH` below the server's address, each part of `path` encoded.
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.address.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(["api", "2.0", "mlflow"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        // Who we are is said in a header.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        what: &str,
    ) -> Result<Answer<T>, RegistryError> {
        self.ask(Request::get(self.url(path, query)), what).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &serde_json::Value,
        what: &str,
    ) -> Result<Answer<T>, RegistryError> {
        let mut request = Request::get(self.url(path, &[]));
        request.method = Method::POST;
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.body = Some(body.to_string().into());
        self.ask(request, what).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: Request,
        what: &str,
    ) -> Result<Answer<T>, RegistryError> {
        let response = self.http.send(&request).await?;
        let status = response.status();
        let body = self.http.body(response).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map(Answer::Yes).map_err(|error| RegistryError::Answer {
                server: self.server(),
                what: what.to_owned(),
                problem: format!("{error}: is it an MLflow server?"),
            });
        }
        let refusal: Option<Refusal> = serde_json::from_slice(&body).ok();
        let message = printable(&refusal.as_ref().map(|refusal| refusal.message.clone()).unwrap_or_default());
        match (status, refusal) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Err(RegistryError::Denied {
                server: self.server(),
                status: status.as_u16(),
                what: what.to_owned(),
                message,
                identified: self.http.identifies(&request.url),
            }),
            // Some of MLflow's stores call an unknown alias an invalid value.
            (StatusCode::NOT_FOUND, Some(_)) => Ok(Answer::No),
            (StatusCode::BAD_REQUEST, Some(refusal))
                if refusal.error_code == "INVALID_PARAMETER_VALUE"
                    && refusal.message.contains("not found") =>
            {
                Ok(Answer::No)
            }
            (StatusCode::NOT_FOUND, None) => Err(RegistryError::Status {
                server: self.server(),
                status: 404,
                what: what.to_owned(),
                message: "is it an MLflow server?".to_owned(),
            }),
            _ => Err(RegistryError::Status {
                server: self.server(),
                status: status.as_u16(),
                what: what.to_owned(),
                message,
            }),
        }
    }

    pub(crate) async fn version(&self, name: &str, number: u64) -> Result<Version, RegistryError> {
        let text = number.to_string();
        let query = [("name", name), ("version", text.as_str())];
        let what = format!("the question for version {number} of model `{}`", printable(name));
        match self.get::<VersionAnswer>(&["model-versions", "get"], &query, &what).await? {
            Answer::Yes(answer) => self.placed(answer.model_version, &what).await,
            Answer::No => {
                let model = self.registered(name).await?;
                let newest = model.latest_versions.iter().filter_map(ModelVersion::number).max();
                Err(missing::version(self.server(), name, number, newest))
            }
        }
    }

    pub(crate) async fn by_alias(&self, name: &str, alias: &str) -> Result<Version, RegistryError> {
        let what = format!("the question for alias `{}` of model `{}`", printable(alias), printable(name));
        let query = [("name", name), ("alias", alias)];
        match self.get::<VersionAnswer>(&["registered-models", "alias"], &query, &what).await? {
            Answer::Yes(answer) => self.placed(answer.model_version, &what).await,
            Answer::No => {
                let model = self.registered(name).await?;
                let aliases: Vec<_> =
                    model.aliases.into_iter().map(|alias| (alias.alias, alias.version)).collect();
                Err(missing::alias(self.server(), name, alias, &aliases))
            }
        }
    }

    pub(crate) async fn latest(&self, name: &str, stage: Option<&str>) -> Result<Version, RegistryError> {
        let what = format!("the question for the newest version of model `{}`", printable(name));
        let path = ["registered-models", "get-latest-versions"];
        let body = match stage {
            Some(stage) => json!({ "name": name, "stages": [stage] }),
            None => json!({ "name": name }),
        };
        let versions = match self.post::<VersionsAnswer>(&path, &body, &what).await? {
            Answer::Yes(answer) => answer.model_versions,
            Answer::No => Vec::new(),
        };
        if let Some(version) = versions.into_iter().max_by_key(ModelVersion::number) {
            return self.placed(version, &what).await;
        }
        // Says which models there are, where this is none of them.
        self.registered(name).await?;
        let all = match self.post::<VersionsAnswer>(&path, &json!({ "name": name }), &what).await? {
            Answer::Yes(answer) => answer.model_versions,
            Answer::No => Vec::new(),
        };
        let mut stages: Vec<_> = all.into_iter().filter_map(|version| version.current_stage).collect();
        stages.sort();
        Err(missing::stage(self.server(), name, stage, &stages))
    }

    /// The version with the place that its files are to be downloaded from.
    async fn placed(&self, version: ModelVersion, what: &str) -> Result<Version, RegistryError> {
        let number = version.number().ok_or_else(|| RegistryError::Answer {
            server: self.server(),
            what: what.to_owned(),
            problem: "a version that is no number".to_owned(),
        })?;
        let text = number.to_string();
        let query = [("name", version.name.as_str()), ("version", text.as_str())];
        let what = format!("the question where version {number} of model `{}` is", printable(&version.name));
        let source =
            match self.get::<DownloadAnswer>(&["model-versions", "get-download-uri"], &query, &what).await? {
                Answer::Yes(answer) => answer.artifact_uri,
                Answer::No => return Err(missing::version(self.server(), &version.name, number, None)),
            };
        Ok(Version {
            name: version.name,
            number,
            aliases: version.aliases,
            stage: version.current_stage,
            status: version.status,
            source,
        })
    }

    /// The registered model, for what a message says of it.
    async fn registered(&self, name: &str) -> Result<RegisteredModel, RegistryError> {
        let what = format!("the question for model `{}`", printable(name));
        match self.get::<RegisteredAnswer>(&["registered-models", "get"], &[("name", name)], &what).await? {
            Answer::Yes(answer) => Ok(answer.registered_model),
            // Names are a courtesy: a server that does not give them has no less said that there is no such model.
            Answer::No => Err(missing::model(self.server(), name, &self.names().await.unwrap_or_default())),
        }
    }

    async fn names(&self) -> Result<Vec<String>, RegistryError> {
        let mut names = Vec::new();
        let mut page = String::new();
        for _ in 0..PAGES {
            let query = [("max_results", "100"), ("page_token", page.as_str())];
            let query = if page.is_empty() { &query[..1] } else { &query[..] };
            let path = ["registered-models", "search"];
            match self.get::<RegisteredModels>(&path, query, "the question which models there are").await? {
                Answer::Yes(answer) => {
                    names.extend(answer.registered_models.into_iter().map(|model| model.name));
                    page = answer.next_page_token;
                }
                Answer::No => break,
            }
            if page.is_empty() {
                break;
            }
        }
        Ok(names)
    }

    pub(crate) async fn logged_model(&self, id: &str) -> Result<String, RegistryError> {
        let what = format!("the question for logged model `{}`", printable(id));
        match self.get::<LoggedAnswer>(&["logged-models", id], &[], &what).await? {
            Answer::Yes(answer) => Ok(answer.model.info.artifact_uri),
            Answer::No => Err(RegistryError::NotFound {
                server: self.server(),
                what: format!("logged model `{}`", printable(id)),
                hint: Some(format!("a registered model is written `models:/{}/latest`", printable(id))),
            }),
        }
    }

    pub(crate) async fn run(&self, id: &str) -> Result<Run, RegistryError> {
        let what = format!("the question for run `{}`", printable(id));
        match self.get::<RunAnswer>(&["runs", "get"], &[("run_id", id)], &what).await? {
            Answer::Yes(answer) => Ok(Run {
                id: id.to_owned(),
                experiment: answer.run.info.experiment_id,
                artifacts: answer.run.info.artifact_uri,
            }),
            Answer::No => Err(RegistryError::NotFound {
                server: self.server(),
                what: format!("run `{}`", printable(id)),
                hint: None,
            }),
        }
    }

    pub(crate) async fn logged_by(&self, run: &Run, name: &str) -> Result<Option<String>, RegistryError> {
        // A name with a quotation mark cannot be asked for, and MLflow gives none to a model.
        if name.is_empty() || name.contains(['\'', '"', '\\']) {
            return Ok(None);
        }
        let what = format!("the question for the models of run `{}`", printable(&run.id));
        let mut page = String::new();
        for _ in 0..PAGES {
            let mut body = json!({
                "experiment_ids": [run.experiment],
                "filter": format!("name = '{name}'"),
            });
            if !page.is_empty() {
                body["page_token"] = json!(page);
            }
            let answer = match self.post::<LoggedModels>(&["logged-models", "search"], &body, &what).await {
                Ok(Answer::Yes(answer)) => answer,
                // MLflow 2 has no logged models.
                Ok(Answer::No) | Err(RegistryError::Status { status: 404 | 405 | 501, .. }) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            let found = answer.models.into_iter().find(|model| model.info.source_run_id == run.id);
            if let Some(found) = found {
                return Ok(Some(found.info.artifact_uri));
            }
            if answer.next_page_token.is_empty() {
                break;
            }
            page = answer.next_page_token;
        }
        Ok(None)
    }
}
