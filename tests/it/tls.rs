//! TLS over the real process: who is answered, what is shown, and what becomes of it when files change.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::certificates::{Authority, connect, exchange};
use crate::running::{Running, mlhost, models};

const PING: &str = "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n";
const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

fn post() -> String {
    format!(
        "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ROW}",
        ROW.len()
    )
}

fn serve(certificate: &Path, key: &Path, more: &[&str]) -> Running {
    let flags = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    Running::sample("echo", &[&flags[..], more].concat())
}

#[test]
fn a_client_that_trusts_the_authority_is_answered_and_others_hear_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.identity().write(folder.path());
    let server = serve(&certificate, &key, &[]);
    assert!(server.ready["url"].as_str().unwrap().starts_with("https://"), "{}", server.ready);

    let mut connection = connect(server.address(), &authority.client(None, &[])).unwrap();
    assert_eq!(exchange(&mut connection, PING).unwrap(), 200);
    assert_eq!(exchange(&mut connection, &post()).unwrap(), 200);

    assert!(connect(server.address(), &Authority::new().client(None, &[])).is_err());

    let mut plain = TcpStream::connect(server.address()).unwrap();
    plain.write_all(PING.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // However the connection ends: what is not encrypted is not answered.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn either_version_of_http_is_agreed_on_in_the_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.identity().write(folder.path());
    let server = serve(&certificate, &key, &[]);
    let agreed = |protocols: &[&[u8]]| {
        let connection = connect(server.address(), &authority.client(None, protocols)).unwrap();
        connection.conn.alpn_protocol().map(<[u8]>::to_vec)
    };
    assert_eq!(agreed(&[b"http/1.1", b"h2"]), Some(b"h2".to_vec()));
    assert_eq!(agreed(&[b"http/1.1"]), Some(b"http/1.1".to_vec()));
    assert_eq!(agreed(&[]), None);

    let mut connection = connect(server.address(), &authority.client(None, &[b"h2"])).unwrap();
    // The preface and an empty SETTINGS frame; the server's own SETTINGS come back (RFC 9113, section 3.4).
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").unwrap();
    let mut frame = [0; 9];
    connection.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "{frame:?}");
}

#[test]
fn another_certificate_is_shown_once_its_file_changes_and_open_connections_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (old, new) = (authority.identity(), authority.identity());
    let (certificate, key) = old.write(folder.path());
    let server = serve(&certificate, &key, &[]);
    let config = authority.client(None, &[]);
    let shown = || connect(server.address(), &config).unwrap().conn.peer_certificates().unwrap()[0].clone();
    let mut open = connect(server.address(), &config).unwrap();
    assert_eq!(exchange(&mut open, PING).unwrap(), 200);
    assert_eq!(shown(), old.der());

    new.write(folder.path());
    server.logged("the certificate is read again");
    assert_eq!(shown(), new.der());
    assert_eq!(exchange(&mut open, &post()).unwrap(), 200);
}

#[test]
fn a_broken_certificate_is_refused_while_the_old_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let old = authority.identity();
    let (certificate, key) = old.write(folder.path());
    let server = serve(&certificate, &key, &[]);
    let config = authority.client(None, &[]);
    let broken = [
        ("not a certificate".to_owned(), "no certificate"),
        (authority.identity().certificate, "does not belong to"),
        (authority.identity_until(2021).certificate, "expired at 2021-01-01"),
    ];
    for (text, expected) in broken {
        fs::write(&certificate, text).unwrap();
        let said = server.logged("the old ones go on");
        assert!(said.contains(expected), "{said}");
        let mut connection = connect(server.address(), &config).unwrap();
        assert_eq!(connection.conn.peer_certificates().unwrap()[0], old.der());
        assert_eq!(exchange(&mut connection, PING).unwrap(), 200);
    }
}

#[test]
fn clients_show_a_certificate_of_the_authority_where_the_operator_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let (certificate, key) = servers.identity().write(folder.path());
    let authorities = folder.path().join("clients.pem");
    clients.write(&authorities);
    let flags = ["--tls-client-ca", authorities.to_str().unwrap()];
    let known = servers.client(Some(&clients.identity()), &[]);
    let stranger = servers.client(Some(&strangers.identity()), &[]);
    let nobody = servers.client(None, &[]);
    let ask = |server: &Running, config| {
        connect(server.address(), config).and_then(|mut connection| exchange(&mut connection, PING)).ok()
    };

    let required = serve(&certificate, &key, &flags);
    assert_eq!(ask(&required, &known), Some(200));
    assert_eq!(ask(&required, &nobody), None);
    assert_eq!(ask(&required, &stranger), None);

    let optional = serve(&certificate, &key, &[&flags[..], &["--tls-client-auth", "optional"]].concat());
    assert_eq!(ask(&optional, &known), Some(200));
    assert_eq!(ask(&optional, &nobody), Some(200));
    assert_eq!(ask(&optional, &stranger), None);
}

#[test]
fn what_is_wrong_with_certificates_and_keys_is_said_with_a_hint_before_anything_listens() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let good = authority.identity();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let certificate = file("good.crt", &good.certificate);
    let key = file("good.key", &good.key);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let table = [
        (folder.path().join("missing.crt"), key.clone(), "cannot read `"),
        (file("text.crt", "hello"), key.clone(), "it is no PEM file"),
        (key.clone(), key.clone(), "the first thing in it is a `PRIVATE KEY`"),
        (certificate.clone(), certificate.clone(), "the first thing in it is a `CERTIFICATE`"),
        (certificate.clone(), file("locked.key", encrypted), "its key has a passphrase"),
        (
            certificate.clone(),
            file("other.key", &authority.identity().key),
            "does not belong to the first certificate",
        ),
        (
            file("old.crt", &authority.identity_until(2021).certificate),
            key.clone(),
            "expired at 2021-01-01T00:00:00Z",
        ),
    ];
    for (certificate, key, expected) in table {
        let output = mlhost()
            .args(["serve", "-p", "0", "-m", models().join("echo").to_str().unwrap()])
            .args(["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()])
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(expected) && error.contains("hint: "), "`{expected}` is not said:\n{error}");
        assert!(!error.contains(good.key.lines().nth(1).unwrap()), "the key is shown:\n{error}");
    }
    let alone = mlhost().args(["serve", "-m", "x", "--tls-cert", "x"]).output().unwrap();
    assert_eq!(alone.status.code(), Some(2), "a certificate without its key is usage");
}

#[test]
fn a_key_that_every_user_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.identity().write(folder.path());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let server = serve(&certificate, &key, &[]);
    let said = server.logged("can read the private key");
    assert!(said.contains("chmod o-r"), "{said}");
}

#[test]
fn a_client_that_does_not_shake_hands_is_closed_and_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.identity().write(folder.path());
    let server = serve(&certificate, &key, &["--header-timeout", "1s"]);
    let mut silent = TcpStream::connect(server.address()).unwrap();
    let mut halting = TcpStream::connect(server.address()).unwrap();
    // A record's head that promises 512 bytes of a ClientHello.
    halting.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    let config = authority.client(None, &[]);
    let mut connection = connect(server.address(), &config).unwrap();
    assert_eq!(exchange(&mut connection, PING).unwrap(), 200);
    for stream in [&mut silent, &mut halting] {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        assert!(matches!(stream.read(&mut [0; 16]), Ok(0)), "it is closed and nothing is said");
    }
}
