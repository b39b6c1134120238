"""Seldon Core 1: the SDK's own SeldonClient against a microservice, with each of its payloads.

    run.sh seldon
"""

import logging

logging.disable(logging.WARNING)

import numpy as np  # noqa: E402
from checks import MODELS, Checks, Server  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from seldon_core.seldon_client import SeldonClient  # noqa: E402

ROW = np.array([[51.0, 35.0, 14.0, 2.0]])
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def plain(answer):
    """An answer's message, which the client has as one of protobuf's."""
    response = answer.response
    return response if isinstance(response, dict) else json_format.MessageToDict(response)


def main():
    checks = Checks()
    with Server("-m", MODELS / "iris", "--platform", "seldon") as server:
        client = SeldonClient(microservice_endpoint=server.address.replace("0.0.0.0", "127.0.0.1"))

        def predict(**more):
            answer = client.microservice(method="predict", transport="rest", **more)
            assert answer.success, answer.msg
            return plain(answer)

        for payload in ["ndarray", "tensor"]:
            with checks.check(f"predict: {payload} with names"):
                answer = predict(data=ROW, names=NAMES, payload_type=payload)
                assert answer["data"]["ndarray"][0][0] == "setosa", answer
                assert answer["data"]["names"][0] == "species", answer
        with checks.check("predict: ndarray without names"):
            assert predict(data=ROW, payload_type="ndarray")["data"]["ndarray"][0][0] == "setosa"
        with checks.check("predict: jsonData"):
            answer = predict(json_data={"instances": ROW.tolist()})
            assert answer["jsonData"][0]["species"] == "setosa", answer
        with checks.check("feedback is taken"):
            answer = client.microservice_feedback(
                prediction_request=None, prediction_response=None, reward=1.0, transport="rest"
            )
            assert answer.success, answer.msg
        with checks.check("what is wrong is no success"):
            answer = client.microservice(
                method="predict", transport="rest", data=np.array([[1.0]]), payload_type="ndarray"
            )
            assert not answer.success and "missing inputs" in str(answer.response), answer
    with Server("-m", MODELS / "echo", "--platform", "seldon") as server:
        client = SeldonClient(microservice_endpoint=server.address.replace("0.0.0.0", "127.0.0.1"))
        with checks.check("predict: binData comes back as binData"):
            answer = client.microservice(method="predict", transport="rest", bin_data=b"\x00\xff")
            assert answer.success and plain(answer)["binData"] == "AP8=", answer
        with checks.check("predict: a tensor of numbers comes back as one"):
            answer = client.microservice(
                method="predict", transport="rest", data=np.arange(4.0).reshape(2, 2), payload_type="tensor"
            )
            assert plain(answer)["data"]["tensor"]["shape"] == [2, 2], answer
    checks.report()


main()
