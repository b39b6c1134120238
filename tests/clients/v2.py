"""V2 over REST: tritonclient's http and http.aio, and kserve's InferenceRESTClient.

    run.sh v2
"""

import asyncio
import logging

logging.disable(logging.WARNING)

import kserve  # noqa: E402
import numpy as np  # noqa: E402
import tritonclient.http as triton  # noqa: E402
import tritonclient.http.aio as triton_aio  # noqa: E402
from checks import MODELS, Checks, Server, raises  # noqa: E402
from kserve.inference_client import InferenceRESTClient, RESTConfig  # noqa: E402
from kserve.protocol.infer_type import RequestedOutput  # noqa: E402
from oip import OIP, ROWS, TYPES, controlled, repository  # noqa: E402
from tritonclient.utils import InferenceServerException  # noqa: E402


def tensor(name, datatype, values, binary=True, module=triton):
    one = module.InferInput(name, list(values.shape), datatype)
    one.set_data_from_numpy(values, binary_data=binary)
    return one


def texts(values):
    return [value.decode() if isinstance(value, bytes) else value for value in values.ravel().tolist()]


def metadata(checks, client):
    with checks.check("tritonclient: server and model, live and ready"):
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("iris") and client.is_model_ready("iris", "1")
        assert not client.is_model_ready("nope") and not client.is_model_ready("iris", "9")
    with checks.check("tritonclient: server metadata"):
        server = client.get_server_metadata()
        assert server["name"] == "mlhost" and "binary_tensor_data" in server["extensions"], server
    with checks.check("tritonclient: model metadata"):
        model = client.get_model_metadata("iris")
        assert model["versions"] == ["1"], model
        assert model["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}], model
    with checks.check("tritonclient: model configuration"):
        config = client.get_model_config("iris")
        assert config["input"][0]["data_type"] == "TYPE_FP32" and config["max_batch_size"] == 0, config
    with checks.check("tritonclient: repository index"):
        assert client.get_model_repository_index() == [{"name": "iris", "version": "1", "state": "READY"}]
    with checks.check("tritonclient: loading and unloading are refused where the operator does not allow them"):
        raises(InferenceServerException, lambda: client.load_model("iris"), "does not let clients")
        raises(InferenceServerException, lambda: client.unload_model("iris"), "does not let clients")


def inference(checks, client):
    for binary in (True, False):
        with checks.check(f"tritonclient: tensors in and out, binary {binary}"):
            wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "label")]
            answer = client.infer("iris", [tensor("X", "FP32", ROWS, binary)], outputs=wanted, request_id="seven")
            assert answer.get_response()["id"] == "seven"
            assert answer.as_numpy("label").tolist() == [[0], [2]]
            probabilities = answer.as_numpy("probabilities")
            assert probabilities.dtype == np.float32 and np.allclose(probabilities.sum(axis=1), 1)
    with checks.check("tritonclient: all outputs are binary without a list of them"):
        answer = client.infer("iris", [tensor("X", "FP32", ROWS)])
        assert all("binary_data_size" in it["parameters"] for it in answer.get_response()["outputs"])
    with checks.check("tritonclient: classification"):
        wanted = [triton.InferRequestedOutput("probabilities", class_count=2)]
        classes = client.infer("iris", [tensor("X", "FP32", ROWS)], outputs=wanted).as_numpy("probabilities")
        assert classes.shape == (2, 2) and texts(classes)[0].endswith(":0"), classes
    for coding in ("gzip", "deflate"):
        with checks.check(f"tritonclient: {coding} both ways"):
            rows = np.repeat(ROWS, 200, axis=0)
            answer = client.infer(
                "iris",
                [tensor("X", "FP32", rows)],
                request_compression_algorithm=coding,
                response_compression_algorithm=coding,
            )
            assert answer.as_numpy("label").shape == (400, 1)
    with checks.check("tritonclient: asynchronous requests in a pool"):
        handles = [client.async_infer("iris", [tensor("X", "FP32", ROWS)]) for _ in range(8)]
        assert all(handle.get_result().as_numpy("label").tolist() == [[0], [2]] for handle in handles)
    with checks.check("tritonclient: errors have the server's message"):
        raises(InferenceServerException, lambda: client.infer("nope", [tensor("X", "FP32", ROWS)]), "nope")
        raises(InferenceServerException, lambda: client.infer("iris", [tensor("Y", "FP32", ROWS)]), "`Y`")
        double = tensor("X", "FP64", ROWS.astype(np.float64))
        raises(InferenceServerException, lambda: client.infer("iris", [double]), "FP64")
        sequence = lambda: client.infer("iris", [tensor("X", "FP32", ROWS)], sequence_id=7, sequence_start=True)
        raises(InferenceServerException, sequence, "sequence")
    with checks.check("tritonclient: shared memory is refused, not ignored"):
        shared = triton.InferInput("X", [2, 4], "FP32")
        shared.set_shared_memory("region", 32)
        raises(InferenceServerException, lambda: client.infer("iris", [shared]), "shared memory")
        raises(InferenceServerException, lambda: client.register_system_shared_memory("r", "/r", 32))


def statistics(checks, client):
    with checks.check("tritonclient: statistics count what was answered"):
        before = client.get_inference_statistics("iris")["model_stats"][0]
        client.infer("iris", [tensor("X", "FP32", ROWS)])
        after = client.get_inference_statistics()["model_stats"][0]
        count = lambda stats: stats["inference_stats"]["success"]["count"]
        assert count(after) == count(before) + 1, (before, after)
        assert after["inference_count"] == before["inference_count"] + 2, (before, after)


