"""V2 over gRPC: tritonclient's grpc and grpc.aio, and plain grpcio with its health service. kserve's client is in
`v2_grpc_kserve.py`: both packages bring the same messages, and one process takes them once.

    run.sh v2_grpc
"""

import asyncio
import contextlib
import logging
import os
import queue
import subprocess
import tempfile
import time
from pathlib import Path

logging.disable(logging.WARNING)

import grpc  # noqa: E402
import numpy as np  # noqa: E402
import tritonclient.grpc as triton  # noqa: E402
import tritonclient.grpc.aio as triton_aio  # noqa: E402
from checks import MODELS, Checks, Server, raises  # noqa: E402
from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from tritonclient.grpc import service_pb2, service_pb2_grpc  # noqa: E402
from oip import OIP, ROWS, TYPES, controlled, repository  # noqa: E402
from tritonclient.utils import InferenceServerException  # noqa: E402

LABELS = [[0], [2]]


def tensor(name, datatype, values, module=triton):
    one = module.InferInput(name, list(values.shape), datatype)
    one.set_data_from_numpy(values)
    return one


def iris(module=triton):
    return [tensor("X", "FP32", ROWS, module)]


def metadata(checks, client):
    with checks.check("tritonclient: server and model, live and ready"):
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("iris") and client.is_model_ready("iris", "1")
        assert not client.is_model_ready("nope") and not client.is_model_ready("iris", "9")
    with checks.check("tritonclient: server metadata"):
        server = client.get_server_metadata()
        assert server.name == "mlhost" and "binary_tensor_data" in server.extensions, server
    with checks.check("tritonclient: model metadata"):
        model = client.get_model_metadata("iris")
        assert list(model.versions) == ["1"] and model.platform == "onnxruntime_onnx", model
        [x] = model.inputs
        assert (x.name, x.datatype, list(x.shape)) == ("X", "FP32", [-1, 4]), model
        assert [output.name for output in model.outputs] == ["label", "probabilities"], model
    with checks.check("tritonclient: model configuration"):
        config = client.get_model_config("iris").config
        assert config.name == "iris" and config.max_batch_size == 0 and config.backend == "mlhost", config
        assert client.get_model_config("iris", as_json=True)["config"]["input"][0]["data_type"] == "TYPE_FP32"
    with checks.check("tritonclient: repository index"):
        [entry] = client.get_model_repository_index().models
        assert (entry.name, entry.version, entry.state) == ("iris", "1", "READY"), entry
    with checks.check("tritonclient: clients do not decide what is loaded"):
        raises(InferenceServerException, lambda: client.load_model("iris"), "load and unload")
        raises(InferenceServerException, lambda: client.unload_model("iris"), "load and unload")
    with checks.check("tritonclient: shared memory is said not to be there"):
        raises(InferenceServerException, client.get_system_shared_memory_status, "no memory to share")
        raises(InferenceServerException, client.get_trace_settings, "not served")
        raises(InferenceServerException, client.get_log_settings, "not served")


def inference(checks, client):
    with checks.check("tritonclient: infer"):
        answer = client.infer("iris", iris(), request_id="seven")
        assert answer.as_numpy("label").tolist() == LABELS
        assert answer.as_numpy("probabilities").shape == (2, 3)
        assert answer.get_response().id == "seven" and answer.get_response().model_version == "1"
    with checks.check("tritonclient: requested outputs, version, parameters"):
        wanted = [triton.InferRequestedOutput("label")]
        answer = client.infer("iris", iris(), model_version="1", outputs=wanted, parameters={"mine": 1, "more": "x"})
        assert [output.name for output in answer.get_response().outputs] == ["label"]
    with checks.check("tritonclient: classification"):
        wanted = [triton.InferRequestedOutput("probabilities", class_count=1)]
        classes = client.infer("iris", iris(), outputs=wanted).as_numpy("probabilities")
        assert [value.decode().rsplit(":")[1] for value in classes.ravel()] == ["0", "2"], classes
    for algorithm in ("gzip", "deflate"):
        with checks.check(f"tritonclient: {algorithm}"):
            many = np.tile(ROWS, (500, 1))
            one = [tensor("X", "FP32", many)]
            answer = client.infer("iris", one, compression_algorithm=algorithm)
            assert answer.as_numpy("label").tolist() == LABELS * 500
    with checks.check("tritonclient: async_infer, many at one time"):
        answers = queue.Queue()
        for _ in range(100):
            client.async_infer("iris", iris(), lambda result, error: answers.put((result, error)))
        for _ in range(100):
            result, error = answers.get(timeout=60)
            assert error is None and result.as_numpy("label").tolist() == LABELS, error
    with checks.check("tritonclient: errors have a code and the server's message"):
        for call, code, text in [
            (lambda: client.infer("nope", iris()), "StatusCode.NOT_FOUND", "nope"),
            (lambda: client.infer("iris", iris(), model_version="9"), "StatusCode.NOT_FOUND", "9"),
            (lambda: client.infer("iris", [tensor("Y", "FP32", ROWS)]), "StatusCode.INVALID_ARGUMENT", "X"),
            (lambda: client.infer("iris", [tensor("X", "INT32", ROWS.astype(np.int32))]), "StatusCode.INVALID_ARGUMENT", "FP32"),
            (lambda: client.infer("iris", iris(), sequence_id=5), "StatusCode.INVALID_ARGUMENT", "sequence"),
        ]:
            error = raises(InferenceServerException, call, text)
            assert error.status() == code, error
    with checks.check("tritonclient: a deadline of its own"):
        assert client.infer("iris", iris(), client_timeout=30).as_numpy("label").tolist() == LABELS


