//! The Open Inference Protocol over REST, against real models: tables and tensors, sandboxed and not; and compressed bodies, which
//! every protocol takes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value as Json, json};

use crate::running::{RawAnswer, Running, models, root};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn infer(server: &Running, model: &str, body: &Json) -> RawAnswer {
    server.ask("POST", &format!("/v2/models/{model}/infer"), &[JSON], Some(body.to_string().as_bytes()))
}

fn column(name: &str, datatype: &str, data: &Json) -> Json {
    json!({ "name": name, "datatype": datatype, "shape": [data.as_array().unwrap().len()], "data": data })
}

/// The outputs of an answer by name.
fn output<'j>(answer: &'j Json, name: &str) -> &'j Json {
    answer["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|output| output["name"] == name)
        .unwrap_or_else(|| panic!("no `{name}` in {answer}"))
}

/// In millimetres.
fn iris_columns() -> Vec<Json> {
    vec![
        column("petal_width", "FP32", &json!([2.5, 22.5])),
        column("sepal_length", "FP64", &json!([51.0, 67.0])),
        column("sepal_width", "FP64", &json!([35.0, 30.0])),
        column("petal_length", "FP64", &json!([14.0, 52.0])),
    ]
}

#[test]
fn a_table_model_takes_a_tensor_for_each_column_and_answers_one_for_each() {
    let server = Running::sample("iris", &[]);
    let metadata = server.get("/v2/models/iris").json();
    assert_eq!(metadata["inputs"][0], json!({"name": "sepal_length", "datatype": "FP64", "shape": [-1]}));
    assert_eq!(metadata["outputs"][0], json!({"name": "species", "datatype": "BYTES", "shape": [-1]}));

    let answer = infer(&server, "iris", &json!({"id": "7", "inputs": iris_columns()}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!((&answer["id"], &answer["model_name"]), (&json!("7"), &json!("iris")));
    assert_eq!(output(&answer, "species")["data"], json!(["setosa", "virginica"]));
    assert_eq!(output(&answer, "probability_setosa")["datatype"], "FP64");

    // As MLflow's protocol answers the same rows.
    let table = json!({"dataframe_split": {
        "columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
        "data": [[51.0, 35.0, 14.0, 2.5], [67.0, 30.0, 52.0, 22.5]],
    }});
    let predictions = server.invoke(&table.to_string()).json()["predictions"].clone();
    for (row, prediction) in predictions.as_array().unwrap().iter().enumerate() {
        for (name, value) in prediction.as_object().unwrap() {
            assert_eq!(&output(&answer, name)["data"][row], value, "{name}");
        }
    }

    // One tensor of all columns means the same.
    let matrix = json!({"inputs": [{"name": "x", "datatype": "FP64", "shape": [2, 4],
        "data": [[51.0, 35.0, 14.0, 2.5], [67.0, 30.0, 52.0, 22.5]]}], "outputs": [{"name": "species"}]});
    let whole = infer(&server, "iris", &matrix).json();
    assert_eq!(whole["outputs"], json!([output(&answer, "species")]));
}

#[test]
fn what_does_not_fit_is_400_with_a_message_and_never_another_status() {
    let server = Running::sample("iris", &[]);
    let mut columns = iris_columns();
    columns[0]["data"] = json!(["a", "b"]);
    for (body, expected) in [
        (json!({"inputs": columns}), "petal_width"),
        (json!({"inputs": &iris_columns()[1..]}), "petal_width"),
        (json!({"inputs": iris_columns(), "outputs": [{"name": "zz"}]}), "zz"),
        (json!({}), "inputs"),
        (json!([]), "object"),
        (json!({"inputs": iris_columns(), "parameters": {"sequence_id": 5}}), "sequence_id"),
    ] {
        let answer = infer(&server, "iris", &body);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().contains(expected), "{expected}: {answer:?}");
    }
    for (method, path, status) in [
        ("POST", "/v2/models/nope/infer", 404),
        ("POST", "/v2/models/iris/versions/9/infer", 404),
        ("GET", "/v2/models/iris/infer", 405),
        ("GET", "/v2/models/nope", 404),
        ("GET", "/v2/models/nope/ready", 404),
        ("GET", "/v2/systemsharedmemory/status", 404),
        ("POST", "/v2/repository/models/iris/unload", 403),
        ("POST", "/v2/repository/models/iris/load", 403),
    ] {
        let body = json!({"inputs": iris_columns()}).to_string();
        let body = (method == "POST").then_some(if path.ends_with("load") { "" } else { &body });
        let answer = server.ask(method, path, &[JSON], body.map(str::as_bytes));
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.json()["error"].is_string(), "{path}: {answer:?}");
    }
}

