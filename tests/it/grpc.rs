//! The Open Inference Protocol over gRPC, by a client that is nothing but frames and messages: what it is answered, how calls end,
//! and that no call has a way past the limits. Clients of other people's making are in `tests/clients/v2_grpc.py`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::HeaderMap;
use mlhost_proto::health::{HealthCheckRequest, HealthCheckResponse};
use mlhost_proto::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use mlhost_proto::{
    InferTensorContents, Message, ModelConfigRequest, ModelConfigResponse, ModelInferRequest,
    ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse,
    ModelStatisticsRequest, ModelStatisticsResponse, ModelStreamInferResponse, RepositoryIndexRequest,
    RepositoryIndexResponse, RepositoryModelLoadRequest, RepositoryModelLoadResponse, ServerLiveRequest,
    ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest,
    ServerReadyResponse,
};
use serde_json::json;

use crate::multiplexed::{Answer, Multiplexed};
use crate::running::{Running, models};

const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("te", "trailers")];
const INFER: &str = "/inference.GRPCInferenceService/ModelInfer";
const STREAM: &str = "/inference.GRPCInferenceService/ModelStreamInfer";
const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

const INVALID_ARGUMENT: u16 = 3;
const DEADLINE_EXCEEDED: u16 = 4;
const NOT_FOUND: u16 = 5;
const PERMISSION_DENIED: u16 = 7;
const RESOURCE_EXHAUSTED: u16 = 8;
const UNIMPLEMENTED: u16 = 12;
const UNAVAILABLE: u16 = 14;

/// A call's end that is not a good one.
#[derive(Debug)]
struct Status {
    code: u16,
    message: String,
}

fn framed(message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), &message].concat()
}

fn status(headers: &HeaderMap) -> Option<Status> {
    let code = headers.get("grpc-status")?.to_str().unwrap().parse().unwrap();
    let message = headers.get("grpc-message").map_or("", |message| message.to_str().unwrap());
    let message = percent_encoding::percent_decode_str(message).decode_utf8().unwrap().into_owned();
    Some(Status { code, message })
}

fn outcome<A: Message + Default>(answer: &Answer) -> Result<A, Status> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/grpc");
    if let Some(status) = status(&answer.headers) {
        assert!(answer.body.is_empty() && status.code != 0, "{answer:?}");
        return Err(status);
    }
    assert_eq!(status(&answer.trailers).expect("a status in the trailers").code, 0);
    let (head, message) = answer.body.split_at(5);
    assert_eq!(head[0], 0, "compressed");
    assert_eq!(u32::from_be_bytes(head[1..].try_into().unwrap()) as usize, message.len());
    Ok(A::decode(message).unwrap())
}

fn call<A: Message + Default>(
    connection: &Multiplexed,
    path: &str,
    message: &impl Message,
) -> Result<A, Status> {
    outcome(&connection.send("POST", path, GRPC, &framed(message)))
}

fn inference(method: &str) -> String {
    format!("/inference.GRPCInferenceService/{method}")
}

fn iris() -> ModelInferRequest {
    let columns = [
        ("petal_width", [2.5, 22.5]),
        ("sepal_length", [51.0, 67.0]),
        ("sepal_width", [35.0, 30.0]),
        ("petal_length", [14.0, 52.0]),
    ];
    let input = |(name, values): (&str, [f64; 2])| InferInputTensor {
        name: name.to_owned(),
        datatype: "FP64".to_owned(),
        shape: vec![2],
        contents: Some(InferTensorContents { fp64_contents: values.to_vec(), ..Default::default() }),
        ..InferInputTensor::default()
    };
    ModelInferRequest {
        model_name: "iris".to_owned(),
        id: "seven".to_owned(),
        inputs: columns.map(input).to_vec(),
        ..ModelInferRequest::default()
    }
}

/// The same request with its tensors as raw bytes.
fn raw(mut request: ModelInferRequest) -> ModelInferRequest {
    for input in &mut request.inputs {
        let contents = input.contents.take().unwrap();
        let bytes: Vec<u8> = contents.fp64_contents.iter().flat_map(|value| value.to_le_bytes()).collect();
        request.raw_input_contents.push(bytes.into());
    }
    request
}

