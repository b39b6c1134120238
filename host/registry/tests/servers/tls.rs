//! A tracking server behind TLS: whose certificate is believed, to whom ours is shown, and what is said where the two do not
//! agree. The authorities are made here, and no other machine has heard of them.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::*;
use fake::Answer;

/// Who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
struct Signed {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    pem: String,
}

// === impl Authority ===

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }

    fn of_server(&self) -> Signed {
        self.sign("localhost", |_| {})
    }

    fn of_client(&self) -> Signed {
        self.sign("mlhost", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
    }

    /// Asks for a certificate of this authority's, and goes on without one where `needed` is false.
    fn asks(&self, needed: bool) -> Arc<dyn rustls::server::danger::ClientCertVerifier> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if needed { builder.build().unwrap() } else { builder.allow_unauthenticated().build().unwrap() }
    }
}

fn server_config(
    shown: &Signed,
    clients: Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.key.serialize_der()));
    Arc::new(builder.with_single_cert(vec![shown.certificate.clone()], key).unwrap())
}

fn model(asked: &fake::Asked) -> Answer {
    match asked.path().rsplit('/').next() {
        Some("artifacts") => {
            Answer::body(r#"{"files": [{"path": "MLmodel", "is_dir": false, "file_size": 7}]}"#)
        }
        _ => Answer::body("flavors"),
    }
}

fn file(folder: &Path, name: &str, content: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    Some(path)
}

/// Fetches the model with what the settings are changed to.
async fn fetched(
    fake: &Fake,
    cache: &Path,
    change: impl FnOnce(&mut Settings),
) -> Result<ModelFolder, RegistryError> {
    let mut settings = settings(fake, cache);
    change(&mut settings);
    fetch(settings, "mlflow-artifacts:/0/m").await
}

fn refused(outcome: Result<ModelFolder, RegistryError>, hint: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, RegistryError::Tls { .. }), "{error:?}");
    let said = error.hint().unwrap_or_default();
    assert!(said.contains(hint), "{error}\nhint: {said}");
}

const AUTHORITY: &str = "MLFLOW_TRACKING_SERVER_CERT_PATH";
const IDENTITY: &str = "MLFLOW_TRACKING_CLIENT_CERT_PATH";

#[tokio::test]
async fn a_server_is_believed_whose_authority_the_operator_names() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(), Authority::new());
    let fake = Fake::start_secure(server_config(&authority.of_server(), None), model);
    let ours = file(folder.path(), "ours.pem", &authority.pem());
    let theirs = file(folder.path(), "theirs.pem", &other.pem());
    let both = file(folder.path(), "both.pem", &(other.pem() + &authority.pem()));
    let cache = |name: &str| folder.path().join(name);
    refused(fetched(&fake, &cache("a"), |_| {}).await, AUTHORITY);
    refused(fetched(&fake, &cache("b"), |settings| settings.server_certificates = theirs).await, AUTHORITY);
    assert!(fake.asked().is_empty(), "nothing is said to a server that is not believed");
    for (name, certificates) in [("c", ours), ("d", both)] {
        let model = fetched(&fake, &cache(name), |settings| settings.server_certificates = certificates)
            .await
            .unwrap();
        assert_eq!(fs::read(model.path.join("MLmodel")).unwrap(), b"flavors");
    }
    fetched(&fake, &cache("e"), |settings| settings.insecure_tls = true).await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_another_name_or_another_time_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let certificates = file(folder.path(), "ours.pem", &authority.pem());
    let elsewhere = authority.sign("elsewhere.example", |_| {});
    // By the wall clock: these are over, and not yet begun.
    let past = authority.sign("localhost", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let future = authority.sign("localhost", |params| params.not_before = rcgen::date_time_ymd(4000, 1, 1));
    for (name, signed) in [("elsewhere", elsewhere), ("past", past), ("future", future)] {
        let fake = Fake::start_secure(server_config(&signed, None), model);
        let cache = folder.path().join(name);
        let certificates = certificates.clone();
        refused(
            fetched(&fake, &cache, |settings| settings.server_certificates = certificates).await,
            AUTHORITY,
        );
    }
}

#[tokio::test]
async fn a_server_that_wants_to_know_us_is_shown_our_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(), Authority::new());
    let fake = Fake::start_secure(server_config(&authority.of_server(), Some(authority.asks(true))), model);
    let certificates = file(folder.path(), "ours.pem", &authority.pem());
    let identity = |signed: &Signed, name: &str| {
        file(folder.path(), name, &(signed.pem.clone() + &signed.key.serialize_pem()))
    };
    let known = identity(&authority.of_client(), "known.pem");
    let unknown = identity(&other.of_client(), "unknown.pem");
    let cache = |name: &str| folder.path().join(name);
    let trusting = |client: Option<PathBuf>| {
        let certificates = certificates.clone();
        move |settings: &mut Settings| {
            settings.server_certificates = certificates;
            settings.client_certificate = client;
        }
    };
    refused(fetched(&fake, &cache("a"), trusting(None)).await, IDENTITY);
    let outcome = fetched(&fake, &cache("b"), trusting(unknown)).await;
    assert!(matches!(outcome, Err(RegistryError::Tls { .. })), "{outcome:?}");
    assert!(fake.asked().is_empty());
    fetched(&fake, &cache("c"), trusting(known)).await.unwrap();
    assert!(fake.asked().iter().all(|asked| asked.certified));
}

#[tokio::test]
async fn our_certificate_is_shown_to_the_tracking_server_and_not_where_it_redirects() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    // Both ask; the second server's own certificate would be believed.
    let config = || server_config(&authority.of_server(), Some(authority.asks(false)));
    let second = Fake::start_secure(config(), model);
    let elsewhere = second.url("");
    let first = Fake::start_secure(config(), move |asked| match asked.path().ends_with("MLmodel") {
        true => Answer::status(302).with("Location", &format!("{elsewhere}/MLmodel")),
        false => model(asked),
    });
    let client = authority.of_client();
    let (certificates, identity) = (
        file(folder.path(), "ours.pem", &authority.pem()),
        file(folder.path(), "us.pem", &(client.pem.clone() + &client.key.serialize_pem())),
    );
    let outcome = fetched(&first, &folder.path().join("cache"), |settings| {
        settings.server_certificates = certificates;
        settings.client_certificate = identity;
    })
    .await;
    // The operator's authority is the tracking server's: another server is judged by the system's own.
    assert!(matches!(outcome, Err(RegistryError::Tls { .. })), "{outcome:?}");
    assert!(!first.asked().is_empty() && first.asked().iter().all(|asked| asked.certified));
    assert!(second.asked().is_empty());
}

#[tokio::test]
async fn certificate_files_that_cannot_be_used_are_named_by_their_variable() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(model);
    let nothing = folder.path().join("nothing.pem");
    let text = file(folder.path(), "text.pem", "no certificate");
    for path in [Some(nothing), text] {
        let other = path.clone();
        for (variable, outcome) in [
            (
                AUTHORITY,
                fetched(&fake, &folder.path().join("a"), |settings| settings.server_certificates = path)
                    .await,
            ),
            (
                IDENTITY,
                fetched(&fake, &folder.path().join("b"), |settings| settings.client_certificate = other)
                    .await,
            ),
        ] {
            let error = outcome.unwrap_err();
            assert!(error.to_string().contains(variable) && error.hint().is_some(), "{error}");
        }
    }
}
