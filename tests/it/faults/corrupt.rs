//! Files that were damaged on the way: each is refused with a message, none ends the process otherwise, and a server that has
//! a good version goes on with it. What `fuzz/run.sh` makes at random is made here in the forms that real accidents have.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{refusal, serve_refuses};
use crate::running::{Running, mlhost, models};

const FLOWERS: &str = r#"{"dataframe_split": {"columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
    "data": [[51, 35, 14, 2]]}}"#;

/// A copy of the sample `iris` whose file `name` is `content`.
fn with(folder: &Path, name: &str, content: &[u8]) {
    for file in ["MLmodel", "component.wasm", "iris.onnx", "labels.txt"] {
        fs::copy(models().join("iris").join(file), folder.join(file)).unwrap();
    }
    fs::write(folder.join(name), content).unwrap();
}

fn refused(name: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    with(folder.path(), name, content);
    serve_refuses(mlhost().args(["serve", "-p", "0", "-m"]).arg(folder.path()))
}

/// A file in the forms that accidents give it.
fn accidents(whole: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let half = whole.len() / 2;
    let mut zeroed = whole.to_vec();
    zeroed[half..(half + 4096).min(whole.len())].fill(0);
    vec![
        ("empty", Vec::new()),
        ("one byte", whole[..1].to_vec()),
        ("cut in half", whole[..half].to_vec()),
        ("without its last byte", whole[..whole.len() - 1].to_vec()),
        ("all zeros, as after a power failure", vec![0; whole.len()]),
        ("a page of zeros in its midst", zeroed),
        ("a web page", b"<!DOCTYPE html><html><body>404</body></html>".to_vec()),
        (
            "a Git LFS pointer",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".to_vec(),
        ),
    ]
}

#[test]
fn a_component_in_any_state_of_ruin_is_refused_with_a_hint() {
    let whole = fs::read(models().join("iris/component.wasm")).unwrap();
    for (state, content) in accidents(&whole) {
        let said = refused("component.wasm", &content);
        assert!(said.contains("component") && said.contains("hint:"), "{state}: {said}");
    }
}

#[test]
fn a_graph_in_any_state_of_ruin_is_refused_and_named() {
    let whole = fs::read(models().join("iris/iris.onnx")).unwrap();
    for (state, content) in accidents(&whole) {
        // A protobuf message is one still without its last field: what is left may be a graph.
        if state == "without its last byte" || state.contains("a page of zeros") {
            continue;
        }
        let said = refused("iris.onnx", &content);
        assert!(said.contains("iris.onnx") && said.contains("hint:"), "{state}: {said}");
    }
}

/// Lengths and counts far beyond the file: nothing is allocated on a file's word.
#[test]
fn a_graph_that_declares_more_than_there_is_is_refused_in_little_memory() {
    let varint = |mut value: u64| {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
        bytes
    };
    let field = |number: u64, content: &[u8]| {
        [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
    };
    // A tensor of 2^62 float32 elements that has none: TensorProto's dims 1, data_type 2, name 8.
    let dims = [varint(1 << 3), varint(1 << 62)].concat();
    let tensor = [dims, vec![2 << 3, 1], field(8, b"w")].concat();
    let node = [field(1, b"w"), field(2, b"y"), field(4, b"Identity")].concat();
    // ValueInfoProto y: float32 of any shape.
    let value_type = field(1, &[1 << 3, 1]);
    let output = [field(1, b"y"), field(2, &value_type)].concat();
    let graph = [field(1, &node), field(2, b"g"), field(5, &tensor), field(12, &output)].concat();
    let opset = [field(1, b""), vec![2 << 3, 13]].concat();
    let huge_tensor = [vec![1 << 3, 8], field(7, &graph), field(8, &opset)].concat();
    // The graph's own length, of 2^40 bytes.
    let huge_graph = [vec![1 << 3, 8], varint(7 << 3 | 2), varint(1 << 40), vec![0; 64]].concat();
    for (what, content) in [("a huge tensor", huge_tensor), ("a huge graph", huge_graph)] {
        let begun = Instant::now();
        let said = refused("iris.onnx", &content);
        assert!(said.contains("iris.onnx"), "{what}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {:?}", begun.elapsed());
    }
}

#[test]
fn an_mlmodel_that_expands_nests_or_is_no_text_is_refused_at_once() {
    let laughs = {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, of) in ('b'..='j').zip('a'..='i') {
            text.push_str(&format!(
                "{name}: &{name} [*{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}]\n"
            ));
        }
        text
    };
    let deep = format!("flavors: {}1{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let deep_maps = format!(
        "flavors:\n{}",
        (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 500))).collect::<String>()
    );
    let merged = "a: &a {x: 1}\nflavors:\n".to_owned() + &"  <<: *a\n".repeat(1000);
    let cases: [(&str, Vec<u8>); 9] = [
        ("a billion laughs", laughs.into_bytes()),
        ("nested lists", deep.into_bytes()),
        ("nested maps", deep_maps.into_bytes()),
        ("merges", merged.into_bytes()),
        ("NUL bytes", b"flavors:\n  onnx:\n    data: \0iris.onnx\n".to_vec()),
        ("no UTF-8", b"flavors: \xff\xfe\n".to_vec()),
        ("huge", vec![b'#'; 16 << 20]),
        ("a million keys", (0..400_000).map(|key| format!("k{key}: 1\n")).collect::<String>().into_bytes()),
        ("an alias of itself", b"flavors: &a [*a]\n".to_vec()),
    ];
    for (what, content) in cases {
        let begun = Instant::now();
        let said = refused("MLmodel", &content);
        assert!(said.contains("MLmodel") && said.len() < 4000, "{what}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} took {:?}", begun.elapsed());
    }
}

