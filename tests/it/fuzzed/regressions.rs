//! What libFuzzer found stays found: every input under `fuzz/regressions` goes through its target again, without libFuzzer.

use std::fs;

use crate::running::root;

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a library there, a module here")]
mod targets;

#[test]
fn what_fuzzing_once_found_stays_mended() {
    let folder = root().join("fuzz/regressions");
    let mut replayed = 0;
    for target in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = target.file_name().into_string().unwrap();
        for input in fs::read_dir(target.path()).unwrap().map(Result::unwrap) {
            let data = fs::read(input.path()).unwrap();
            let outcome = std::panic::catch_unwind(|| targets::run(&name, &data));
            assert!(outcome.is_ok(), "{} fails again", input.path().display());
            replayed += 1;
        }
    }
    assert!(replayed >= targets::TARGETS.len(), "only {replayed} inputs: each target has one at least");
}

#[test]
fn every_target_has_its_program_and_its_regressions() {
    let names = |folder: &str| {
        let mut names: Vec<String> = fs::read_dir(root().join("fuzz").join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let targets: Vec<&str> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("regressions"), targets);
}
