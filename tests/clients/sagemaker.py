"""SageMaker: boto3's sagemaker-runtime, through what SageMaker's front end does with a request.

    run.sh sagemaker

boto3 asks `/endpoints/NAME/invocations`; SageMaker's front end checks the signature, passes the body on to the container's
`/invocations`, and on a multi-model endpoint loads the model first and passes it on to `/models/NAME/invoke`. `FrontEnd` below is that
and nothing more.
"""

import http.client
import io
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import numpy as np
from botocore.config import Config
from botocore.exceptions import ClientError
from checks import MODELS, Checks, Server, raises

PASSED = ["content-type", "accept", "x-amzn-sagemaker-custom-attributes", "x-amzn-sagemaker-inference-id"]
CSV = b"51,35,14,2\n63,33,60,25\n"


class FrontEnd(BaseHTTPRequestHandler):
    """SageMaker's front end, for the container at `self.server.container`; of models at `self.server.models` if it has several."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        assert re.fullmatch(r"/endpoints/[^/]+/invocations", self.path), self.path
        assert self.headers["authorization"].startswith("AWS4-HMAC-SHA256"), self.headers
        target, path = self.headers.get("x-amzn-sagemaker-target-model"), "/invocations"
        if target and self.server.models:
            name = target.removesuffix(".tar.gz")
            wanted = json.dumps({"model_name": name, "url": str(self.server.models / name)})
            status, _, answer = self.ask("POST", "/models", wanted.encode(), {"content-type": "application/json"})
            if status not in (200, 409):
                return self.answer(424 if status >= 500 else 400, {}, answer)
            path = f"/models/{name}/invoke"
        headers = {name: self.headers[name] for name in PASSED if name in self.headers}
        status, headers, answer = self.ask("POST", path, body, headers)
        if status == 200:
            return self.answer(200, headers, answer)
        # What a container says is inside a ModelError.
        said = {"Message": answer.decode(), "OriginalStatusCode": status, "OriginalMessage": answer.decode()}
        return self.answer(424, {"x-amzn-errortype": "ModelError"}, json.dumps(said).encode())

    def ask(self, method, path, body, headers):
        connection = http.client.HTTPConnection(self.server.container)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "date"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def front_end(server, models=None):
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), FrontEnd)
    proxy.container, proxy.models = server.address.replace("0.0.0.0", "127.0.0.1"), models
    # boto3 drops its connections; what else goes wrong here, the check that asked is told.
    proxy.handle_error = lambda *_: None
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    return boto3.client(
        "sagemaker-runtime",
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{proxy.server_port}",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=Config(retries={"max_attempts": 0}),
    )


def one_model(checks):
    with Server("-m", MODELS / "iris", "--platform", "sagemaker") as server:
        client = front_end(server)

        def invoke(body, content_type, **more):
            return client.invoke_endpoint(EndpointName="e", Body=body, ContentType=content_type, **more)

        with checks.check("invoke_endpoint: CSV without a header, JSON by default"):
            answer = invoke(CSV, "text/csv")
            assert answer["ContentType"] == "application/json", answer
            species = [row["species"] for row in json.load(answer["Body"])["predictions"]]
            assert species == ["setosa", "virginica"], species
        with checks.check("invoke_endpoint: Accept text/csv"):
            answer = invoke(CSV, "text/csv", Accept="text/csv")
            lines = answer["Body"].read().decode().splitlines()
            assert [line.split(",")[0] for line in lines] == ["setosa", "virginica"], lines
        with checks.check("invoke_endpoint: JSON lines both ways"):
            answer = invoke(b"[51, 35, 14, 2]\n", "application/jsonlines", Accept="application/jsonlines")
            assert json.loads(answer["Body"].read())["species"] == "setosa"
        with checks.check("invoke_endpoint: JSON of instances"):
            answer = invoke(json.dumps({"instances": [[51, 35, 14, 2]]}), "application/json")
            assert json.load(answer["Body"])["predictions"][0]["species"] == "setosa"
        with checks.check("invoke_endpoint: CustomAttributes come back"):
            answer = invoke(CSV, "text/csv", CustomAttributes="trace=7")
            assert answer["CustomAttributes"] == "trace=7", answer
        with checks.check("invoke_endpoint: what is wrong is a ModelError with the status"):
            error = raises(ClientError, lambda: invoke(b"1,2\n", "text/csv"))
            assert error.response["OriginalStatusCode"] == 400, error.response
            assert "4 columns" in error.response["OriginalMessage"], error.response


def arrays(checks):
    with Server("-m", MODELS / "digits", "--platform", "sagemaker") as server:
        client = front_end(server)
        image = np.zeros((2, 64), np.float32)
        buffer = io.BytesIO()
        np.save(buffer, image)
        with checks.check("invoke_endpoint: a NumPy file means what JSON means"):
            npy = client.invoke_endpoint(EndpointName="e", Body=buffer.getvalue(), ContentType="application/x-npy")
            inputs = json.dumps({"inputs": image.tolist()})
            text = client.invoke_endpoint(EndpointName="e", Body=inputs, ContentType="application/json")
            assert npy["Body"].read() == text["Body"].read()
    with Server("-m", MODELS / "echo", "--platform", "sagemaker") as server:
        client = front_end(server)
        with checks.check("invoke_endpoint: a NumPy file comes back as one"):
            for dtype in ["float64", "int64", "float32", "uint8", "bool"]:
                array = np.arange(6).reshape(2, 3).astype(dtype)
                for order in "CF":
                    buffer = io.BytesIO()
                    np.save(buffer, np.asarray(array, order=order))
                    answer = client.invoke_endpoint(
                        EndpointName="e",
                        Body=buffer.getvalue(),
                        ContentType="application/x-npy",
                        Accept="application/x-npy",
                    )
                    found = np.load(io.BytesIO(answer["Body"].read()))
                    assert found.dtype == dtype and (found == array).all(), (dtype, order, found)
        with checks.check("invoke_endpoint: raw bytes pass"):
            answer = client.invoke_endpoint(EndpointName="e", Body=b"\x00\xff", ContentType="image/png")
            assert answer["Body"].read() == b"\x00\xff" and answer["ContentType"] == "image/png"


def several_models(checks):
    environment = {"SAGEMAKER_MULTI_MODEL": "true", "MLHOST_HOST": "127.0.0.1"}
    with Server(environment=environment) as server:
        client = front_end(server, MODELS)
        for name in ["iris.tar.gz", "iris.tar.gz"]:
            with checks.check(f"invoke_endpoint: TargetModel {name}"):
                answer = client.invoke_endpoint(
                    EndpointName="e", Body=CSV, ContentType="text/csv", TargetModel=name
                )
                assert json.load(answer["Body"])["predictions"][0]["species"] == "setosa"
        with checks.check("invoke_endpoint: an unknown TargetModel is refused"):
            raises(
                ClientError,
                lambda: client.invoke_endpoint(
                    EndpointName="e", Body=CSV, ContentType="text/csv", TargetModel="nope.tar.gz"
                ),
            )


def main():
    checks = Checks()
    one_model(checks)
    arrays(checks)
    several_models(checks)
    checks.report()


main()
