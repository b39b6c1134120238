"""Every kind of model URI, out of a real `mlflow server` and its neighbours, served by the real mlhost.

    run.sh uris

Two versions of iris with an alias and a stage; the same model in a run's artifacts, in an `mlruns` folder, in a bucket of a
server that speaks S3's protocol, in a container of one that speaks Azure's, and in archives. One line a check; exit code 1 when any failed.
"""

import contextlib
import functools
import gzip
import http.client
import http.server
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

# Before mlflow is imported: its file store is still what many have on their disks.
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

import azure.storage.blob
import boto3
import iris
import mlflow
import moto.server
import servers
import tracking

BODY = json.dumps({"dataframe_split": {"columns": iris.COLUMNS, "data": [[5.1, 3.5, 1.4, 0.2]]}}).encode()
AZURITE = "azurite@3.35.0"
# The account that every Azurite has.
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
ADMIN, PASSWORD = "admin", "hunter2-and-more"

failed = []


def check(what, holds, found=""):
    """One line."""
    print(f"{'ok    ' if holds else 'FAILED'} {what}" + ("" if holds else f": {found}"), flush=True)
    if not holds:
        failed.append(what)


def command(uri, *flags):
    return [os.environ["MLHOST"], "serve", "-m", str(uri), "--port", "0", "--log-format", "json", *flags]


def served(uri, label, name=None, cwd=None, **variables):
    """That `uri` is served, by the graph whose output is called `label`, as the model `name`."""
    environment = servers.environment(MLHOST_LOG="warn", **variables)
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command(uri), stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=cwd
        )
        try:
            line = process.stdout.readline()
            if not line:
                process.wait()
                log.seek(0)
                return check(uri, False, log.read().strip())
            ready = json.loads(line)
            port = int(ready["address"].rpartition(":")[2])
            with servers.Server(port) as server:
                answer = server.request("POST", "/invocations", BODY, "application/json")
            found = f"{ready['model']}: {answer.status} {answer.body[:200]}"
            named = name is None or ready["model"] == name
            check(uri, answer.status == 200 and label.encode() in answer.body and named, found)
        finally:
            servers.stop(process)


def predicted(uri, label, **variables):
    """That `mlhost predict` and `mlhost validate` take `uri`, too."""
    output = subprocess.run(
        [os.environ["MLHOST"], "predict", "-m", uri],
        input=BODY,
        capture_output=True,
        timeout=servers.PATIENCE,
        env=servers.environment(**variables),
    )
    holds = output.returncode == 0 and label in json.loads(output.stdout)["predictions"][0]
    check(f"mlhost predict -m {uri}", holds, output.stderr.decode())
    command = [os.environ["MLHOST"], "validate", uri, "--json"]
    output = subprocess.run(command, capture_output=True, timeout=servers.PATIENCE, env=servers.environment(**variables))
    valid = output.returncode == 0 and json.loads(output.stdout)["valid"]
    check(f"mlhost validate {uri}", valid, output.stderr.decode())


def rows_of(uri, put, model, **variables):
    """That rows are read out of a bucket, and predictions written into it: by name, by pattern and by folder, packed and not."""
    flowers = ["5.1,3.5,1.4,0.2", "6.4,3.2,4.5,1.5", "6.3,3.3,6.0,2.5"]
    text = "\n".join([",".join(iris.COLUMNS), *flowers, ""])
    put("rows/one.csv", text.encode())
    put("rows/two.csv.gz", gzip.compress(text.encode()))
    put("rows/_SUCCESS", b"")
    flags = [os.environ["MLHOST"], "predict", "-m", str(model)]

    def run(*more):
        environment = servers.environment(**variables)
        return subprocess.run([*flags, *more], capture_output=True, text=True, timeout=servers.PATIENCE, env=environment)

    for name, times in [("rows/one.csv", 1), ("rows/*.csv", 1), ("rows/", 2)]:
        output = run("-i", f"{uri}/{name}", "--output-format", "jsonl")
        found = output.returncode == 0 and len(output.stdout.splitlines()) == times * len(flowers)
        check(f"rows of {uri}/{name}", found, output.stderr + output.stdout[:200])
    written = run("-i", f"{uri}/rows/one.csv", "-o", f"{uri}/out/predictions.parquet")
    again = run("-i", f"{uri}/out/predictions.parquet", "--output-format", "jsonl", "--columns", "none")
    there = written.returncode == 0 and "has no column `none`" in again.stderr
    check(f"predictions into {uri}", there, written.stderr + again.stderr)
    for name in ["rows/none.csv", "rows/none-*.csv"]:
        output = run("-i", f"{uri}/{name}")
        check(f"{uri}/{name} is refused", output.returncode == 1 and "none" in output.stderr, output.stderr)


