"""Vertex AI: google-cloud-aiplatform's own Prediction client, through what Vertex AI's front end does with a request.

    run.sh vertex

The SDK asks `/v1/projects/P/locations/L/endpoints/E:predict`; Vertex AI's front end passes the body on to the container's
AIP_PREDICT_ROUTE and reads its `predictions`. `FrontEnd` below is that and nothing more. `LocalEndpoint` itself wants Docker;
its requests are those of `LocalEndpoint.predict`, sent as it sends them.
"""

import base64
import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from checks import MODELS, Checks, Server, raises
from google.api import httpbody_pb2
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1.services.prediction_service import PredictionServiceClient
from google.cloud.aiplatform_v1.services.prediction_service.transports.rest import PredictionServiceRestTransport
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Value

ENDPOINT = "projects/p/locations/l/endpoints/7"


class FrontEnd(BaseHTTPRequestHandler):
    """Vertex AI's front end, for the container at `self.server.container`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        path = self.path.split("?")[0]
        raw = path.endswith(":rawPredict")
        assert raw or path == f"/v1/{ENDPOINT}:predict", self.path
        content_type = self.headers["content-type"]
        if raw:
            message = json.loads(body)["httpBody"]
            content_type, body = message["contentType"], base64.b64decode(message["data"])
        connection = http.client.HTTPConnection(self.server.container)
        connection.request("POST", self.server.predict, body, {"content-type": content_type})
        answer = connection.getresponse()
        said = answer.read()
        status = answer.status
        if status != 200:
            said = json.dumps({"error": {"code": status, "message": said.decode(), "status": "INVALID_ARGUMENT"}}).encode()
        elif raw:
            encoded = base64.b64encode(said).decode()
            said = json.dumps({"contentType": answer.getheader("content-type"), "data": encoded}).encode()
        else:
            # Its own message has them as a list.
            assert isinstance(json.loads(said)["predictions"], list), said
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


def client_of(server, predict):
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), FrontEnd)
    proxy.container, proxy.predict = server.address.replace("0.0.0.0", "127.0.0.1"), predict
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    transport = PredictionServiceRestTransport(
        host=f"127.0.0.1:{proxy.server_port}", credentials=AnonymousCredentials(), url_scheme="http"
    )
    return PredictionServiceClient(transport=transport)


def value(plain):
    return json_format.ParseDict(plain, Value())


def main():
    checks = Checks()
    environment = {
        "AIP_HTTP_PORT": "8080",
        "AIP_HEALTH_ROUTE": "/health",
        "AIP_PREDICT_ROUTE": "/predict",
        "AIP_STORAGE_URI": str(MODELS / "digits"),
    }
    with Server(environment=environment) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        client = client_of(server, "/predict")
        with checks.check("the platform is found out, and its health route answers 200"):
            assert server.ready["platform"] == "vertex", server.ready
            assert requests.get(f"{url}/health").status_code == 200
        with checks.check("predict: instances and parameters"):
            answer = client.predict(
                endpoint=ENDPOINT, instances=[value([0] * 64)] * 2, parameters=value({"top_k": 2})
            )
            rows = [dict(row) for row in answer.predictions]
            assert len(rows) == 2 and len(rows[0]["digit"]) == 2, rows
        with checks.check("predict: what is wrong is an error with the message"):
            raises(
                GoogleAPICallError,
                lambda: client.predict(endpoint=ENDPOINT, instances=[value([0])]),
                "Shape of input",
            )
        with checks.check("rawPredict: MLflow's body passes"):
            body = json.dumps({"inputs": [[0] * 64]}).encode()
            message = httpbody_pb2.HttpBody(content_type="application/json", data=body)
            answer = client.raw_predict(endpoint=ENDPOINT, http_body=message)
            assert "digit" in json.loads(answer.data)["predictions"][0], answer
        with checks.check("LocalEndpoint.predict's request"):
            headers = {"Content-Type": "application/json"}
            body = json.dumps({"instances": [[0] * 64]})
            answer = requests.post(f"{url}/predict", data=body, headers=headers)
            assert answer.status_code == 200 and len(answer.json()["predictions"]) == 1, answer.text
    with Server("-m", MODELS / "iris", environment={"AIP_MODE": "PREDICTION"}) as server:
        client = client_of(server, "/v1/endpoints/7/deployedModels/9:predict")
        with checks.check("predict: a table, on the default route"):
            row = {"sepal_length": 51, "sepal_width": 35, "petal_length": 14, "petal_width": 2}
            answer = client.predict(endpoint=ENDPOINT, instances=[value(row)])
            assert dict(answer.predictions[0])["species"] == "setosa", answer
    checks.report()


main()
