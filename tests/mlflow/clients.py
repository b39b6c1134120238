"""MLflow's own clients, and MLflow's own commands, against mlhost.

    run.sh clients

One line for each check; the exit code is 1 where one failed. Starts `mlhost serve`, and `mlflow models serve` with the
`uvicorn` of `mlhost mlflow-shim` first on PATH. Run by `run.sh`.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

logging.disable(logging.WARNING)

import models  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import requests  # noqa: E402
import servers  # noqa: E402
from mlflow.deployments import get_deploy_client  # noqa: E402
from mlflow.pyfunc.scoring_server.client import ScoringServerClient  # noqa: E402

PROGRAM = os.environ.get("MLHOST", "target/debug/mlhost")
SIGNATURE = {
    "inputs": [
        {"type": "long", "name": "n", "required": True},
        {"type": "double", "name": "x", "required": True},
        {"type": "string", "name": "s", "required": True},
    ],
    "params": [{"name": "p", "type": "integer", "default": 1, "shape": None}],
}
TENSOR = {"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}], "params": None}
FRAME = pd.DataFrame({"n": [1, 2], "x": [0.5, float("nan")], "s": ["a", "é"]})
VALUES = [["1", "0.5", "'a'"], ["2", "nan", "'é'"]]
MLHOST, UVICORN = "mlhost", "uvicorn"
failures = []


@contextlib.contextmanager
def check(name):
    """One check: whatever it raises is told, and the next one goes on."""
    try:
        yield
        print(f"ok      {name}", flush=True)
    except Exception:
        failures.append(name)
        print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"{found!r} is not {wanted!r}")


def who(server):
    """Which program answers, by its `Server` header."""
    response = requests.get(f"http://127.0.0.1:{server.port}/ping", timeout=30)
    equal(response.status_code, 200)
    return UVICORN if response.headers.get("server") == "uvicorn" else MLHOST


def described(prediction, params="1"):
    equal(prediction["input"]["values"], VALUES)
    equal(prediction["params"], {"p": params})


def scoring_server_client(server):
    client = ScoringServerClient("127.0.0.1", server.port)
    with check("ScoringServerClient.wait_server_ready and ping"):
        client.wait_server_ready(timeout=30, scoring_server_proc=server.process)
        client.ping()
    with check("ScoringServerClient.get_version"):
        wanted = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
        equal(client.get_version(), wanted)
    with check("ScoringServerClient.invoke with a DataFrame"):
        described(client.invoke(FRAME).get_predictions("ndarray").item())
    with check("ScoringServerClient.invoke with params"):
        described(client.invoke(FRAME, params={"p": 7})["predictions"], "7")
    with check("ScoringServerClient.invoke tells what a server refuses"):
        try:
            client.invoke(FRAME.drop(columns="x"))
        except Exception as error:
            equal("error code 400" in str(error) and "Model is missing inputs ['x']" in str(error), True)
        else:
            raise AssertionError("a missing column was not refused")


def arrays(server):
    """Not as a dict of arrays: this version of MLflow's client fails on one before it asks anyone."""
    with check("ScoringServerClient.invoke with an array"):
        array = np.array([[1, 2], [3, 4]], dtype=np.float32)
        found = ScoringServerClient("127.0.0.1", server.port).invoke(array)["predictions"]["input"]
        equal(found, {"kind": "ndarray", "dtype": "float32", "shape": [2, 2], "values": "[[1.0, 2.0], [3.0, 4.0]]"})


def plain_requests(server):
    url = f"http://127.0.0.1:{server.port}/invocations"
    bodies = {
        "dataframe_split": json.loads(FRAME.to_json(orient="split")),
        "dataframe_records": json.loads(FRAME.to_json(orient="records")),
        "inputs": {name: json.loads(FRAME[name].to_json(orient="values")) for name in FRAME},
        "instances": json.loads(FRAME.to_json(orient="records")),
    }
    for form, body in bodies.items():
        with check(f"requests.post with {form}"):
            answer = requests.post(url, json={form: body}, timeout=30)
            equal(answer.status_code, 200)
            described(answer.json()["predictions"])
    with check("requests.post with CSV"):
        headers = {"Content-Type": "text/csv"}
        answer = requests.post(url, data=FRAME.to_csv(index=False).encode(), headers=headers, timeout=30)
        equal(answer.status_code, 200)
        described(answer.json()["predictions"])


def deployments(server):
    """`http:` is the target of MLflow's AI gateway, whose routes no scoring server has: MLflow's has them neither."""
    with check("get_deploy_client('http://…').predict asks for a gateway's endpoint and is told 404"):
        client = get_deploy_client(f"http://127.0.0.1:{server.port}")
        try:
            client.predict(endpoint="model", inputs={"dataframe_split": json.loads(FRAME.to_json(orient="split"))})
        except Exception as error:
            equal("404" in str(error), True)
        else:
            raise AssertionError("there is no such route")


