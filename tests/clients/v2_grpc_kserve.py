"""V2 over gRPC: kserve's InferenceGRPCClient.

    run.sh v2_grpc_kserve
"""

import asyncio
import logging

# kserve logs what it raises.
logging.disable(logging.CRITICAL)

import grpc  # noqa: E402
import kserve  # noqa: E402
import numpy as np  # noqa: E402
from checks import FIXTURES, Checks, Server  # noqa: E402
from kserve.inference_client import InferenceGRPCClient  # noqa: E402

OIP = FIXTURES / "oip"
ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], dtype=np.float32)
LABELS = [[0], [2]]


async def of_kserve(checks, address):
    client = InferenceGRPCClient(address, channel_args=[("grpc.enable_http_proxy", 0)])
    with checks.check("kserve: server and model, live and ready"):
        assert await client.is_server_live() is True and await client.is_server_ready() is True
        assert await client.is_model_ready("iris") is True and await client.is_model_ready("nope") is False
    for raw in (True, False):
        with checks.check(f"kserve: InferRequest and InferResponse, raw {raw}"):
            one = kserve.InferInput("X", list(ROWS.shape), "FP32")
            one.set_data_from_numpy(ROWS, binary_data=raw)
            request = kserve.InferRequest(model_name="iris", request_id="seven", infer_inputs=[one])
            answer = await client.infer(request)
            assert answer.id == "seven" and answer.model_name == "iris", answer
            outputs = {output.name: output.as_numpy().tolist() for output in answer.outputs}
            assert outputs["label"] == LABELS, outputs
    with checks.check("kserve: errors have a code and the server's message"):
        try:
            await client.infer(kserve.InferRequest(model_name="iris", infer_inputs=[]))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "`X`" in error.details(), error
        else:
            raise AssertionError("no error")
    await client.close()


def main():
    checks = Checks()
    with Server("--model", f"iris={OIP}/iris.onnx") as server:
        asyncio.run(of_kserve(checks, server.address))
    checks.report()


if __name__ == "__main__":
    main()