def refused(uri, *words, **variables):
    """That `uri` is refused with these words and without the password."""
    output = subprocess.run(
        command(uri), capture_output=True, text=True, timeout=servers.PATIENCE, env=servers.environment(**variables)
    )
    said = output.stderr
    holds = output.returncode == 1 and all(word in said for word in words) and PASSWORD not in said
    check(f"{uri} is refused: {', '.join(words)}", holds, said)


def registered(address, cache):
    """The forms that a tracking server answers; the first version's run and the second one's model."""
    mlflow.set_tracking_uri(address)
    client = mlflow.MlflowClient()
    run, _ = iris.log("label_one")
    _, model = iris.log("label_two")
    client.set_registered_model_alias("iris", "champion", "1")
    client.transition_model_version_stage("iris", "1", "Production")
    # As MLflow 2 kept them: among the run's artifacts.
    folder = mlflow.artifacts.download_artifacts("models:/iris/1")
    with mlflow.start_run(run_id=run):
        mlflow.log_artifacts(folder, "old/model")
    where = client.get_model_version_download_uri("iris", "2")
    for uri, label in [
        ("models:/iris/1", "label_one"),
        ("models:/iris/2", "label_two"),
        ("models:/iris/latest", "label_two"),
        ("models:/iris@champion", "label_one"),
        ("models:/iris/Production", "label_one"),
        ("models:/iris/none", "label_two"),
    ]:
        served(uri, label, "iris", **cache)
    served(f"models:/{model}", "label_two", model, **cache)
    served(f"runs:/{run}/iris", "label_one", "iris", **cache)
    served(f"runs:/{run}/old/model", "label_one", "model", **cache)
    served(where, "label_two", model, **cache)
    predicted("models:/iris@champion", "label_one", **cache)
    host = address.removeprefix("http://")
    served(where.replace("mlflow-artifacts:/", f"mlflow-artifacts://{host}/"), "label_two", **cache)
    ranges(address, where)
    refused("models:/iri/1", "did you mean `iris`?", **cache)
    refused("models:/iris/9", "its newest version is 2", **cache)
    refused("models:/iris@champoin", "did you mean `models:/iris@champion`?", **cache)
    refused("models:/iris/Staging", "`None` and `Production`", **cache)
    refused("models:/m-nothing", "logged model", **cache)
    refused("runs:/nothing/model", "no run", **cache)
    refused(f"runs:/{run}/nothing", "no file `MLmodel`", **cache)
    refused(f"runs:/{run}/old", "no file `MLmodel`", "`model/`", **cache)
    return folder, model


