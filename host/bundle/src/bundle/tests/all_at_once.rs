//! A check says all that is wrong, and what it says first is what opening says.

use super::*;

fn check(mlmodel: &str) -> (Option<Bundle>, Vec<String>) {
    let directory = directory(mlmodel);
    let Checked { bundle, problems } = Bundle::check(directory.path());
    let first = Bundle::open(directory.path()).err().map(|error| error.to_string());
    assert_eq!(first, problems.first().map(ToString::to_string));
    (bundle, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let (bundle, problems) = check(
        "flavors:\n  mlhost:\n    componnet: component.wasm\n    limts: {memory: 1MiB, time: 1s}\n    graphs: {a: lost.onnx, b: ../b.onnx, c: model.onnx}\n    \
         artifacts: {x: lost.json}\n    limits: {memory: 64MB, tiem: 5s}\n    grants: ['env:TZ', 'net:x']\n    \
         batching: {d: {max_rows: 4}}\nsignature: {inputs: '[{\"type\": \"int\"}, {\"type\": \"real\"}]'}\n",
    );
    for (count, expected) in [
        (1, "did you mean `component`?"),
        (1, "in `flavors.mlhost`: unknown key `limts` (did you mean `limits`?)"),
        (1, "in `flavors.mlhost.limits.memory`: `64MB` is no size"),
        (1, "in `flavors.mlhost.limits`: unknown key `tiem` (did you mean `time`?)"),
        (1, "in `flavors.mlhost.grants`: `net:x` is no grant"),
        (1, "`inputs[0].type` is `int`"),
        (1, "`inputs[1].type` is `real`"),
        (1, "the file `lost.onnx` of graph `a` is not in"),
        (1, "the path `../b.onnx` of graph `b` has `..` in it"),
        (1, "the file `lost.json` of artifact `x` is not in"),
        (1, "the graphs `a`, `b`, `c` and no component"),
        (1, "`d` is no graph of this bundle"),
    ] {
        let found = problems.iter().filter(|problem| problem.contains(expected)).count();
        assert_eq!(found, count, "{expected}: {problems:#?}");
    }
    assert_eq!(problems.len(), 12, "{problems:#?}");
    assert!(problems[0].contains("line 3, column 5"), "the place of the first: {}", problems[0]);
    let bundle = bundle.unwrap();
    assert_eq!(bundle.graphs.len(), 1);
    assert_eq!(bundle.grants, ["env:TZ".parse().unwrap()]);
}

#[test]
fn what_is_wrong_at_the_root_is_all_that_can_be_said() {
    for text in
        ["flavors: [onnx]", "\u{1}", "a: b", "flavors: {onnx: {data: 5}, python_function: {config: 5}}"]
    {
        let (bundle, problems) = check(text);
        assert_eq!((bundle, problems.len()), (None, 1), "{text}: {problems:?}");
    }
}

#[test]
fn files_over_their_size_are_found_without_being_read() {
    let directory = directory(EVERYTHING);
    // A sparse file: no disk is used.
    let file = fs::OpenOptions::new().write(true).open(directory.path().join("component.wasm")).unwrap();
    file.set_len(COMPONENT_BYTES + 1).unwrap();
    let problems = Bundle::check(directory.path()).problems;
    assert!(matches!(problems.as_slice(), [BundleError::TooLarge { .. }]), "{problems:?}");
}

#[test]
fn the_example_is_what_mlmodel_names_or_the_file_of_that_name() {
    let flavors = "flavors: {onnx: {data: model.onnx}}\n";
    let named =
        format!("{flavors}saved_input_example_info: {{serving_input_path: labels.json, type: ndarray}}\n");
    let lost = format!("{flavors}saved_input_example_info: {{serving_input_path: lost.json}}\n");
    let bundle = open(&lost).unwrap();
    assert_eq!(bundle.example, None);
    assert!(bundle.notes[0].contains("lost.json"), "{:?}", bundle.notes);
    let directory = directory(&named);
    let bundle = Bundle::open(directory.path()).unwrap();
    assert_eq!(bundle.read_example().unwrap().unwrap(), b"labels.json");
    fs::write(directory.path().join("MLmodel"), flavors).unwrap();
    assert_eq!(Bundle::open(directory.path()).unwrap().example, None);
    fs::write(directory.path().join(EXAMPLE_FILE), "{}").unwrap();
    assert_eq!(Bundle::open(directory.path()).unwrap().read_example().unwrap().unwrap(), b"{}");
}