#[test]
fn the_server_and_its_model_say_what_they_are() {
    let server = Running::sample("iris", &[]);
    let connection = Multiplexed::connect(server.address());
    let live: ServerLiveResponse =
        call(&connection, &inference("ServerLive"), &ServerLiveRequest {}).unwrap();
    let ready: ServerReadyResponse =
        call(&connection, &inference("ServerReady"), &ServerReadyRequest {}).unwrap();
    assert!(live.live && ready.ready);
    let known: ServerMetadataResponse =
        call(&connection, &inference("ServerMetadata"), &ServerMetadataRequest {}).unwrap();
    assert_eq!((known.name.as_str(), known.version.as_str()), ("mlhost", env!("CARGO_PKG_VERSION")));
    for (name, version, expected) in
        [("iris", "", true), ("iris", "1", true), ("iris", "9", false), ("nope", "", false)]
    {
        let asked = ModelReadyRequest { name: name.into(), version: version.into() };
        let answer: ModelReadyResponse = call(&connection, &inference("ModelReady"), &asked).unwrap();
        assert_eq!(answer.ready, expected, "{asked:?}");
    }
    let asked = ModelMetadataRequest { name: "iris".into(), version: String::new() };
    let metadata: ModelMetadataResponse = call(&connection, &inference("ModelMetadata"), &asked).unwrap();
    // As REST has it.
    let rest = server.get("/v2/models/iris").json();
    let tensors = |tensors: &[mlhost_proto::model_metadata_response::TensorMetadata]| {
        let tensor = |tensor: &mlhost_proto::model_metadata_response::TensorMetadata| json!({ "name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape });
        tensors.iter().map(tensor).collect::<Vec<_>>()
    };
    assert_eq!(json!(tensors(&metadata.inputs)), rest["inputs"]);
    assert_eq!(json!(tensors(&metadata.outputs)), rest["outputs"]);
    assert_eq!(json!(metadata.versions), rest["versions"]);
    let asked = ModelConfigRequest { name: "iris".into(), version: String::new() };
    let config: ModelConfigResponse = call(&connection, &inference("ModelConfig"), &asked).unwrap();
    let config = config.config.unwrap();
    assert_eq!((config.name.as_str(), config.max_batch_size, config.input.len()), ("iris", 0, 4));
    assert_eq!(config.input[0].data_type(), mlhost_proto::DataType::TypeFp64);
    let index: RepositoryIndexResponse =
        call(&connection, &inference("RepositoryIndex"), &RepositoryIndexRequest::default()).unwrap();
    assert_eq!((index.models[0].name.as_str(), index.models[0].state.as_str()), ("iris", "READY"));
}

#[test]
fn an_inference_answers_in_the_form_that_it_was_asked_in_and_as_rest_does() {
    let server = Running::sample("iris", &[]);
    let connection = Multiplexed::connect(server.address());
    let answer: ModelInferResponse = call(&connection, INFER, &iris()).unwrap();
    assert_eq!((answer.id.as_str(), answer.model_name.as_str()), ("seven", "iris"));
    assert!(answer.raw_output_contents.is_empty());
    let position = |answer: &ModelInferResponse, name: &str| {
        answer.outputs.iter().position(|output| output.name == name).expect("an output")
    };
    let species = &answer.outputs[position(&answer, "species")];
    assert_eq!((species.datatype.as_str(), species.shape.as_slice()), ("BYTES", &[2][..]));
    assert_eq!(species.contents.as_ref().unwrap().bytes_contents, ["setosa", "virginica"]);
    let setosa = &answer.outputs[position(&answer, "probability_setosa")];

    let request = ModelInferRequest {
        outputs: vec![InferRequestedOutputTensor { name: "probability_setosa".into(), ..Default::default() }],
        ..raw(iris())
    };
    let raw: ModelInferResponse = call(&connection, INFER, &request).unwrap();
    assert_eq!((raw.outputs.len(), raw.outputs[0].contents.as_ref()), (1, None));
    let values = &setosa.contents.as_ref().unwrap().fp64_contents;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(raw.raw_output_contents, [bytes]);

    let column = |input: &InferInputTensor| {
        let data = &input.contents.as_ref().unwrap().fp64_contents;
        json!({ "name": input.name, "datatype": "FP64", "shape": [2], "data": data })
    };
    let body = json!({ "inputs": iris().inputs.iter().map(column).collect::<Vec<_>>() });
    let rest = server.post("/v2/models/iris/infer", Some("application/json"), body.to_string().as_bytes());
    let rest = rest.json();
    let rest = rest["outputs"].as_array().unwrap();
    let rest = rest.iter().find(|output| output["name"] == "probability_setosa").unwrap();
    assert_eq!(rest["data"], json!(values));

    // Both were counted, with REST's.
    let asked = ModelStatisticsRequest { name: "iris".into(), version: "1".into() };
    let counted: ModelStatisticsResponse = call(&connection, &inference("ModelStatistics"), &asked).unwrap();
    let [counted] = counted.model_stats.try_into().unwrap();
    assert_eq!(counted.inference_count, 6, "{counted:?}");
    assert_eq!(counted.inference_stats.unwrap().success.unwrap().count, 3);
}

#[test]
fn a_call_that_cannot_be_answered_ends_with_the_code_for_it_and_says_why() {
    let server = Running::sample("iris", &[]);
    let connection = Multiplexed::connect(server.address());
    let with = |change: fn(&mut ModelInferRequest)| {
        let mut request = iris();
        change(&mut request);
        request
    };
    for (request, code, expected) in [
        (with(|request| request.model_name = "nope".into()), NOT_FOUND, "nope"),
        (with(|request| request.model_version = "9".into()), NOT_FOUND, "version `9`"),
        (with(|request| request.inputs.truncate(3)), INVALID_ARGUMENT, "petal_length"),
        (with(|request| request.inputs[0].datatype = "fp64".into()), INVALID_ARGUMENT, "fp64"),
        (with(|request| request.inputs[0].shape = vec![3]), INVALID_ARGUMENT, "petal_width"),
        (with(|request| request.inputs[0].shape = vec![-1]), INVALID_ARGUMENT, "petal_width"),
        (with(|request| request.raw_input_contents = vec![Bytes::new()]), INVALID_ARGUMENT, "4 inputs"),
    ] {
        let status = call::<ModelInferResponse>(&connection, INFER, &request).unwrap_err();
        assert_eq!(status.code, code, "{status:?}");
        assert!(status.message.contains(expected), "{expected}: {status:?}");
    }
    for (path, expected) in [
        (inference("SystemSharedMemoryStatus"), "no memory to share"),
        (inference("TraceSetting"), "where the server is started"),
        (inference("Nothing"), "no call"),
        ("/nowhere".to_owned(), "no call"),
    ] {
        let status = call::<ServerLiveResponse>(&connection, &path, &ServerLiveRequest {}).unwrap_err();
        assert_eq!(status.code, UNIMPLEMENTED, "{status:?}");
        assert!(status.message.contains(expected), "{status:?}");
    }
    let asked = RepositoryModelLoadRequest { model_name: "iris".into(), ..Default::default() };
    let load = inference("RepositoryModelLoad");
    let status = call::<RepositoryModelLoadResponse>(&connection, &load, &asked).unwrap_err();
    assert_eq!(status.code, PERMISSION_DENIED, "{status:?}");
    let asked = HealthCheckRequest { service: "nope".into() };
    assert_eq!(call::<HealthCheckResponse>(&connection, CHECK, &asked).unwrap_err().code, NOT_FOUND);
}

#[test]
fn frames_that_are_none_end_their_call_and_nothing_else() {
    let server = Running::sample("echo", &[]);
    let connection = Multiplexed::connect(server.address());
    for body in [
        &b""[..],
        b"\0\0\0",
        b"\0\0\0\0\x09x",
        b"\0\0\0\0\0trailing",
        b"\x07\0\0\0\0",
        b"\x01\0\0\0\x01x",
        b"\0\0\0\0\x02\xff\xff",
        b"\0\xff\xff\xff\xff",
    ] {
        for path in [INFER, "/inference.GRPCInferenceService/ModelMetadata"] {
            let answer = connection.send("POST", path, GRPC, body);
            let status = outcome::<ModelInferResponse>(&answer).unwrap_err();
            assert_eq!(status.code, INVALID_ARGUMENT, "{body:?}: {status:?}");
        }
    }
    for (name, value) in [("grpc-encoding", "br"), ("content-type", "application/grpc+json")] {
        let headers: Vec<_> =
            GRPC.iter().copied().filter(|(known, _)| *known != name).chain([(name, value)]).collect();
        let answer = connection.send("POST", INFER, &headers, &framed(&ServerLiveRequest {}));
        assert_eq!(outcome::<ModelInferResponse>(&answer).unwrap_err().code, UNIMPLEMENTED);
        assert_eq!(answer.headers["grpc-accept-encoding"], "gzip, deflate, identity");
    }
    let headers = [GRPC, &[("grpc-timeout", "soon")]].concat();
    let answer = connection.send("POST", INFER, &headers, &framed(&ServerLiveRequest {}));
    assert_eq!(outcome::<ModelInferResponse>(&answer).unwrap_err().code, INVALID_ARGUMENT);
    assert!(call::<ServerLiveResponse>(&connection, &inference("ServerLive"), &ServerLiveRequest {}).is_ok());
}

#[test]
fn a_message_over_the_bound_is_refused_however_it_comes() {
    let server = Running::sample("iris", &["--max-body", "4KiB"]);
    let connection = Multiplexed::connect(server.address());
    let mut large = iris();
    large.id = "x".repeat(5000);
    let status = call::<ModelInferResponse>(&connection, INFER, &large).unwrap_err();
    assert_eq!(status.code, RESOURCE_EXHAUSTED, "{status:?}");
    // Small on the wire.
    let whole = framed(&large);
    let mut encoder = flate2::read::GzEncoder::new(&whole[5..], flate2::Compression::best());
    let mut small = Vec::new();
    std::io::Read::read_to_end(&mut encoder, &mut small).unwrap();
    assert!(small.len() < 1000);
    let length = u32::try_from(small.len()).unwrap();
    let body = [&[1][..], &length.to_be_bytes(), &small].concat();
    let headers = [GRPC, &[("grpc-encoding", "gzip")]].concat();
    let answer = connection.send("POST", INFER, &headers, &body);
    assert_eq!(outcome::<ModelInferResponse>(&answer).unwrap_err().code, RESOURCE_EXHAUSTED);
    let open = connection.open(STREAM, GRPC);
    open.body.send(framed(&large).into()).unwrap();
    let answer = connection.finish(open);
    assert_eq!(status_of_stream(&answer).code, RESOURCE_EXHAUSTED);
    assert!(call::<ModelInferResponse>(&connection, INFER, &iris()).is_ok());
}

#[test]
fn what_comes_compressed_is_answered_compressed() {
    let server = Running::sample("iris", &[]);
    let connection = Multiplexed::connect(server.address());
    let mut request = iris();
    for input in &mut request.inputs {
        input.shape = vec![1000];
        let values = input.contents.as_mut().unwrap();
        values.fp64_contents = vec![values.fp64_contents[0]; 1000];
    }
    let plain: ModelInferResponse = call(&connection, INFER, &request).unwrap();
    let asked = framed(&request);
    let mut encoder = flate2::read::ZlibEncoder::new(&asked[5..], flate2::Compression::fast());
    let mut small = Vec::new();
    std::io::Read::read_to_end(&mut encoder, &mut small).unwrap();
    let length = u32::try_from(small.len()).unwrap();
    let body = [&[1][..], &length.to_be_bytes(), &small].concat();
    let headers = [GRPC, &[("grpc-encoding", "deflate")]].concat();
    let answer = connection.send("POST", INFER, &headers, &body);
    assert_eq!(answer.headers["grpc-encoding"], "deflate");
    assert_eq!(answer.body[0], 1);
    let mut whole = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&answer.body[5..]), &mut whole).unwrap();
    assert_eq!(ModelInferResponse::decode(whole.as_slice()).unwrap(), plain);
    assert!(answer.body.len() < whole.len() / 2);
}

