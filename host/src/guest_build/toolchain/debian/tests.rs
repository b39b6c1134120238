//! What is read out of apt's answers.

use super::*;

const LIBRARY: &str = "Package: libstd-rust-web-1.96\nDepends: libc6 (>= 2.36), libgcc-s1 (>= 4.2), libllvm22 (>= 1:22.1.8), zlib1g\nRecommends: libllvm9\n";

#[test]
fn a_dependency_is_found_by_its_name_and_a_version_after_it() {
    for (shown, prefix, expected) in [
        (LIBRARY, "libllvm", Some("libllvm22")),
        (
            "Depends: rustc-web (= 1), libstd-rust-web-1.96 (= 1.96)",
            "libstd-rust-web-",
            Some("libstd-rust-web-1.96"),
        ),
        ("Depends: libstd-rust-web-dev (= 1)", "libstd-rust-web-", None),
        ("Description: libllvm22", "libllvm", None),
        ("", "libllvm", None),
    ] {
        assert_eq!(dependency(shown, prefix), expected, "{prefix} in {shown:?}");
    }
}

#[test]
fn a_package_without_a_candidate_is_not_there() {
    assert_eq!(candidate("rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0-1\n"), Some("1.96.0-1"));
    assert_eq!(candidate("rustc-web:\n  Installed: (none)\n  Candidate: (none)\n"), None);
    assert_eq!(candidate(""), None);
}

#[test]
fn llvm_is_unpacked_under_its_major_version() {
    assert_eq!(llvm_folder("libllvm22"), "llvm-22");
}

#[test]
fn a_failing_program_is_named_with_the_end_of_what_it_said() {
    let error =
        run(Command::new("sh").args(["-c", "for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 3"]));
    let error = error.unwrap_err();
    assert!(error.starts_with("`sh` failed: line 3") && error.ends_with("line 7"), "{error}");
    let error = run(&mut Command::new("mlhost-no-such-program")).unwrap_err();
    assert!(error.contains("`mlhost-no-such-program` cannot be run"), "{error}");
}