#[test]
fn signatures_that_are_bombs_are_refused_at_once() {
    let array = |depth: usize| {
        format!(
            r#"[{{"name":"a","type":"array","items":{}{{"type":"long"}}{}}}]"#,
            r#"{"type":"array","items":"#.repeat(depth),
            "}".repeat(depth)
        )
    };
    for signature in [array(60), array(100_000), "[".repeat(200_000)] {
        let text = format!("flavors:\n  onnx:\n    data: iris.onnx\nsignature:\n  inputs: '{signature}'\n");
        let said = refused("MLmodel", text.as_bytes());
        assert!(said.contains("signature") && said.len() < 4000, "{said}");
    }
}

#[test]
fn validate_and_inspect_refuse_what_serve_refuses() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("component.wasm", &b"\0asm"[..]), ("iris.onnx", b"\x08"), ("MLmodel", b"\0")] {
        with(folder.path(), name, content);
        for command in ["validate", "inspect"] {
            let (code, said) = refusal(mlhost().arg(command).arg(folder.path()));
            assert_eq!(code, 1, "{command} of a broken {name}: {said}");
        }
    }
}

/// A deployment that copies file by file: what is loaded meanwhile may be half of one version and half of another.
#[test]
fn a_version_that_is_still_being_written_is_not_taken() {
    // A machine that is busy keeps the writer waiting, and what is not written on for a while may be taken.
    let held = (0..10).any(|_| is_left_alone_while_it_is_written());
    assert!(
        held,
        "this machine is too busy: in ten attempts it never let a file be written on without a pause"
    );
}

/// Writes on a model's file for two seconds. False where the writer itself was kept from it, so that nothing is to be learned.
fn is_left_alone_while_it_is_written() -> bool {
    const WATCH: Duration = Duration::from_millis(20);
    let folder = tempfile::tempdir().unwrap();
    with(folder.path(), "labels.txt", b"a\nb\nc\n");
    let server =
        Running::start(&["-m", folder.path().to_str().unwrap(), "--watch", "20ms", "--admin-address", "0"]);
    let taken = || detail(&server)["reload"]["taken"].as_u64().unwrap();
    // The labels decide what `load-context` leaves behind: each version is compiled, which takes longer than the pause. It is
    // written on while the server is asked: whoever stopped before would have it take what is finished.
    let (over, round) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (taken_meanwhile, longest) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // Not without end where the server is gone and nobody says that it is over.
            let end = Instant::now() + Duration::from_secs(60);
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !over.load(Ordering::Relaxed) && Instant::now() < end {
                let round = round.fetch_add(1, Ordering::Relaxed) + 1;
                fs::write(folder.path().join("labels.txt"), format!("x{round}\ny\nz\n")).unwrap();
                longest = longest.max(last.elapsed());
                last = Instant::now();
                std::thread::sleep(Duration::from_millis(2));
            }
            longest
        });
        std::thread::sleep(Duration::from_secs(2));
        let taken = taken();
        over.store(true, Ordering::Relaxed);
        (taken, writer.join().unwrap())
    });
    if taken_meanwhile > 0 && longest >= WATCH {
        return false;
    }
    assert_eq!(taken_meanwhile, 0, "taken while it was written, with pauses of {longest:?} at most");
    let round = round.into_inner();
    let deadline = Instant::now() + Duration::from_secs(60);
    while taken() == 0 {
        assert!(Instant::now() < deadline, "never taken");
        std::thread::sleep(WATCH);
    }
    assert!(server.invoke(FLOWERS).body.contains(&format!("x{round}")), "the last one");
    true
}

fn detail(server: &Running) -> serde_json::Value {
    let answer = server.admin("GET", "/health", &[], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["models"][0].clone()
}

fn refusals(server: &Running) -> u64 {
    detail(server)["reload"]["refused"].as_u64().unwrap()
}

fn wait_until_refused(server: &Running, times: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while refusals(server) < times {
        assert!(Instant::now() < deadline, "not refused {times} times: {:?}", detail(server));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// While a good version is served, each ruin is copied over it, as a deployment that goes wrong would.
#[test]
fn no_broken_version_takes_the_served_one_down() {
    let folder = tempfile::tempdir().unwrap();
    with(folder.path(), "labels.txt", &fs::read(models().join("iris/labels.txt")).unwrap());
    let server =
        Running::start(&["-m", folder.path().to_str().unwrap(), "--watch", "30ms", "--admin-address", "0"]);
    let mut refused = 0;
    for file in ["component.wasm", "iris.onnx", "MLmodel"] {
        let whole = fs::read(models().join("iris").join(file)).unwrap();
        for (state, content) in accidents(&whole).into_iter().take(5) {
            // A YAML text's beginning is one, too, and a protobuf message's.
            if matches!(
                (file, state),
                ("MLmodel", "cut in half") | ("MLmodel" | "iris.onnx", "without its last byte")
            ) {
                continue;
            }
            fs::write(folder.path().join(file), content).unwrap();
            refused += 1;
            // A version may be looked at while it is written: then it is refused twice.
            wait_until_refused(&server, refused);
            refused = refusals(&server);
            let answer = server.invoke(FLOWERS);
            assert!(answer.status == 200 && answer.body.contains("setosa"), "{file} {state}: {answer:?}");
        }
        fs::write(folder.path().join(file), whole).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
}
