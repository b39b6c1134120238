//! Which package is chosen and what is read out of cargo's messages.

use serde_json::json;

use super::*;

fn package(name: &str, kind: &str) -> Value {
    json!({
        "name": name,
        "id": format!("path+file:///w/{name}#0.1.0"),
        "manifest_path": format!("/w/{name}/Cargo.toml"),
        "targets": [{ "name": name, "crate_types": [kind] }],
    })
}

fn chosen(packages: &[Value], folder: &str) -> Result<String, String> {
    let manifest = Path::new(folder).join("Cargo.toml");
    choose(&json!({ "packages": packages }), Path::new(folder), &manifest)
        .map(|package| package.name)
        .map_err(|error| error.to_string())
}

#[test]
fn the_package_in_the_folder_is_chosen_or_the_only_guest_of_a_workspace() {
    let (guest, other, plain) =
        (package("guest", "cdylib"), package("other", "cdylib"), package("plain", "lib"));
    assert_eq!(chosen(&[guest.clone(), other.clone()], "/w/other").as_deref(), Ok("other"));
    assert_eq!(chosen(&[plain.clone(), guest.clone()], "/w").as_deref(), Ok("guest"));

    let several = chosen(&[guest, other], "/w").unwrap_err();
    assert!(several.contains("`guest`, `other`") && several.contains("hint:"), "{several}");
    assert!(chosen(std::slice::from_ref(&plain), "/w").unwrap_err().contains("no package in the workspace"));
}

#[test]
fn a_package_without_a_cdylib_is_told_which_lines_to_add() {
    let error = chosen(&[package("plain", "lib")], "/w/plain").unwrap_err();
    assert!(error.contains("[lib]\n    crate-type = [\"cdylib\"]"), "{error}");
    assert!(error.contains("`/w/plain/Cargo.toml`"), "{error}");
}

#[test]
fn a_folder_without_a_package_and_a_broken_package_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(find_package(folder.path(), None), Err(BuildError::NoPackage { .. })));
    std::fs::write(folder.path().join("Cargo.toml"), "[package]\nnme = 1").unwrap();
    let Err(BuildError::Metadata { detail, .. }) = find_package(folder.path(), None) else { panic!() };
    assert!(detail.contains("Cargo.toml"), "{detail}");
}

#[test]
fn the_module_is_the_packages_own_and_diagnostics_are_passed_on() {
    let artifact = |package: &str, kind: &str, file: &str| {
        json!({
            "reason": "compiler-artifact",
            "package_id": package,
            "target": { "crate_types": [kind] },
            "filenames": [file],
        })
    };
    let lines = [
        "what a build script prints".to_owned(),
        json!({ "reason": "compiler-message", "message": { "rendered": "warning: unused\n" } }).to_string(),
        artifact("other", "cdylib", "/t/other.wasm").to_string(),
        artifact("guest", "lib", "/t/libguest.rlib").to_string(),
        artifact("guest", "cdylib", "/t/guest.wasm").to_string(),
        json!({ "reason": "build-finished", "success": true }).to_string(),
    ];
    let mut human = Vec::new();
    let messages = read_messages(lines.join("\n").as_bytes(), "guest", &mut human);
    assert_eq!(messages.module.as_deref(), Some(Path::new("/t/guest.wasm")));
    assert_eq!(human, b"warning: unused\n");
}
