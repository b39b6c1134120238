//! Each platform's environment, made up, and what becomes of it.

use std::ffi::OsString;

use super::*;

/// What is decided where `variables` are set, `folders` are there, and `flags` are typed.
fn with(variables: &[(&str, &str)], folders: &[&str], flags: PlatformFlags) -> PlatformConfig {
    tried(variables, folders, flags).unwrap()
}

fn tried(
    variables: &[(&str, &str)],
    folders: &[&str],
    flags: PlatformFlags,
) -> Result<PlatformConfig, ConfigError> {
    let environment = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    let has_folder = |path: &Path| folders.iter().any(|folder| Path::new(folder) == path);
    PlatformConfig::new(flags, Surroundings { environment: &environment, has_folder: &has_folder })
}

fn found(variables: &[(&str, &str)], folders: &[&str]) -> PlatformConfig {
    with(variables, folders, PlatformFlags::default())
}

#[test]
fn nothing_around_is_no_platform() {
    assert_eq!(found(&[], &[]), PlatformConfig::default());
    let flags = PlatformFlags { has_model: true, ..PlatformFlags::default() };
    assert_eq!(with(&[], &["/opt/ml/model", "/mnt/models"], flags), PlatformConfig::default());
}

#[test]
fn sagemaker_is_its_variables_or_its_folder_where_no_model_is_named() {
    for config in [
        found(&[], &["/opt/ml/model"]),
        found(&[("SAGEMAKER_SAFE_PORT_RANGE", "21000-21999")], &["/opt/ml/model"]),
    ] {
        assert_eq!((config.platform, config.port), (Platform::SageMaker, Some(8080)));
        assert_eq!(config.host, Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        assert_eq!(config.model.as_deref(), Some("/opt/ml/model"));
        assert!(config.protocols.has(ServedProtocol::SageMaker) && config.protocols.has(ServedProtocol::V2));
    }
    let several =
        found(&[("SAGEMAKER_MULTI_MODEL", "true"), ("SAGEMAKER_BIND_TO_PORT", "9001")], &["/opt/ml/model"]);
    assert_eq!((several.multi_model, several.port, several.model), (true, Some(9001), None));
}

#[test]
fn vertex_names_port_routes_and_model() {
    let config = found(
        &[
            ("AIP_HTTP_PORT", "8081"),
            ("AIP_HEALTH_ROUTE", "/live"),
            ("AIP_PREDICT_ROUTE", "/guess"),
            ("AIP_STORAGE_URI", "gs://bucket/model"),
        ],
        &[],
    );
    assert_eq!((config.platform, config.port), (Platform::Vertex, Some(8081)));
    assert_eq!((config.vertex.health.as_str(), config.vertex.predict.as_str()), ("/live", "/guess"));
    assert_eq!(config.model.as_deref(), Some("gs://bucket/model"));
    let config =
        found(&[("AIP_MODE", "PREDICTION"), ("AIP_ENDPOINT_ID", "7"), ("AIP_DEPLOYED_MODEL_ID", "9")], &[]);
    assert_eq!(config.vertex.predict, "/v1/endpoints/7/deployedModels/9:predict");
    assert_eq!(config.vertex.health, "/v1/endpoints/7/deployedModels/9");
    let error = tried(&[("AIP_PREDICT_ROUTE", "{model}")], &[], PlatformFlags::default()).unwrap_err();
    assert!(error.to_string().contains("AIP_PREDICT_ROUTE"), "{error}");
}

#[test]
fn azure_names_the_model_and_the_time() {
    let config = found(&[("AZUREML_MODEL_DIR", "/var/m"), ("SCORING_TIMEOUT_MS", "1500")], &[]);
    assert_eq!((config.platform, config.port), (Platform::AzureMl, Some(5001)));
    assert_eq!(
        (config.model.as_deref(), config.timeout),
        (Some("/var/m"), Some(Duration::from_millis(1500)))
    );
    assert!(
        tried(&[("AZUREML_MODEL_DIR", "m"), ("SCORING_TIMEOUT_MS", "0")], &[], PlatformFlags::default())
            .is_err()
    );
}

#[test]
fn seldon_names_the_port_the_unit_and_the_model() {
    let parameters = r#"[{"name":"method","value":"x","type":"STRING"},{"name":"model_uri","value":"/m","type":"STRING"}]"#;
    let config = found(
        &[
            ("PREDICTIVE_UNIT_ID", "classifier"),
            ("PREDICTIVE_UNIT_HTTP_SERVICE_PORT", "9002"),
            ("PREDICTIVE_UNIT_PARAMETERS", parameters),
        ],
        &["/mnt/models"],
    );
    assert_eq!((config.platform, config.port), (Platform::Seldon, Some(9002)));
    assert_eq!((config.model.as_deref(), config.model_name.as_deref()), (Some("/m"), Some("classifier")));
    let config =
        found(&[("PREDICTIVE_UNIT_ID", "c"), ("PREDICTIVE_UNIT_PARAMETERS", "[]")], &["/mnt/models"]);
    assert_eq!((config.port, config.model.as_deref()), (Some(9000), Some("/mnt/models")));
    let wrong = [("PREDICTIVE_UNIT_ID", "c"), ("PREDICTIVE_UNIT_PARAMETERS", "{")];
    let error = tried(&wrong, &[], PlatformFlags::default()).unwrap_err().to_string();
    assert!(error.contains("PREDICTIVE_UNIT_PARAMETERS"), "{error}");
}

#[test]
fn kserve_mounts_the_model_and_its_name_is_typed() {
    let flags = PlatformFlags { model_name: Some("iris".into()), ..PlatformFlags::default() };
    let config = with(&[("PORT", "8012")], &["/mnt/models"], flags);
    assert_eq!((config.platform, config.port), (Platform::Kserve, Some(8012)));
    assert_eq!((config.model.as_deref(), config.model_name.as_deref()), (Some("/mnt/models"), Some("iris")));
}

#[test]
fn a_flag_counts_more_than_a_variable_and_a_variable_more_than_what_is_around() {
    let around = [("AIP_MODE", "PREDICTION"), ("MLHOST_PLATFORM", "azureml")];
    assert_eq!(found(&around, &[]).platform, Platform::AzureMl);
    let flag = |choice| PlatformFlags { platform: Some(choice), ..PlatformFlags::default() };
    assert_eq!(with(&around, &[], flag(PlatformChoice::Of(Platform::Mlflow))).platform, Platform::Mlflow);
    assert_eq!(with(&around, &[], flag(PlatformChoice::Auto)).platform, Platform::Vertex);
    assert!(tried(&[("MLHOST_PLATFORM", "aws")], &[], PlatformFlags::default()).is_err());
}

#[test]
fn protocols_that_are_listed_take_the_place_of_the_platforms() {
    let listed = [("MLHOST_PROTOCOLS", "v2, seldon")];
    let config = found(&listed, &[]);
    assert_eq!(config.protocols, Protocols::of(&[ServedProtocol::V2, ServedProtocol::Seldon]));
    let flags = PlatformFlags { protocols: vec![ServedProtocol::Kserve], ..PlatformFlags::default() };
    assert_eq!(with(&listed, &[], flags).protocols, Protocols::of(&[ServedProtocol::Kserve]));
    let error = tried(&[("MLHOST_PROTOCOLS", "v3")], &[], PlatformFlags::default()).unwrap_err().to_string();
    assert!(error.contains("v3") && error.contains("sagemaker"), "{error}");
    for protocol in ServedProtocol::ALL {
        assert_eq!(parse_protocol(protocol.name()), Ok(protocol));
    }
}

#[test]
fn every_platform_can_be_named() {
    for platform in Platform::ALL {
        assert_eq!(parse_platform(platform.name()), Ok(PlatformChoice::Of(platform)));
        assert!(Protocols::default().with(platform.protocol()).has(platform.protocol()));
    }
    assert!(parse_platform("aws").unwrap_err().contains("sagemaker"));
}