#[test]
fn a_call_ends_when_its_clients_time_is_up() {
    let spin = models().join("hostile/infinite_loop/component.wasm");
    let server = Running::start(&["--component", spin.to_str().unwrap()]);
    let connection = Multiplexed::connect(server.address());
    let request = ModelInferRequest { model_name: String::new(), ..iris() };
    let headers = [GRPC, &[("grpc-timeout", "300m")]].concat();
    let began = Instant::now();
    let answer = connection.send("POST", INFER, &headers, &framed(&request));
    assert_eq!(outcome::<ModelInferResponse>(&answer).unwrap_err().code, DEADLINE_EXCEEDED);
    // Its own time is a minute.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn a_call_without_room_is_told_so_at_once() {
    let spin = models().join("hostile/infinite_loop/component.wasm");
    let server =
        Running::start(&["--component", spin.to_str().unwrap(), "--max-requests", "1", "--timeout", "3s"]);
    let connection = Multiplexed::connect(server.address());
    let request = ModelInferRequest { model_name: String::new(), ..iris() };
    let answers = connection.many(4, INFER, GRPC, &framed(&request));
    let codes: Vec<_> =
        answers.iter().map(|answer| outcome::<ModelInferResponse>(answer).unwrap_err().code).collect();
    let count = |code| codes.iter().filter(|found| **found == code).count();
    assert!(count(DEADLINE_EXCEEDED) >= 1 && count(UNAVAILABLE) >= 1, "{codes:?}");
    assert_eq!(count(DEADLINE_EXCEEDED) + count(UNAVAILABLE), 4, "{codes:?}");
}

