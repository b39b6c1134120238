"""KServe V1: kserve's own InferenceRESTClient with protocol v1.

    run.sh kserve_v1
"""

import asyncio
import logging

logging.disable(logging.WARNING)

import httpx  # noqa: E402
from checks import MODELS, Checks, Server  # noqa: E402
from kserve.inference_client import InferenceRESTClient, RESTConfig  # noqa: E402

ROW = {"sepal_length": 51, "sepal_width": 35, "petal_length": 14, "petal_width": 2}


async def main():
    checks = Checks()
    client = InferenceRESTClient(RESTConfig(protocol="v1", retries=0))
    with Server("-m", MODELS / "iris", "--model-name", "flowers") as server:
        with checks.check("is_server_live"):
            # The client asks V1 servers for `/`, which only KServe's own has: `GET /v1/models` is what says so here.
            answer = httpx.get(f"{server.url}/v1/models")
            assert answer.json() == {"models": ["flowers"]}, answer.text
        with checks.check("is_model_ready"):
            assert await client.is_model_ready(server.url, "flowers")
        with checks.check("is_model_ready of an unknown model is 404"):
            try:
                await client.is_model_ready(server.url, "nope")
            except httpx.HTTPStatusError as error:
                assert error.response.status_code == 404, error
            else:
                raise AssertionError("it is ready")
        for name, instances in [("records", [ROW, ROW]), ("rows by position", [list(ROW.values())] * 2)]:
            with checks.check(f"infer: {name}"):
                answer = await client.infer(server.url, {"instances": instances}, model_name="flowers")
                assert [row["species"] for row in answer["predictions"]] == ["setosa"] * 2, answer
        with checks.check("infer: an unknown model is 404"):
            await refused(client, server, {"instances": [ROW]}, "nope", 404)
        with checks.check("infer: what is wrong is 400"):
            await refused(client, server, {"instances": [{"sepal_length": 1}]}, "flowers", 400)
        with checks.check("explain is 404"):
            try:
                await client.explain(server.url, "flowers", {"instances": [ROW]})
            except httpx.HTTPStatusError as error:
                assert error.response.status_code == 404, error
            else:
                raise AssertionError("it explained")
    with Server("-m", MODELS / "digits") as server, checks.check("infer: two outputs are an object a row"):
        answer = await client.infer(server.url, {"instances": [[0] * 64] * 3}, model_name="digits")
        assert [sorted(row) for row in answer["predictions"]] == [["digit", "probability"]] * 3, answer
    await client.close()
    checks.report()


async def refused(client, server, body, name, status):
    try:
        await client.infer(server.url, body, model_name=name)
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == status, error
        assert "error" in error.response.json(), error.response.text
    else:
        raise AssertionError("it was answered")


asyncio.run(main())