#[test]
fn a_value_that_is_missing_is_null_or_said_by_a_tensor_of_truth_values() {
    let server = Running::sample("titanic", &[]);
    let required = || {
        vec![column("pclass", "INT64", &json!([1, 3])), column("sex", "BYTES", &json!(["female", "male"]))]
    };
    let mut with_null = required();
    with_null.push(column("embarked", "BYTES", &json!(["S", null])));
    let mut with_mask = required();
    with_mask.push(column("embarked", "BYTES", &json!(["S", "C"])));
    with_mask.push(column("embarked.valid", "BOOL", &json!([true, false])));
    let answers: Vec<Json> = [with_null, with_mask]
        .map(|inputs| {
            let answer = infer(&server, "titanic", &json!({"inputs": inputs}));
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()
        })
        .into();
    assert_eq!(answers[0], answers[1]);
    let needed = vec![
        column("pclass", "INT64", &json!([1, null])),
        column("sex", "BYTES", &json!(["female", "male"])),
    ];
    assert_eq!(infer(&server, "titanic", &json!({"inputs": needed})).status, 400);
}

#[test]
fn a_tensor_model_takes_binary_tensors_and_parameters() {
    let server = Running::sample("digits", &[]);
    let pixels: Vec<u8> = (0..128u8).flat_map(|value| f32::from(value % 17).to_le_bytes()).collect();
    let header = json!({
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 64], "parameters": {"binary_data_size": pixels.len()}}],
        "outputs": [{"name": "digit"}, {"name": "probability", "parameters": {"binary_data": true}}],
        "parameters": {"top_k": 2},
    })
    .to_string();
    let length = header.len().to_string();
    let body = [header.as_bytes(), &pixels].concat();
    let headers =
        [("Content-Type", "application/octet-stream"), ("Inference-Header-Content-Length", &length)];
    let answer = server.ask("POST", "/v2/models/digits/infer", &headers, Some(&body));
    assert_eq!(answer.status, 200, "{answer:?}");
    let at: usize = answer.header("inference-header-content-length").unwrap().parse().unwrap();
    let json: Json = serde_json::from_slice(&answer.body[..at]).unwrap();
    assert_eq!(output(&json, "digit")["shape"], json!([2, 2]));
    assert_eq!(output(&json, "probability")["parameters"]["binary_data_size"], 16);
    assert_eq!(answer.body.len(), at + 16);

    // The whole body is the only input, and every output binary.
    let headers = [("Inference-Header-Content-Length", "0")];
    let whole = server.ask("POST", "/v2/models/digits/infer", &headers, Some(&pixels));
    assert_eq!(whole.status, 200, "{whole:?}");
    assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
}