#[test]
fn many_calls_run_at_one_time_over_one_connection() {
    let server = Running::sample("iris", &["--max-requests", "512"]);
    let connection = Multiplexed::connect(server.address());
    for answer in connection.many(400, INFER, GRPC, &framed(&iris())) {
        assert_eq!(outcome::<ModelInferResponse>(&answer).unwrap().id, "seven");
    }
}

/// The messages of a stream's body.
fn messages(mut body: &[u8]) -> Vec<ModelStreamInferResponse> {
    let mut messages = Vec::new();
    while let Some((head, rest)) = body.split_first_chunk::<5>() {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let (message, rest) = rest.split_at(length);
        messages.push(ModelStreamInferResponse::decode(message).unwrap());
        body = rest;
    }
    assert!(body.is_empty());
    messages
}

fn status_of_stream(answer: &Answer) -> Status {
    status(&answer.trailers).or_else(|| status(&answer.headers)).expect("a status")
}

#[test]
fn a_stream_answers_each_request_in_order_and_goes_on_after_one_that_fails() {
    let server = Running::sample("iris", &[]);
    let connection = Multiplexed::connect(server.address());
    let open = connection.open(STREAM, GRPC);
    let mut sent = Vec::new();
    for number in 0..20 {
        let mut request = if number % 2 == 0 { iris() } else { raw(iris()) };
        request.id = number.to_string();
        if number == 7 {
            request.inputs.truncate(1);
            request.raw_input_contents.truncate(1);
        }
        sent.extend(framed(&request));
    }
    // Cut anywhere, as the network does.
    for piece in sent.chunks(777) {
        open.body.send(Bytes::copy_from_slice(piece)).unwrap();
    }
    let answer = connection.finish(open);
    assert_eq!(status_of_stream(&answer).code, 0);
    let messages = messages(&answer.body);
    assert_eq!(messages.len(), 20);
    for (number, message) in messages.into_iter().enumerate() {
        let infer = message.infer_response.unwrap();
        assert_eq!(infer.id, number.to_string());
        assert_eq!(message.error_message.contains("sepal_length"), number == 7, "{}", message.error_message);
        assert_eq!(infer.outputs.is_empty(), number == 7);
    }
    let asked = ModelStatisticsRequest::default();
    let counted: ModelStatisticsResponse = call(&connection, &inference("ModelStatistics"), &asked).unwrap();
    let counted = counted.model_stats[0].inference_stats.unwrap();
    assert_eq!((counted.success.unwrap().count, counted.fail.unwrap().count), (19, 1));

    let open = connection.open(STREAM, GRPC);
    open.body.send(Bytes::from_static(b"\0\0\0\0\x05cut")).unwrap();
    assert_eq!(status_of_stream(&connection.finish(open)).code, INVALID_ARGUMENT);
}