def streams(checks, client):
    with checks.check("tritonclient: a stream is answered in order, and goes on after a failure"):
        answers = queue.Queue()
        client.start_stream(lambda result, error: answers.put((result, error)))
        for number in range(20):
            name = "nope" if number == 7 else "iris"
            client.async_stream_infer(name, iris(), request_id=str(number))
        for number in range(20):
            result, error = answers.get(timeout=60)
            if number == 7:
                assert "nope" in str(error), error
            else:
                assert error is None and result.get_response().id == str(number), (number, error)
                assert result.as_numpy("label").tolist() == LABELS
        client.stop_stream()


def statistics(checks, client):
    with checks.check("tritonclient: statistics"):
        before = client.get_inference_statistics("iris").model_stats[0]
        client.infer("iris", iris())
        after = client.get_inference_statistics("iris", "1").model_stats[0]
        assert after.inference_count == before.inference_count + 2, (before, after)
        assert after.inference_stats.success.count == before.inference_stats.success.count + 1
        assert after.inference_stats.compute_infer.ns > before.inference_stats.compute_infer.ns
        assert len(client.get_inference_statistics().model_stats) == 1


async def asynchronous(checks, address):
    async with triton_aio.InferenceServerClient(address) as client:
        with checks.check("tritonclient.aio: many at one time over one connection"):
            one = lambda: client.infer("iris", iris(triton_aio), compression_algorithm="gzip")  # noqa: E731
            answers = await asyncio.gather(*(one() for _ in range(50)))
            assert all(answer.as_numpy("label").tolist() == LABELS for answer in answers)
        with checks.check("tritonclient.aio: metadata, configuration, statistics, index"):
            assert await client.is_server_ready() and await client.is_model_ready("iris")
            assert (await client.get_model_metadata("iris")).name == "iris"
            assert (await client.get_model_config("iris")).config.name == "iris"
            assert (await client.get_inference_statistics("iris")).model_stats[0].name == "iris"
            assert (await client.get_model_repository_index()).models[0].state == "READY"
        with checks.check("tritonclient.aio: a stream"):

            async def requests():
                for number in range(5):
                    yield {"model_name": "iris", "inputs": iris(triton_aio), "request_id": str(number)}

            ids = []
            async for result, error in client.stream_infer(requests()):
                assert error is None, error
                ids.append(result.get_response().id)
            assert ids == ["0", "1", "2", "3", "4"], ids
        with checks.check("tritonclient.aio: errors have the server's message"):
            try:
                await client.infer("nope", iris(triton_aio))
            except InferenceServerException as error:
                assert "nope" in str(error), error
            else:
                raise AssertionError("no error")