def datatypes(checks):
    for name, (datatype, values) in TYPES.items():
        with Server("--model", f"types={OIP}/types/{name}.onnx") as server:
            client = triton.InferenceServerClient(server.address)
            # The client itself spells no FP16 as JSON.
            for binary in (True,) if name == "fp16" else (True, False):
                with checks.check(f"tritonclient: {datatype} comes back as it was, binary {binary}"):
                    wanted = [triton.InferRequestedOutput(f"o_{name}", binary_data=binary)]
                    found = client.infer("types", [tensor(f"i_{name}", datatype, values, binary)], outputs=wanted)
                    found = found.as_numpy(f"o_{name}")
                    if datatype == "BYTES":
                        assert texts(found) == texts(values), found
                    else:
                        assert found.dtype == values.dtype and np.array_equal(found, values), (found, values)
            client.close()


def tables(checks):
    # That model takes millimetres.
    rows = ROWS.astype(np.float64) * 10
    columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    with Server("-m", MODELS / "iris") as server:
        client = triton.InferenceServerClient(server.address)
        with checks.check("tritonclient: a table model, one input a column"):
            inputs = [tensor(name, "FP64", rows[:, at]) for at, name in enumerate(columns)]
            answer = client.infer("iris", inputs)
            assert texts(answer.as_numpy("species")) == ["setosa", "virginica"]
            assert answer.as_numpy("probability_setosa").dtype == np.float64
        with checks.check("tritonclient: a table model, one tensor of all columns"):
            answer = client.infer("iris", [tensor("x", "FP64", rows, binary=False)])
            assert texts(answer.as_numpy("species")) == ["setosa", "virginica"]
        client.close()
    with Server("-m", MODELS / "magika") as server:
        client = triton.InferenceServerClient(server.address)
        with checks.check("tritonclient: a binary column takes any bytes"):
            content = np.array([b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))], dtype=np.object_)
            answer = client.infer("magika", [tensor("content", "BYTES", content)])
            assert answer.as_numpy("label").shape == (1,), answer.get_response()
        client.close()


async def asynchronous(checks, server):
    async with triton_aio.InferenceServerClient(server.address) as client:
        with checks.check("tritonclient.aio: health, metadata, statistics"):
            assert await client.is_server_live() and await client.is_server_ready()
            assert await client.is_model_ready("iris")
            assert (await client.get_model_metadata("iris"))["name"] == "iris"
            assert (await client.get_inference_statistics("iris"))["model_stats"][0]["name"] == "iris"
        for binary in (True, False):
            with checks.check(f"tritonclient.aio: twenty requests at one time, binary {binary}"):
                one = lambda: client.infer(
                    "iris", [tensor("X", "FP32", ROWS, binary, triton_aio)], request_compression_algorithm="gzip"
                )
                answers = await asyncio.gather(*(one() for _ in range(20)))
                assert all(answer.as_numpy("label").tolist() == [[0], [2]] for answer in answers)
        with checks.check("tritonclient.aio: errors have the server's message"):
            try:
                await client.infer("nope", [tensor("X", "FP32", ROWS, True, triton_aio)])
            except InferenceServerException as error:
                assert "nope" in str(error), error
            else:
                raise AssertionError("no error")


async def of_kserve(checks, server):
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    with checks.check("kserve: server and model, live and ready"):
        assert await client.is_server_live(server.url) is True
        assert await client.is_server_ready(server.url) is True
        assert await client.is_model_ready(server.url, "iris") is True
        assert await client.is_model_ready(server.url, "nope") is False
    for binary in (True, False):
        with checks.check(f"kserve: InferRequest and InferResponse, binary {binary}"):
            one = kserve.InferInput("X", list(ROWS.shape), "FP32")
            one.set_data_from_numpy(ROWS, binary_data=binary)
            wanted = [RequestedOutput("label", {"binary_data": binary})]
            request = kserve.InferRequest(model_name="iris", request_id="seven", infer_inputs=[one], request_outputs=wanted)
            answer = await client.infer(server.url, request, model_name="iris")
            assert answer.id == "seven" and answer.model_name == "iris", answer.to_dict()
            assert answer.outputs[0].as_numpy().tolist() == [[0], [2]]
    with checks.check("kserve: a dict is sent as it is"):
        body = {"inputs": [{"name": "X", "datatype": "FP32", "shape": [2, 4], "data": ROWS.tolist()}], "id": "1"}
        answer = await client.infer(server.url, body, model_name="iris")
        assert [output.name for output in answer.outputs] == ["label", "probabilities"]
    with checks.check("kserve: errors have the server's message"):
        try:
            await client.infer(server.url, {"inputs": []}, model_name="iris")
        except Exception as error:
            assert "needs input `X`" in str(error) and "400" in str(error), error
        else:
            raise AssertionError("no error")
    await client.close()


def main():
    checks = Checks()
    with Server("--model", f"iris={OIP}/iris.onnx") as server:
        client = triton.InferenceServerClient(server.address, concurrency=8)
        metadata(checks, client)
        inference(checks, client)
        statistics(checks, client)
        client.close()
        asyncio.run(asynchronous(checks, server))
        asyncio.run(of_kserve(checks, server))
    datatypes(checks)
    tables(checks)
    with repository() as server:
        client = triton.InferenceServerClient(server.address)
        controlled(checks, client, InferenceServerException)
        client.close()
    checks.report()


if __name__ == "__main__":
    main()
