//! The routes of Azure ML's inference server (`azureml_inference_server_http/server/routes.py` 1.5): `/`, `/score`,
//! `/swagger.json`, and its headers.
//!
//! Called by `serve::handler`. The dialect is `mlhost_wire::dialect::azureml`.

use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};
use mlhost_wire::dialect::azureml::AzureMl;
use mlhost_wire::dialect::{Answer, Request};
use mlhost_wire::fault::{Fault, FaultKind};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::access::Need;
use crate::fault;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::protocol::Protocol;
use crate::serve::response::{Body, respond};
use crate::serve::routes::Route;
use crate::serve::{identifier, openapi};

/// The longest name of a request.
const LONGEST_ID: usize = 100;
/// RFC 6585, section 5.
const HEADER_TOO_LARGE: u16 = 431;

const REQUEST_ID: &str = "x-request-id";
const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";
/// What `x-ms-client-request-id` was called before.
const LEGACY_REQUEST_ID: &str = "x-ms-request-id";

/// What its routes lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Whether there is a model.
    Health,
    /// Predict on a body.
    Score,
    /// Predict on the query, which is one row.
    ScoreQuery,
    /// What methods there are.
    ScoreOptions,
    /// What the model takes and gives.
    Swagger,
}

// === impl Endpoint ===

impl Endpoint {
    /// What a request to it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Health => Need::Health,
            Self::Score | Self::ScoreQuery | Self::ScoreOptions | Self::Swagger => Need::Key,
        }
    }
}

/// What a request is called, by us and by its client.
struct Names {
    request: String,
    client: Option<String>,
    legacy: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/score", Endpoint::Score).about(
            "predict on `input_data` or MLflow's forms",
            "azureml_scores_input_data_and_answers_it_bare",
        ),
        Route::new(Method::GET, "/score", Endpoint::ScoreQuery)
            .about("predict on the query as one row", "azureml_scores_a_query_as_one_row"),
        Route::new(Method::OPTIONS, "/score", Endpoint::ScoreOptions)
            .about("which methods there are", "azureml_scores_a_query_as_one_row"),
        Route::new(Method::GET, "/", Endpoint::Health)
            .about("`Healthy`", "azureml_names_every_request_and_refuses_long_names"),
        Route::new(Method::GET, "/swagger.json", Endpoint::Swagger)
            .about("Swagger 2, or with `?version=3` OpenAPI", "azureml_describes_itself_in_both_versions"),
    ]
}

/// Whatever happens has Azure ML's headers, so that no fault leaves here.
pub(crate) async fn answer(
    service: &Service,
    endpoint: Endpoint,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    let names = match Names::of(exchange) {
        Ok(names) => names,
        Err(message) => {
            let body = json!({ "message": message }).to_string().into_bytes();
            return Ok(respond(Answer::json(HEADER_TOO_LARGE, body)));
        }
    };
    let begin = Instant::now();
    let outcome = match endpoint {
        Endpoint::Health if service.readiness.is_ready() => Ok(plain("Healthy")),
        Endpoint::Health => Err(fault::draining()),
        Endpoint::ScoreOptions => Ok(Answer::empty(200)),
        Endpoint::Swagger => swagger(service, exchange),
        Endpoint::Score => service.predict_on(exchange, &dialect_of(service), body).await,
        Endpoint::ScoreQuery => score_query(service, exchange).await,
    };
    let predicts = matches!(endpoint, Endpoint::Score | Endpoint::ScoreQuery);
    let mut failed = false;
    let mut response = match outcome {
        Ok(answer) => respond(answer),
        Err(fault) => {
            failed = predicts && fault.kind.status() >= 500;
            respond(service.refuse(Protocol::AzureMl, &fault))
        }
    };
    let headers = response.headers_mut();
    names.put(headers);
    // Its server says so of everything but this.
    if endpoint != Endpoint::Health {
        put(headers, "x-ms-run-function-failed", if failed { "True" } else { "False" });
    }
    if predicts {
        let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
        put(headers, "x-ms-run-fn-exec-ms", &format!("{milliseconds:.3}"));
    }
    if endpoint == Endpoint::ScoreOptions {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS, POST"));
    }
    Ok(response)
}

/// `/score?a=1&b=x`, a row of texts, which are cast to the model's types.
async fn score_query(service: &Service, exchange: &mut Exchange<'_>) -> Result<Answer, Fault> {
    let row: Map<String, Value> = exchange.head.uri.query().map(row).unwrap_or_default();
    if row.is_empty() {
        let public = "a row is to be in the query, such as `/score?age=3`; or send a body by POST";
        return Err(Fault::new(FaultKind::BadInput, public));
    }
    let body = json!({ "dataframe_records": [row] }).to_string();
    let request = Request { content_type: None, body: body.as_bytes() };
    service.predict_in(exchange, &dialect_of(service), request).await
}

fn row(query: &str) -> Map<String, Value> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), Value::String(decoded(value)))
        })
        .collect()
}

fn dialect_of(service: &Service) -> AzureMl {
    AzureMl { compat: service.config.compat }
}

fn swagger(service: &Service, exchange: &Exchange<'_>) -> Result<Answer, Fault> {
    let pairs = exchange.head.uri.query().unwrap_or_default().split('&');
    let version = pairs.filter_map(|pair| pair.strip_prefix("version=")).next().unwrap_or("2");
    let document = match version {
        "2" => openapi::swagger(service, exchange),
        "3" => openapi::document(service, exchange),
        other => {
            let public =
                format!("there is no Swagger of version `{other}`; `?version=2` and `?version=3` there are");
            return Err(Fault::new(FaultKind::NotFound, public));
        }
    };
    Ok(Answer::json(200, document.to_string().into_bytes()))
}

fn plain(text: &str) -> Answer {
    Answer {
        status: 200,
        content_type: Some("text/html; charset=utf-8".to_owned()),
        headers: Vec::new(),
        body: text.into(),
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

// === impl Names ===

impl Names {
    /// As `_init_headers` of Azure ML's server has them.
    fn of(exchange: &Exchange<'_>) -> Result<Self, String> {
        let given = |name| exchange.header(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let request = given(REQUEST_ID).unwrap_or_else(identifier::random);
        if request.len() > LONGEST_ID {
            return Err(format!("{REQUEST_ID} must not exceed {LONGEST_ID} characters"));
        }
        let (client, legacy) = (given(CLIENT_REQUEST_ID), given(LEGACY_REQUEST_ID));
        let client = client.or_else(|| legacy.clone());
        let legacy = legacy.or_else(|| client.clone()).unwrap_or_else(|| request.clone());
        if legacy.len() > LONGEST_ID || client.as_ref().is_some_and(|client| client.len() > LONGEST_ID) {
            return Err(format!(
                "{LEGACY_REQUEST_ID} and {CLIENT_REQUEST_ID} must not exceed {LONGEST_ID} characters"
            ));
        }
        Ok(Self { request, client, legacy })
    }

    fn put(&self, headers: &mut HeaderMap) {
        put(headers, REQUEST_ID, &self.request);
        put(headers, LEGACY_REQUEST_ID, &self.legacy);
        if let Some(client) = &self.client {
            put(headers, CLIENT_REQUEST_ID, client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_a_row_of_texts() {
        let expected = json!({"a b": "1 2", "c": "x=y", "d": ""});
        assert_eq!(Value::Object(row("a%20b=1+2&c=x%3Dy&&d")), expected);
        assert_eq!(row("a=1&a=2").len(), 1);
    }
}
