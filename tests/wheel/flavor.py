"""The MLflow flavor `mlhost`: saved, logged, loaded, served by MLflow and by mlhost itself, which have to answer the same.

run.sh flavor
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import FIXTURES, MODELS, Checks, Server, invoke, raises

import mlflow
import mlhost
import mlhost.mlflow
import numpy
import pandas
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature

FRAME = pandas.DataFrame(
    {
        "sepal_length": [51.0, 62.0],
        "sepal_width": [35.0, 28.0],
        "petal_length": [14.0, 48.0],
        "petal_width": [2.0, 18.0],
    }
)
BODY = {"dataframe_split": json.loads(FRAME.to_json(orient="split", index=False))}


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.create_experiment("wheel", artifact_location=str(folder / "artifacts"))
        mlflow.set_experiment("wheel")
        with Server("-m", MODELS / "iris") as server:
            expected = invoke(server, BODY)["predictions"]
        saved(checks, folder, expected)
        logged(checks, folder, expected)
        refused(checks, folder)
        mlflows_own(checks, folder, expected)
    checks.report()


def same(answer, expected):
    assert isinstance(answer, pandas.DataFrame), type(answer)
    assert answer.to_dict(orient="records") == expected, answer


def both(checks, what, folder, expected):
    """`folder` by MLflow's pyfunc and by `mlhost serve`."""
    with checks.check(f"{what}: mlflow.pyfunc.load_model predicts as the server does"):
        model = mlflow.pyfunc.load_model(str(folder))
        same(model.predict(FRAME), expected)
        assert isinstance(model.get_raw_model(), mlhost.Model)
    with checks.check(f"{what}: mlhost serves and validates it as it is"):
        with Server("-m", folder) as server:
            assert invoke(server, BODY)["predictions"] == expected
        subprocess.run([os.environ["MLHOST"], "validate", str(folder)], check=True, capture_output=True)


def saved(checks, folder, expected):
    with checks.check("save_model of a bundle"):
        mlhost.mlflow.save_model(folder / "bundle", MODELS / "iris")
        flavors = mlflow.models.Model.load(str(folder / "bundle")).flavors
        assert flavors["python_function"]["loader_module"] == "mlhost.mlflow"
        assert flavors["mlhost"]["component"] == "component.wasm" and "onnx" in flavors
        assert (folder / "bundle" / "requirements.txt").read_text().split()[-1] == f"mlhost=={mlhost.__version__}"
        for file in ("conda.yaml", "python_env.yaml", "component.wasm", "iris.onnx", "labels.txt"):
            assert (folder / "bundle" / file).is_file(), file
    both(checks, "a bundle", folder / "bundle", expected)
    with checks.check("save_model of what was saved, once more"):
        mlhost.mlflow.save_model(folder / "again", folder / "bundle")
    both(checks, "a bundle saved twice", folder / "again", expected)
    with checks.check("save_model of parts, with a signature of MLflow's"):
        iris = MODELS / "iris"
        mlhost.mlflow.save_model(
            folder / "parts",
            component=iris / "component.wasm",
            graphs={"iris": iris / "iris.onnx"},
            artifacts={"labels": iris / "labels.txt"},
            signature=infer_signature(FRAME),
            input_example=FRAME,
        )
        assert (folder / "parts" / "serving_input_example.json").is_file()
    both(checks, "parts", folder / "parts", expected)
    with checks.check("save_model of a graph that MLflow logged: the same predictions, without the package onnx"):
        source = FIXTURES / "onnx-flavor" / "tensor"
        mlhost.mlflow.save_model(folder / "graph", source)
        body = json.loads((source / "serving_input_example.json").read_text())
        with Server("-m", folder / "graph") as server:
            served = invoke(server, body)["predictions"]
        model = mlflow.pyfunc.load_model(str(folder / "graph"))
        dtype = model.metadata.signature.inputs.inputs[0].type
        answer = model.predict(numpy.asarray(body["inputs"], dtype=dtype))
        assert {name: array.tolist() for name, array in answer.items()} == served
    with checks.check("the example that was saved with a model is MLflow's own"):
        model = mlflow.pyfunc.load_model(str(folder / "parts"))
        same(model.predict(model.input_example), expected)