#[test]
fn a_graph_without_a_signature_says_its_own_ports_and_answers_tensors_for_a_table_too() {
    let graph = models().join("iris/iris.onnx");
    let server = Running::start(&["--model", graph.to_str().unwrap()]);
    let metadata = server.get("/v2/models/iris").json();
    assert_eq!(metadata["platform"], "onnxruntime_onnx");
    assert_eq!(metadata["inputs"], json!([{"name": "input", "datatype": "FP32", "shape": [-1, 4]}]));
    let body = json!({"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]});
    let answer = infer(&server, "iris", &body).json();
    assert_eq!(output(&answer, "label")["data"], json!([0]));
    assert_eq!(output(&answer, "probabilities")["shape"], json!([1, 3]));
}

#[test]
fn a_graph_with_a_signature_of_columns_takes_them_and_answers_its_own_outputs() {
    let model = root().join("tests/fixtures/onnx-flavor/classifier");
    let server = Running::start(&["-m", model.to_str().unwrap(), "--no-warm-up"]);
    let name = server.ready["model"].as_str().unwrap().to_owned();
    let metadata = server.get(&format!("/v2/models/{name}")).json();
    assert_eq!(metadata["inputs"][0], json!({"name": "sex", "datatype": "BYTES", "shape": [-1]}));
    assert_eq!(
        metadata["outputs"][1],
        json!({"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]})
    );
    let inputs = [
        column("pclass", "INT32", &json!([3, 1])),
        column("sex", "BYTES", &json!(["male", "female"])),
        column("embarked", "BYTES", &json!(["S", "C"])),
        column("age", "FP64", &json!([22.0, 38.0])),
        column("fare", "FP32", &json!([7.25, 71.25])),
    ];
    let answer = infer(&server, &name, &json!({"inputs": inputs}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(output(&answer, "label")["data"], json!([0, 1]));
    assert_eq!(output(&answer, "probabilities")["shape"], json!([2, 2]));
}

#[test]
fn a_flat_object_is_answered_with_one_or_as_an_event() {
    let server = Running::sample("titanic", &[]);
    let body = json!({"pclass": 1, "sex": "female", "embarked": "S", "id": "7"}).to_string();
    let answer = server.ask("POST", "/v2/models/titanic/generate", &[JSON], Some(body.as_bytes()));
    assert_eq!(answer.status, 200, "{answer:?}");
    let flat = answer.json();
    assert_eq!((&flat["id"], &flat["outcome"]), (&json!("7"), &json!("survived")), "{flat}");
    let event = server.ask("POST", "/v2/models/titanic/generate_stream", &[JSON], Some(body.as_bytes()));
    assert_eq!(event.header("content-type"), Some("text/event-stream"));
    let text = String::from_utf8(event.body).unwrap();
    let data = text.strip_prefix("data: ").and_then(|text| text.strip_suffix("\n\n")).unwrap();
    assert_eq!(serde_json::from_str::<Json>(data).unwrap(), flat);
}

#[test]
fn seldons_header_names_the_model() {
    let server = Running::sample("iris", &[]);
    let body = json!({"inputs": iris_columns()}).to_string();
    for name in ["iris", "iris.pipeline"] {
        let headers = [JSON, ("Seldon-Model", name)];
        let answer = server.ask("POST", "/v2/models/other/infer", &headers, Some(body.as_bytes()));
        assert_eq!((answer.status, &answer.json()["model_name"]), (200, &json!("iris")), "{answer:?}");
    }
    let headers = [JSON, ("Seldon-Model", "other")];
    assert_eq!(server.ask("POST", "/v2/models/iris/infer", &headers, Some(body.as_bytes())).status, 404);
}

#[test]
fn statistics_count_what_was_answered_and_what_was_refused() {
    let server = Running::sample("iris", &[]);
    for _ in 0..3 {
        assert_eq!(infer(&server, "iris", &json!({"inputs": iris_columns()})).status, 200);
    }
    assert_eq!(infer(&server, "iris", &json!({"inputs": []})).status, 400);
    let all = server.get("/v2/models/stats").json();
    let one = server.get("/v2/models/iris/versions/1/stats").json();
    assert_eq!(all["model_stats"], one["model_stats"]);
    let stats = &one["model_stats"][0];
    assert_eq!((&stats["name"], &stats["version"]), (&json!("iris"), &json!("1")));
    assert_eq!(stats["inference_stats"]["success"]["count"], 3);
    assert_eq!(stats["inference_stats"]["fail"]["count"], 1);
    assert_eq!(stats["inference_count"], 6);
    assert_eq!(stats["execution_count"], 3);
    assert!(stats["inference_stats"]["compute_infer"]["ns"].as_u64().unwrap() > 0);
    assert!(stats["last_inference"].as_u64().unwrap() > 1_700_000_000_000);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bodies_are_compressed_both_ways_whatever_the_protocol() {
    let server = Running::sample("echo", &[]);
    let rows: Vec<Json> = (0..500).map(|row| json!([row, 0.5])).collect();
    let table = json!({"dataframe_split": {"columns": ["a", "b"], "data": rows}}).to_string();
    let plain = server.invoke(&table);
    assert_eq!((plain.status, plain.header("content-encoding")), (200, None));

    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(table.as_bytes()).unwrap();
    for (coding, body) in [("gzip", gzip(table.as_bytes())), ("deflate", zlib.finish().unwrap())] {
        let headers = [JSON, ("Content-Encoding", coding), ("Accept-Encoding", coding)];
        let answer = server.ask("POST", "/invocations", &headers, Some(&body));
        assert_eq!((answer.status, answer.header("content-encoding")), (200, Some(coding)), "{coding}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        assert!(answer.body.len() < plain.body.len() / 4);
        let mut text = String::new();
        match coding {
            "gzip" => GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap(),
            _ => ZlibDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap(),
        };
        assert_eq!(text, plain.body, "{coding}");
    }
    // What is small stays as it is.
    let small = json!({"inputs": [1]}).to_string();
    let headers = [JSON, ("Accept-Encoding", "gzip")];
    assert_eq!(
        server.ask("POST", "/invocations", &headers, Some(small.as_bytes())).header("content-encoding"),
        None
    );
}

#[test]
fn a_body_that_unfolds_beyond_its_bound_is_413_and_one_in_an_unknown_coding_415() {
    let server = Running::sample("echo", &["--max-body", "1MiB"]);
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 17);
    for path in ["/invocations", "/v2/models/echo/infer"] {
        let headers = [JSON, ("Content-Encoding", "gzip")];
        assert_eq!(server.ask("POST", path, &headers, Some(&bomb)).status, 413, "{path}");
        let broken = server.ask("POST", path, &headers, Some(&bomb[..1000]));
        assert_eq!(broken.status, 400, "{broken:?}");
        let unknown = server.ask("POST", path, &[JSON, ("Content-Encoding", "br")], Some(b"x"));
        assert_eq!((unknown.status, unknown.header("accept-encoding")), (415, Some("gzip, deflate")));
    }
    // Nothing of all that is held on to.
    assert_eq!(server.invoke(&json!({"inputs": [1]}).to_string()).status, 200);
}

#[test]
fn a_header_that_is_no_text_is_400() {
    let server = Running::sample("iris", &[]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head =
        b"POST /v2/models/iris/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\
                 Inference-Header-Content-Length: \xff\r\n\r\n{}";
    stream.write_all(head).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
}