def ranges(address, where):
    """That MLflow's own artifact service goes on where a download broke off, which mlhost makes use of."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    path = f"/api/2.0/mlflow-artifacts/artifacts/{where.removeprefix('mlflow-artifacts:/')}/MLmodel"
    connection.request("GET", path)
    whole = connection.getresponse()
    body, tag = whole.read(), whole.getheader("ETag")
    connection.request("GET", path, headers={"Range": "bytes=10-", "If-Range": tag or ""})
    part = connection.getresponse()
    check("MLflow answers Range with If-Range", part.status == 206 and part.read() == body[10:], part.status)
    connection.close()


def without_server(cache, model):
    """A version that is in the cache does without its server; what may have moved does not."""
    served("models:/iris/1", "label_one", "iris", **cache)
    served(f"models:/{model}", "label_two", **cache)
    refused("models:/iris@champion", "cannot reach", "MLFLOW_TRACKING_URI", **cache)
    refused("models:/iris/1", "mlflow server --backend-store-uri", **{**cache, "MLFLOW_TRACKING_URI": "sqlite:///x.db"})


def file_store(folder):
    """An `mlruns` folder, named and by itself."""
    mlflow.set_tracking_uri(f"file://{folder}/mlruns")
    run, model = iris.log("label_store")
    mlflow.MlflowClient().set_registered_model_alias("iris", "champion", "1")
    cache = {"MLHOST_CACHE_DIR": f"{folder}/cache-of-store"}
    for uri in ["models:/iris/1", "models:/iris/latest", "models:/iris@champion", f"models:/{model}", f"runs:/{run}/iris"]:
        served(uri, "label_store", MLFLOW_TRACKING_URI=f"file://{folder}/mlruns", **cache)
    served("models:/iris@champion", "label_store", "iris", cwd=folder, MLFLOW_TRACKING_URI="", **cache)
    refused("models:/iris@champoin", "did you mean", MLFLOW_TRACKING_URI=f"{folder}/mlruns", **cache)


def bucket(folder, model):
    """A bucket of moto's S3."""
    server = moto.server.ThreadedMotoServer(ip_address="127.0.0.1", port=servers.free_port(), verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": PASSWORD, "AWS_REGION": "us-east-1"}
        s3 = boto3.client("s3", endpoint_url=f"http://{host}:{port}", aws_access_key_id="me",
                          aws_secret_access_key=PASSWORD, region_name="us-east-1")
        s3.create_bucket(Bucket="models")
        for path in Path(model).rglob("*"):
            if path.is_file():
                # For all to read, as `google` below reads it.
                key = f"a b/iris/{path.relative_to(model)}"
                s3.upload_file(str(path), "models", key, ExtraArgs={"ACL": "public-read"})
        variables = {**keys, "AWS_ENDPOINT_URL": f"http://{host}:{port}", "MLHOST_CACHE_DIR": f"{folder}/cache-of-bucket"}
        served("s3://models/a b/iris", "label_one", "iris", **variables)
        served("s3://models/a%20b/iris/", "label_one", **variables)
        named = {**variables, "AWS_ENDPOINT_URL": "", "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}"}
        served("s3://models/a b/iris", "label_one", **named)
        refused("s3://models/nothing", "no file `MLmodel`", **variables)
        refused("s3://nothing/x", "s3://nothing", **variables)
        rows_of("s3://models", lambda name, data: s3.put_object(Bucket="models", Key=name, Body=data), model, **variables)
        # Google's interface for listing and reading is S3's but for the signature, which is left out here.
        google = {"GOOGLE_BASE_URL": f"http://{host}:{port}", "GOOGLE_SKIP_SIGNATURE": "true"}
        google["MLHOST_CACHE_DIR"] = f"{folder}/cache-of-google"
        served("gs://models/a b/iris", "label_one", "iris", **google)
        refused("gs://models/nothing", "no file `MLmodel`", **google)
    finally:
        server.stop()


def containers(folder, model):
    """A container of Azurite, which npm brings."""
    if shutil.which("npm") is None:
        print("NOT RUN az://: Azurite comes by npm, which is not here", flush=True)
        return
    tools = Path(os.environ["CARGO_TARGET_DIR"]) / "tools" / "azurite"
    program = tools / "node_modules" / ".bin" / "azurite-blob"
    if not program.is_file():
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tools), AZURITE]
        subprocess.run(install, check=True)
    port = servers.free_port()
    command = [str(program), "--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    command += ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder)
    try:
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={AZURITE_ACCOUNT};AccountKey={AZURITE_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{AZURITE_ACCOUNT};"
        )
        # It retries while Azurite starts.
        service = azure.storage.blob.BlobServiceClient.from_connection_string(connection, retry_total=20)
        container = service.create_container("models")
        for path in Path(model).rglob("*"):
            if path.is_file():
                container.upload_blob(f"a b/iris/{path.relative_to(model)}", path.read_bytes())
        variables = {"AZURE_STORAGE_CONNECTION_STRING": connection, "MLHOST_CACHE_DIR": f"{folder}/cache-of-azure"}
        served("az://models/a b/iris", "label_one", "iris", **variables)
        served(f"wasbs://models@{AZURITE_ACCOUNT}.blob.core.windows.net/a b/iris", "label_one", "iris", **variables)
        refused("az://models/nothing", "no file `MLmodel`", **variables)
        rows_of("az://models", container.upload_blob, model, **variables)
        wrong = connection.replace(AZURITE_KEY, AZURITE_KEY[::-1].replace("=", "A")[:-2] + "==")
        refused("az://models/a b/iris", "az://models", **{**variables, "AZURE_STORAGE_CONNECTION_STRING": wrong})
    finally:
        servers.stop(process)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of each request."""

    def log_message(self, *_):
        pass


def archives(folder, model):
    """Archives over HTTP."""
    shared = Path(folder) / "shared"
    shared.mkdir()
    for kind in ["gztar", "tar", "zip"]:
        shutil.make_archive(str(shared / "iris"), kind, model)
    handler = functools.partial(Quiet, directory=shared)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        variables = {"MLHOST_CACHE_DIR": f"{folder}/cache-of-archives"}
        for name in ["iris.tar.gz", "iris.tar", "iris.zip"]:
            served(f"{address}/{name}", "label_one", "iris", **variables)
        refused(f"{address}/nothing.zip?signature={PASSWORD}", "nothing.zip", **variables)
        server.shutdown()


def authenticated(folder):
    """A server that wants to know who asks."""
    place = Path(folder) / "authenticated"
    place.mkdir()
    settings = place / "auth.ini"
    settings.write_text(
        f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///{place}/auth.db\n"
        f"admin_username = {ADMIN}\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    who = {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": PASSWORD}
    os.environ.update(MLFLOW_AUTH_CONFIG_PATH=str(settings), MLFLOW_FLASK_SERVER_SECRET_KEY="test", **who)
    try:
        with tracking.tracking_server(place, "--app-name", "basic-auth") as address:
            mlflow.set_tracking_uri(address)
            iris.log("label_auth")
            variables = {"MLFLOW_TRACKING_URI": address, "MLHOST_CACHE_DIR": f"{place}/cache"}
            served("models:/iris/1", "label_auth", "iris", **variables, **who)
            inside = address.replace("http://", f"http://{ADMIN}:{PASSWORD}@")
            nobody = {name: "" for name in who}
            served("models:/iris/1", "label_auth", "iris", **{**variables, "MLFLOW_TRACKING_URI": inside}, **nobody)
            refused("models:/iris/1", "401", "MLFLOW_TRACKING_USERNAME", **variables, **nobody)
            wrong = {**who, "MLFLOW_TRACKING_PASSWORD": "wrong"}
            refused("models:/iris/1", "401", "not accepted", **variables, **wrong)
    finally:
        for name in who:
            os.environ.pop(name)


def main():
    for name in ["werkzeug", "mlflow", "alembic"]:
        logging.getLogger(name).setLevel(logging.ERROR)
    # What is set where this runs must not decide what it finds.
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "MLFLOW_TRACKING_", "MLFLOW_REGISTRY_")):
            del os.environ[name]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        with tracking.tracking_server(folder) as address:
            cache = {"MLFLOW_TRACKING_URI": address, "MLHOST_CACHE_DIR": f"{folder}/cache"}
            model, logged = registered(address, cache)
        without_server(cache, logged)
        served(model, "label_one")
        served(f"file://{model}", "label_one")
        bucket(folder, model)
        containers(folder, model)
        archives(folder, model)
        file_store(folder)
        authenticated(folder)
    if failed:
        print(f"error: {len(failed)} checks failed", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