#[test]
fn a_stream_is_answered_while_it_is_open_and_ends_with_the_server() {
    let mut server = Running::sample("iris", &[]);
    let connection = Multiplexed::connect(server.address());
    let mut watch = connection.open(WATCH, GRPC);
    watch.body.send(framed(&HealthCheckRequest::default()).into()).unwrap();
    watch.end();
    let mut watched = connection.begin(&mut watch);
    assert_eq!(connection.frame(&mut watched).unwrap().into_data().unwrap(), &b"\0\0\0\0\x02\x08\x01"[..]);
    let mut open = connection.open(STREAM, GRPC);
    open.body.send(framed(&iris()).into()).unwrap();
    let mut response = connection.begin(&mut open);
    let first = connection.frame(&mut response).unwrap().into_data().unwrap();
    assert_eq!(messages(&first)[0].error_message, "");
    open.body.send(framed(&raw(iris())).into()).unwrap();
    let second = connection.frame(&mut response).unwrap().into_data().unwrap();
    assert_eq!(messages(&second)[0].infer_response.as_ref().unwrap().id, "seven");

    let began = Instant::now();
    server.signal(libc::SIGTERM);
    let trailers = connection.frame(&mut response).unwrap().into_trailers().unwrap();
    assert_eq!(status(&trailers).unwrap().code, UNAVAILABLE);
    // Not serving any more, and then the end.
    assert_eq!(connection.frame(&mut watched).unwrap().into_data().unwrap(), &b"\0\0\0\0\x02\x08\x02"[..]);
    assert!(connection.frame(&mut watched).unwrap().is_trailers());
    drop((open, response, watched));
    connection.ended();
    assert!(server.wait().success());
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}

