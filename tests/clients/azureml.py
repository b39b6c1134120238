"""Azure ML: its own inference server beside mlhost, asked the same; and the payloads of its MLflow deployments.

    run.sh azureml

`azureml-inference-server-http` runs a script that knows nothing: what is compared is what stands around the model.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests
from checks import MODELS, Checks, Server

SCRIPT = """
def init():
    pass

def run(data):
    import json
    body = json.loads(data)
    if body == {}:
        raise ValueError("no input")
    return [1]
"""

HEADERS = ["x-request-id", "x-ms-request-id", "x-ms-client-request-id", "x-ms-run-function-failed", "x-ms-run-fn-exec-ms"]
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Stock:
    """Azure ML's own server."""

    def __enter__(self):
        folder = Path(tempfile.mkdtemp())
        (folder / "score.py").write_text(SCRIPT)
        port = free_port()
        program = Path(sys.executable).parent / "azmlinfsrv"
        self.process = subprocess.Popen(
            [program, "--entry_script", folder / "score.py", "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, "AZUREML_MODEL_DIR": str(folder)},
        )
        self.url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                requests.get(self.url, timeout=1)
                return self
            except requests.RequestException:
                time.sleep(0.1)
                assert self.process.poll() is None, "azmlinfsrv ended"
        raise AssertionError("azmlinfsrv does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def alike(checks, stock, ours):
    """Status, kind of body and headers of each answer, of both servers."""
    long, score = "x" * 101, json.dumps({"input_data": [[51, 35, 14, 2]]})
    json_type = {"content-type": "application/json"}
    for name, method, path, headers, body in [
        ("GET / is Healthy", "GET", "/", {}, None),
        ("a request's name comes back", "GET", "/", {"x-request-id": "r"}, None),
        ("a client's name comes back", "GET", "/", {"x-ms-client-request-id": "c"}, None),
        ("a client's older name comes back as both", "GET", "/", {"x-ms-request-id": "l"}, None),
        ("a long name is 431", "GET", "/", {"x-request-id": long}, None),
        ("a client's long name is 431", "POST", "/score", {"x-ms-client-request-id": long, **json_type}, score),
        ("POST /score is 200", "POST", "/score", json_type, score),
        ("OPTIONS /score is 200", "OPTIONS", "/score", {}, None),
        ("PUT /score is 405", "PUT", "/score", json_type, score),
        ("GET /swagger.json?version=4 is 404", "GET", "/swagger.json?version=4", {}, None),
        ("an unknown path is 404", "GET", "/nope", {}, None),
    ]:
        with checks.check(f"as Azure ML's server: {name}"):
            theirs, mine = (
                requests.request(method, url + path, headers=headers, data=body) for url in (stock.url, ours)
            )
            assert mine.status_code == theirs.status_code, (mine.text, theirs.text)
            if theirs.status_code == 200 and path == "/":
                assert mine.text == theirs.text
            if theirs.status_code >= 400 and path != "/nope":
                assert list(theirs.json()) == ["message"] == list(mine.json()), (mine.text, theirs.text)
            for header in HEADERS if path != "/nope" and method != "PUT" else []:
                given, found = theirs.headers.get(header), mine.headers.get(header)
                assert (found is None) == (given is None) or theirs.status_code == 431, (header, given, found)
                if given in ("r", "c", "l"):
                    assert found == given, (header, given, found)


def payloads(checks, url):
    data = [[51, 35, 14, 2]]
    for name, body in [
        ("a split", {"input_data": {"columns": COLUMNS, "index": [0], "data": data}}),
        ("an array", {"input_data": data}),
        ("columns", {"input_data": {name: [value] for name, value in zip(COLUMNS, data[0])}}),
    ]:
        with checks.check(f"input_data as {name} is answered bare"):
            answer = requests.post(f"{url}/score", json=body)
            assert answer.json()[0]["species"] == "setosa", answer.text
    with checks.check("MLflow's form is answered in its envelope"):
        answer = requests.post(f"{url}/score", json={"dataframe_split": {"columns": COLUMNS, "data": data}})
        assert answer.json()["predictions"][0]["species"] == "setosa", answer.text
    with checks.check("Swagger of both versions"):
        assert requests.get(f"{url}/swagger.json").json()["swagger"] == "2.0"
        assert requests.get(f"{url}/swagger.json?version=3").json()["openapi"].startswith("3.")


def main():
    checks = Checks()
    environment = {"AZUREML_MODEL_DIR": str(MODELS / "iris"), "MLHOST_HOST": "127.0.0.1"}
    with Stock() as stock, Server(environment=environment) as server:
        alike(checks, stock, server.url)
        payloads(checks, server.url)
    checks.report()


main()
