"""An alias moves under load: `mlhost serve -m models:/iris@champion --watch 1s` beside a real `mlflow server`.

    run.sh follow [--clients N] [--seconds N]

Registers four versions of iris: two graphs as MLflow's onnx flavor logs them, a model with a sandboxed component, and one
whose graph is cut short. Moves the alias over them while clients send requests without a pause. Exit code 1 when any
request failed, was answered by a version that was replaced before it was sent, or the broken version was taken.
"""

import argparse
import collections
import http.client
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import iris
import mlflow
import servers
import tracking

# Millimetres for the sample's component, which divides by ten; to a graph alone they are just numbers.
BODY = json.dumps({"dataframe_split": {"columns": iris.COLUMNS, "data": [[51, 35, 14, 2]]}}).encode()
JSON = "application/json"


def register(client):
    """The four versions, and what is in the answers of each."""
    marks = {}
    for version, label in enumerate(["label_one", "label_two"], 1):
        iris.log(label)
        marks[str(version)] = label
    with tempfile.TemporaryDirectory() as folder:
        for name, broken in [("sandboxed", False), ("broken", True)]:
            bundle = Path(folder) / name
            shutil.copytree(
                iris.ROOT / "models/iris", bundle, ignore=shutil.ignore_patterns("guest", "calls", "README.md")
            )
            if broken:
                path = bundle / "iris.onnx"
                path.write_bytes(path.read_bytes()[:200])
            with mlflow.start_run() as run:
                mlflow.log_artifacts(str(bundle), name)
            source = f"{run.info.artifact_uri}/{name}"
            version = client.create_model_version("iris", source, run.info.run_id).version
            marks[str(version)] = None if broken else "setosa"
    assert len(marks) == 4, marks
    return marks


class Load:
    """Clients that send without a pause, each on its own connection."""

    def __init__(self, port, clients, marks):
        self.port, self.marks, self.over = port, marks, False
        self.answers, self.failures, self.lock = collections.Counter(), [], threading.Lock()
        # The versions that may answer a request that is sent now.
        self.allowed = set()
        self.threads = [threading.Thread(target=self.send) for _ in range(clients)]

    def send(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.over:
            allowed = set(self.allowed)
            try:
                connection.request("POST", "/invocations", BODY, {"Content-Type": JSON})
                answer = connection.getresponse()
                status, body = answer.status, answer.read().decode()
            except Exception as error:
                status, body = 0, repr(error)
                connection.close()
            versions = [version for version, mark in self.marks.items() if mark and mark in body]
            with self.lock:
                if status != 200 or len(versions) != 1:
                    self.failures.append(f"status {status}: {body[:200]}")
                else:
                    self.answers[versions[0]] += 1
                    # What is allowed only ever grows while a request is out, so the set from before it is the strict one.
                    if versions[0] not in allowed | self.allowed:
                        self.failures.append(f"version {versions[0]} answered, {sorted(allowed)} should have")


def detail(server):
    """What the admin port says of the one model."""
    with urllib.request.urlopen(f"http://{server.admin}/health") as answer:
        return json.load(answer)["models"][0]


def wait_for(server, what, holds):
    deadline = time.monotonic() + 60
    while not holds(detail(server)):
        if time.monotonic() > deadline:
            raise SystemExit(f"error: never {what}: {json.dumps(detail(server))}")
        time.sleep(0.02)


def follow(client, server, load, seconds):
    """Moves the alias over the versions."""
    time.sleep(seconds)
    for version in ["2", "3", "1", "3"]:
        load.allowed |= {version}
        client.set_registered_model_alias("iris", "champion", version)
        moved = time.monotonic()
        wait_for(server, f"version {version}", lambda found: found["versions"][0]["version"] == version)
        print(f"version {version} took over {time.monotonic() - moved:.1f} s after the alias moved")
        load.allowed = {version}
        time.sleep(seconds)
    client.set_registered_model_alias("iris", "champion", "4")
    wait_for(server, "a refusal", lambda found: found["reload"]["last_refusal"] is not None)
    refusal = detail(server)["reload"]["last_refusal"]
    print(f"version {refusal['version']} refused: {refusal['reason']}")
    time.sleep(seconds)
    if detail(server)["versions"][0]["version"] != "3":
        raise SystemExit(f"error: {json.dumps(detail(server))}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tracking.tracking_server(folder) as uri:
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient()
        marks = register(client)
        client.set_registered_model_alias("iris", "champion", "1")
        os.environ.update(MLFLOW_TRACKING_URI=uri, MLHOST_CACHE_DIR=f"{folder}/cache")
        with servers.mlhost(os.environ["MLHOST"], "models:/iris@champion", "--watch", "1s", "--admin-address", "0") as server:
            load = Load(server.port, arguments.clients, marks)
            load.allowed = {"1"}
            for thread in load.threads:
                thread.start()
            try:
                follow(client, server, load, arguments.seconds)
            finally:
                load.over = True
                for thread in load.threads:
                    thread.join()
            reload = detail(server)["reload"]
    by_version = ", ".join(f"version {version}: {count}" for version, count in sorted(load.answers.items()))
    print(f"{load.answers.total()} requests answered ({by_version}), {len(load.failures)} failed")
    print(f"{reload['taken']} versions taken, {reload['refused']} refused")
    for failure in load.failures[:10]:
        print(f"  {failure}", file=sys.stderr)
    if load.failures or reload["taken"] != 4 or set(load.answers) != {"1", "2", "3"}:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