#[test]
fn a_call_under_way_is_answered_after_the_signal() {
    let mut server = Running::sample("iris", &[]);
    let connection = Multiplexed::connect(server.address());
    let open = connection.open(INFER, GRPC);
    let body = framed(&iris());
    open.body.send(Bytes::copy_from_slice(&body[..20])).unwrap();
    connection.settle();
    server.signal(libc::SIGTERM);
    server.logged("stopping");
    open.body.send(Bytes::copy_from_slice(&body[20..])).unwrap();
    let answer = connection.finish(open);
    assert_eq!(outcome::<ModelInferResponse>(&answer).unwrap().id, "seven");
    connection.ended();
    assert!(server.wait().success());
}

#[test]
fn grpc_on_a_port_of_its_own_is_the_same_service() {
    let server = Running::sample("iris", &["--grpc-port", "0"]);
    let address = server.ready["grpc_address"].as_str().unwrap();
    assert_ne!(address, server.address());
    let check = |address: &str| {
        let connection = Multiplexed::connect(address);
        let health: HealthCheckResponse = call(&connection, CHECK, &HealthCheckRequest::default()).unwrap();
        let answer: ModelInferResponse = call(&connection, INFER, &iris()).unwrap();
        assert_eq!((health.status, answer.id.as_str()), (1, "seven"));
        assert_eq!(connection.get("/ping").status, 200);
    };
    check(address);
    check(server.address());
}
