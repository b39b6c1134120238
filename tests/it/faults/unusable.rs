//! What a machine cannot give: an address, descriptors, address space, a file's content.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use super::deprived::{Limit, bound_by_permissions, limited};
use super::serve_refuses;
use crate::running::{Running, mlhost, models};

const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

fn echo() -> String {
    models().join("echo").to_str().unwrap().to_owned()
}

/// A copy of the sample `iris` that can be broken.
fn copy(folder: &Path) -> std::path::PathBuf {
    let copy = folder.join("iris");
    fs::create_dir(&copy).unwrap();
    for file in ["MLmodel", "component.wasm", "iris.onnx", "labels.txt"] {
        fs::copy(models().join("iris").join(file), copy.join(file)).unwrap();
    }
    copy
}

#[test]
fn a_port_that_is_taken_is_said_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = serve_refuses(mlhost().args(["serve", "-m", &echo(), "-p", &port]));
    assert!(
        said.contains(&format!("cannot listen on 127.0.0.1:{port}")) && said.contains("in use"),
        "{said}"
    );
    assert!(said.contains("hint:") && said.contains("--port"), "{said}");
}

#[test]
fn an_address_that_is_not_this_machines_is_said_with_what_to_do() {
    let said = serve_refuses(mlhost().args(["serve", "-m", &echo(), "-p", "0", "-h", "192.0.2.1"]));
    assert!(said.contains("cannot listen on 192.0.2.1:0"), "{said}");
    assert!(said.contains("hint:") && said.contains("0.0.0.0"), "{said}");
}

#[test]
fn a_port_for_the_privileged_is_said_with_what_to_do() {
    // SAFETY: takes nothing, touches no memory.
    let root = unsafe { libc::geteuid() } == 0;
    let lowest = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    let open = lowest.trim().parse::<u16>().is_ok_and(|lowest| lowest <= 1);
    if root || open {
        // Here the port can be had: what is left to show is that it is.
        let listener = TcpListener::bind("127.0.0.1:1");
        assert!(listener.is_ok(), "{listener:?}");
        return;
    }
    let said = serve_refuses(mlhost().args(["serve", "-m", &echo(), "-p", "1"]));
    assert!(said.contains("ermission denied") && said.contains("hint:"), "{said}");
}

#[test]
fn a_server_without_descriptors_pauses_and_recovers() {
    let mut command = Running::command(&["-m", &echo()]);
    let server = Running::started(limited(&mut command, Limit::Descriptors, 64));
    assert_eq!(server.invoke(ROW).status, 200);
    let idle: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    let line = server.logged("cannot accept a connection");
    assert!(line.contains("hint") && line.contains("ulimit"), "{line}");
    // Those that were accepted are served all the while.
    let mut first = idle[0].try_clone().unwrap();
    first.write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop((idle, first));
    for _ in 0..10 {
        assert_eq!(server.invoke(ROW).status, 200);
    }
}

#[test]
fn too_little_address_space_is_said_with_what_to_do() {
    let mut command = mlhost();
    let said = serve_refuses(limited(
        command.args(["serve", "-p", "0", "-m", &echo()]),
        Limit::AddressSpace,
        4 << 30,
    ));
    assert!(said.contains("cannot set up the sandbox engine"), "{said}");
    assert!(
        said.contains("hint:") && said.contains("--max-requests") && said.contains("ulimit -v"),
        "{said}"
    );
}

#[test]
fn files_that_cannot_be_read_are_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy(folder.path());
    let refused = || {
        let mut command = mlhost();
        serve_refuses(bound_by_permissions(command.args(["serve", "-p", "0", "-m", model.to_str().unwrap()])))
    };
    for (file, whole) in
        [("component.wasm", true), ("iris.onnx", true), ("MLmodel", true), ("labels.txt", false)]
    {
        let path = model.join(file);
        let content = fs::read(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        let said = refused();
        assert!(said.contains(file) && said.contains("ermission denied"), "{file}: {said}");

        fs::remove_file(&path).unwrap();
        symlink("nothing", &path).unwrap();
        let said = refused();
        assert!(said.contains(file) && said.contains("hint:"), "a dangling link as {file}: {said}");

        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let said = refused();
        assert!(said.contains(file), "a folder as {file}: {said}");

        fs::remove_dir(&path).unwrap();
        if whole {
            fs::write(&path, "").unwrap();
            let said = refused();
            assert!(said.contains("error:"), "an empty {file}: {said}");
        }
        fs::write(&path, content).unwrap();
    }
    let mut command = Running::command(&["-m", model.to_str().unwrap()]);
    drop(Running::started(bound_by_permissions(&mut command)));
}

#[test]
fn a_version_that_cannot_be_read_does_not_take_the_served_one_down() {
    let folder = tempfile::tempdir().unwrap();
    let model = copy(folder.path());
    let mut command = Running::command(&["-m", model.to_str().unwrap(), "--watch", "50ms"]);
    let server = Running::started(bound_by_permissions(&mut command));
    fs::set_permissions(model.join("MLmodel"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::write(model.join("labels.txt"), "a\nb\nc\n").unwrap();
    let line = server.logged("a new version is refused");
    assert!(line.contains("ermission denied"), "{line}");
    for _ in 0..5 {
        assert_eq!(server.get("/ping").status, 200);
        std::thread::sleep(Duration::from_millis(60));
    }
    fs::set_permissions(model.join("MLmodel"), fs::Permissions::from_mode(0o644)).unwrap();
    server.logged("a new version is served");
}