def plain(checks, address):
    with grpc.insecure_channel(address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        health = health_pb2_grpc.HealthStub(channel)
        with checks.check("grpcio: health"):
            serving = health_pb2.HealthCheckResponse.SERVING
            assert health.Check(health_pb2.HealthCheckRequest()).status == serving
            service = health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
            assert health.Check(service).status == serving
            watch = health.Watch(health_pb2.HealthCheckRequest())
            assert next(watch).status == serving
            watch.cancel()
            unknown = health_pb2.HealthCheckRequest(service="nope")
            error = raises(grpc.RpcError, lambda: health.Check(unknown))
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
        contents = service_pb2.InferTensorContents(fp32_contents=ROWS.ravel().tolist())
        one = service_pb2.ModelInferRequest.InferInputTensor(name="X", datatype="FP32", shape=[2, 4], contents=contents)
        request = service_pb2.ModelInferRequest(model_name="iris", inputs=[one])
        with checks.check("grpcio: lists are answered as lists"):
            answer = stub.ModelInfer(request)
            assert not answer.raw_output_contents
            assert list(answer.outputs[0].contents.int64_contents) == [0, 2], answer
        with checks.check("grpcio: a message over the bound"):
            contents = service_pb2.InferTensorContents(fp32_contents=[0.5] * (5 << 20))
            one = service_pb2.ModelInferRequest.InferInputTensor(name="X", datatype="FP32", contents=contents)
            large = service_pb2.ModelInferRequest(model_name="iris", inputs=[one])
            error = raises(grpc.RpcError, lambda: stub.ModelInfer(large))
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
            assert stub.ModelInfer(request).model_name == "iris"


def deadlines(checks):
    spin = MODELS / "hostile" / "infinite_loop" / "component.wasm"
    with Server("--component", spin, "--max-requests", "1") as server, grpc.insecure_channel(server.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        contents = service_pb2.InferTensorContents(fp32_contents=[0.5])
        one = service_pb2.ModelInferRequest.InferInputTensor(name="X", datatype="FP32", shape=[1], contents=contents)
        request = service_pb2.ModelInferRequest(inputs=[one])
        with checks.check("grpcio: a deadline ends the call at the server, too: the next one finds room"):
            for _ in range(3):
                error = raises(grpc.RpcError, lambda: stub.ModelInfer(request, timeout=0.5))
                assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
                time.sleep(0.2)


def datatypes(checks):
    for name, (datatype, values) in TYPES.items():
        with checks.check(f"tritonclient: {datatype}"), Server("--model", f"{name}={OIP}/types/{name}.onnx") as server:
            client = triton.InferenceServerClient(server.address)
            [only] = client.get_model_metadata(name).inputs
            assert only.datatype == datatype, only
            [output] = client.get_model_metadata(name).outputs
            answer = client.infer(name, [tensor(only.name, datatype, values)]).as_numpy(output.name)
            found = [value.decode() if isinstance(value, bytes) else value for value in answer.ravel().tolist()]
            assert found == values.ravel().tolist(), (found, values)
            client.close()


def tables(checks):
    with Server("-m", MODELS / "iris") as server, contextlib.closing(triton.InferenceServerClient(server.address)) as client:
        with checks.check("tritonclient: a sandboxed model of tables"):
            columns = {
                "sepal_length": [51.0, 67.0],
                "sepal_width": [35.0, 30.0],
                "petal_length": [14.0, 52.0],
                "petal_width": [2.5, 22.5],
            }
            inputs = [tensor(name, "FP64", np.array(values)) for name, values in columns.items()]
            answer = client.infer("iris", inputs)
            assert [value.decode() for value in answer.as_numpy("species")] == ["setosa", "virginica"]


def stopping(checks):
    with Server("--model", f"iris={OIP}/iris.onnx") as server:
        client = triton.InferenceServerClient(server.address)
        answers = queue.Queue()
        client.start_stream(lambda result, error: answers.put((result, error)))
        client.async_stream_infer("iris", iris())
        with checks.check("tritonclient: a stream that is open does not keep the server from stopping"):
            assert answers.get(timeout=60)[1] is None
            server.process.terminate()
            assert answers.get(timeout=20)[1] is not None
            assert server.process.wait(20) == 0
        client.stop_stream(cancel_requests=True)
        client.close()


def guarded(checks):
    """Over TLS, with keys: what the certificate and the key are for is asked of the same port."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, private, keys = (f"{folder}/{name}" for name in ("tls.crt", "tls.key", "keys.toml"))
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
        subprocess.run([*made, "-keyout", private, "-out", certificate], check=True, capture_output=True)
        entry = subprocess.run([os.environ["MLHOST"], "token", "new", "ci"], check=True, capture_output=True, text=True)
        Path(keys).write_text(entry.stdout)
        token = next(line for line in entry.stderr.splitlines() if line.startswith("mlhost_"))
        flags = ["--tls-cert", certificate, "--tls-key", private, "--auth-file", keys]
        with Server("--model", f"iris={OIP}/iris.onnx", *flags) as server:
            client = triton.InferenceServerClient(server.address, ssl=True, root_certificates=certificate)
            with checks.check("tritonclient: over TLS, with a key"):
                key = {"authorization": f"Bearer {token}"}
                assert client.infer("iris", iris(), headers=key).as_numpy("label").tolist() == LABELS
            with checks.check("tritonclient: over TLS, without a key or with another"):
                for headers in ({}, {"authorization": "Bearer mlhost_0"}):
                    error = raises(InferenceServerException, lambda: client.infer("iris", iris(), headers=headers))
                    assert error.status() == "StatusCode.UNAUTHENTICATED", error
                assert client.is_server_ready(), "health wants no key"
            client.close()
        with Server("--model", f"iris={OIP}/iris.onnx") as server:
            client = triton.InferenceServerClient(server.address, ssl=True, root_certificates=certificate)
            with checks.check("tritonclient: TLS to a server without is an error and harms nobody"):
                raises(InferenceServerException, lambda: client.is_server_live(client_timeout=2))
                assert triton.InferenceServerClient(server.address).is_server_live()
            client.close()


def main():
    checks = Checks()
    with Server("--model", f"iris={OIP}/iris.onnx", "--grpc-port", "0") as server:
        address = server.ready["grpc_address"]
        client = triton.InferenceServerClient(address)
        metadata(checks, client)
        inference(checks, client)
        streams(checks, client)
        statistics(checks, client)
        client.close()
        # On the port of HTTP.
        asyncio.run(asynchronous(checks, server.address))
        plain(checks, server.address)
    deadlines(checks)
    datatypes(checks)
    tables(checks)
    stopping(checks)
    guarded(checks)
    with repository("--grpc-port", "0") as server:
        client = triton.InferenceServerClient(server.ready["grpc_address"])
        controlled(checks, client, InferenceServerException)
        client.close()
    checks.report()


if __name__ == "__main__":
    main()