def logged(checks, folder, expected):
    with checks.check("log_model: a run's model, registered, loaded by its URI"):
        with mlflow.start_run():
            info = mlhost.mlflow.log_model("model", MODELS / "iris", registered_model_name="iris")
        same(mlflow.pyfunc.load_model(info.model_uri).predict(FRAME), expected)
        same(mlflow.pyfunc.load_model("models:/iris/1").predict(FRAME), expected)
        assert isinstance(mlhost.mlflow.load_model("models:/iris/1"), mlhost.Model)
        same(mlhost.mlflow.load_model("models:/iris/1", timeout=9).predict(FRAME), expected)
    with checks.check("log_model: what MLflow stored is served by mlhost"):
        local = mlflow.artifacts.download_artifacts(info.model_uri, dst_path=str(folder / "downloaded"))
        with Server("-m", local) as server:
            assert invoke(server, BODY)["predictions"] == expected
    with checks.check("parameters and errors come through pyfunc"):
        model = mlflow.pyfunc.load_model(info.model_uri)
        raises(MlflowException, lambda: model.predict(FRAME.drop(columns="petal_width")), "petal_width")
        mlhost.mlflow.save_model(folder / "reject", MODELS / "hostile" / "reject")
        rejecting = mlflow.pyfunc.load_model(str(folder / "reject"))
        raises(
            mlhost.RejectedError, lambda: rejecting.predict(pandas.DataFrame({"x": [1.5]})), "no input is good enough"
        )


def refused(checks, folder):
    with checks.check("what cannot be saved: refused, with what to do"):
        (folder / "empty").mkdir()
        raises(MlflowException, lambda: mlhost.mlflow.save_model(folder / "x1", folder / "empty"), "no model directory")
        raises(MlflowException, lambda: mlhost.mlflow.save_model(folder / "x2"), "model_uri")
        raises(MlflowException, lambda: mlhost.mlflow.save_model(folder / "bundle", MODELS / "iris"), "not empty")
        (folder / "text").write_text("no component")
        raises(
            MlflowException,
            lambda: mlhost.mlflow.save_model(folder / "x3", component=folder / "text"),
            "is not WebAssembly",
        )

        class Echo(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input):
                return model_input

        mlflow.pyfunc.save_model(str(folder / "python"), python_model=Echo(), pip_requirements=["mlflow"])
        raises(MlflowException, lambda: mlhost.mlflow.save_model(folder / "x4", folder / "python"), "mlhost.convert")


def mlflows_own(checks, folder, expected):
    mlflow_command = [sys.executable, "-m", "mlflow"]
    with checks.check("mlflow models predict"):
        (folder / "body.json").write_text(json.dumps(BODY))
        done = subprocess.run(
            [*mlflow_command, "models", "predict", "-m", str(folder / "bundle"), "-i", str(folder / "body.json")]
            + ["-t", "json", "--env-manager", "local"],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.strip().splitlines()[-1])["predictions"] == expected, done.stdout
    with checks.check("mlflow models serve"):
        import socket
        import time
        import urllib.error

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [
                *mlflow_command,
                "models",
                "serve",
                "-m",
                str(folder / "bundle"),
                "-p",
                str(port),
                "--env-manager",
                "local",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )
        try:

            class At:
                url = f"http://127.0.0.1:{port}"

            for _ in range(240):
                try:
                    answer = invoke(At, BODY)
                    break
                except urllib.error.URLError:
                    assert server.poll() is None, "it ended"
                    time.sleep(0.5)
            assert answer["predictions"] == expected
        finally:
            server.terminate()
            server.wait(60)


if __name__ == "__main__":
    main()