def unservable(folder):
    """A model that only Python can run."""
    models.write(folder.parent / "template", folder, SIGNATURE)
    (folder / "component.wasm").unlink()
    path = folder / "MLmodel"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "mlhost" not in line and "component" not in line))
    return folder


def ended(pid, seconds=15):
    """Whether a process that may be nobody's child ends in time; a zombie has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def listener(parent):
    """The only child of `mlflow models serve`, which every step between replaces: bash, the shim, mlhost."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    equal(len(children), 1)
    return int(children[0])


def models_serve(folder, model):
    shims = folder / "shims with a space"
    with check("mlhost mlflow-shim DIR writes a uvicorn and says where"):
        said = subprocess.run([PROGRAM, "mlflow-shim", str(shims)], capture_output=True, text=True, check=True).stdout
        equal(Path(said.strip()), shims / "uvicorn")
    python = Path(sys.executable).parent
    path = f"{shims}:{python}:{os.environ['PATH']}"
    log = folder / "serve.log"
    with check("mlflow models serve serves through mlhost"):
        with servers.models_serve(model, log, PATH=path) as server:
            equal(who(server), MLHOST)
            described(ScoringServerClient("127.0.0.1", server.port).invoke(FRAME)["predictions"])
    with check("mlflow models serve -w 2 -t 5 -h 127.0.0.1 serves through mlhost"):
        with servers.models_serve(model, log, "-w", "2", "-t", "5", "-h", "127.0.0.1", PATH=path) as server:
            equal(who(server), MLHOST)
    with check("what mlflow models serve started ends when mlflow is killed (PR_SET_PDEATHSIG)"):
        with servers.models_serve(model, log, PATH=path) as server:
            child = listener(server.process.pid)
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(30)
            equal(ended(child), True)
    with check("what mlflow models serve started ends at SIGTERM, and mlflow with it"):
        with servers.models_serve(model, log, PATH=path) as server:
            os.kill(listener(server.process.pid), signal.SIGTERM)
            server.process.wait(30)
    with check("a model that only Python can run is served by the next uvicorn, with one line that says so"):
        with servers.models_serve(unservable(folder / "unservable"), log, PATH=path) as server:
            equal(who(server), UVICORN)
            described(ScoringServerClient("127.0.0.1", server.port).invoke(FRAME)["predictions"])
        said = [line for line in log.read_text().splitlines() if line.startswith("mlhost: ")]
        equal(len(said), 1)
        equal(said[0].endswith(f"`{python / 'uvicorn'}` serves instead"), True)
    with check("another application is the next uvicorn's"):
        command = [shims / "uvicorn", "--version"]
        environment = servers.environment(PATH=path)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        equal(done.stdout.startswith("Running uvicorn"), True)
    with check("mlflow models predict --env-manager local starts no server and is MLflow's own"):
        body = folder / "body.json"
        body.write_text(json.dumps({"dataframe_split": json.loads(FRAME.to_json(orient="split"))}))
        command = [sys.executable, "-m", "mlflow", "models", "predict", "-m", str(model), "--env-manager", "local"]
        command += ["-i", str(body), "-o", str(folder / "answer.json")]
        subprocess.run(command, env=servers.environment(PATH=path), capture_output=True, check=True)
        described(json.loads((folder / "answer.json").read_text())["predictions"])


def spark_like(folder, model):
    """What `spark_udf` does with another environment manager than local: MLflow's backend, not waited for."""
    from mlflow.models.flavor_backend_registry import get_flavor_backend

    shims = folder / "shims with a space"
    with check("the backend that spark_udf serves with serves through mlhost, and SIGTERM ends it"):
        before, port = os.environ["PATH"], servers.free_port()
        os.environ["PATH"] = f"{shims}:{Path(sys.executable).parent}:{before}"
        try:
            backend = get_flavor_backend(str(model), env_manager="local")
            process = backend.serve(
                str(model), port, "127.0.0.1", 60, synchronous=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        finally:
            os.environ["PATH"] = before
        with servers.Server(port, process) as server:
            client = ScoringServerClient("127.0.0.1", port)
            client.wait_server_ready(timeout=90, scoring_server_proc=process)
            equal(who(server), MLHOST)
            described(client.invoke(FRAME, params={"p": 2})["predictions"], "2")
            process.send_signal(signal.SIGTERM)
            equal(process.wait(30), 0)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        models.save_template(folder / "template")
        model = models.write(folder / "template", folder / "a model é", SIGNATURE)
        with servers.mlhost(PROGRAM, model) as server:
            scoring_server_client(server)
            plain_requests(server)
            deployments(server)
        with servers.mlhost(PROGRAM, models.write(folder / "template", folder / "tensor", TENSOR)) as server:
            arrays(server)
        models_serve(folder, model)
        spark_like(folder, model)
    print("not run: spark_udf itself, which needs a Spark; what it starts is checked above", flush=True)
    print(f"{len(failures)} checks failed" if failures else "all checks passed", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
