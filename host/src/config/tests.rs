//! Precedence and refusals, with an environment of our own.

use super::*;

fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
    move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
}

#[test]
fn our_variables_win_over_mlflows() {
    let variables = environment(&[("MLFLOW_PORT", "1"), ("MLHOST_PORT", "2"), ("MLFLOW_HOST", "0.0.0.0")]);
    let config = ServerConfig::from_environment(&variables).unwrap();
    assert_eq!((config.port, config.host.to_string()), (2, "0.0.0.0".to_owned()));
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let config = ServerConfig::from_environment(&environment(&[("MLHOST_PORT", "")])).unwrap();
    assert_eq!(config, ServerConfig::default());
}

#[test]
fn a_variable_that_cannot_be_used_is_named() {
    for pairs in [
        &[("MLHOST_PORT", "65536")],
        &[("MLFLOW_PORT", "http")],
        &[("MLHOST_TIMEOUT", "0")],
        &[("MLHOST_MLFLOW_COMPAT", "Strict")],
        &[("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "soon")],
    ] {
        let message = ServerConfig::from_environment(&environment(pairs)).unwrap_err().to_string();
        assert!(message.contains(pairs[0].0) && message.contains(pairs[0].1), "{message}");
    }
}

#[test]
fn a_timeout_is_seconds_or_has_a_unit() {
    assert_eq!(parse_timeout("60"), Ok(Duration::from_secs(60)));
    assert_eq!(parse_timeout("250ms"), Ok(Duration::from_millis(250)));
}

#[test]
fn a_bundle_gets_what_it_asks_for_up_to_what_is_allowed() {
    let asked = |memory_bytes| mlhost_bundle::Limits { memory_bytes, ..Default::default() };
    let allowed = |memory_bytes| LimitsAllowed { memory_bytes, ..Default::default() };
    let table = [
        // asked, allowed, gets
        (None, None, Limits::default().memory_bytes),
        (Some(1 << 20), None, 1 << 20),
        (None, Some(8 << 20), 8 << 20),
        (Some(1 << 20), Some(8 << 20), 1 << 20),
        (Some(16 << 20), Some(8 << 20), 8 << 20),
        (Some(1 << 40), None, 512 << 20),
    ];
    for (asks, allows, gets) in table {
        let found = allowed(allows).limits("m", &asked(asks)).memory_bytes;
        assert_eq!(found, gets, "asked {asks:?}, allowed {allows:?}");
    }
}

#[test]
fn a_granted_variable_brings_its_value_and_an_unset_one_nothing() {
    let grants = ["env:TZ", "env:UNSET"].map(|text| parse_grant(text).unwrap());
    let resolved = super::grants::resolve_grants_in(&grants, &environment(&[("TZ", "UTC"), ("SECRET", "x")]));
    assert_eq!(resolved.environment, [("TZ".to_owned(), "UTC".to_owned())]);
}

#[test]
fn the_default_is_sane_and_strict_is_asked_for() {
    assert_eq!(ServerConfig::from_environment(&environment(&[])).unwrap().compat, Compat::Sane);
    let strict = environment(&[("MLHOST_MLFLOW_COMPAT", "strict")]);
    assert_eq!(ServerConfig::from_environment(&strict).unwrap().compat, Compat::Strict);
}
