"""MLflow's deployments with the target `mlhost`: by the command and by Python, of servers on this machine and of one that runs.

run.sh deployments
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import MODELS, Checks, Server, invoke, raises

import pandas
from mlflow.deployments import get_deploy_client
from mlflow.exceptions import MlflowException

FRAME = pandas.DataFrame(
    {
        "sepal_length": [51.0, 62.0],
        "sepal_width": [35.0, 28.0],
        "petal_length": [14.0, 48.0],
        "petal_width": [2.0, 18.0],
    }
)
BODY = {"dataframe_split": json.loads(FRAME.to_json(orient="split", index=False))}


def mlflow(*arguments, expected=0):
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "deployments", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == expected, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLHOST_DEPLOYMENTS_DIR"] = folder
        with Server("-m", MODELS / "iris") as server:
            expected = invoke(server, BODY)["predictions"]
        client = get_deploy_client("mlhost")
        try:
            command(checks, Path(folder), expected)
            python(checks, client, expected)
            own(checks, client, Path(folder))
            remote(checks, expected)
        finally:
            for deployment in client.list_deployments():
                client.delete_deployment(deployment["name"])
    checks.report()


def command(checks, folder, expected):
    with checks.check("mlflow deployments create, list, get, predict, update, delete"):
        said = mlflow("create", "-t", "mlhost", "--name", "iris", "-m", MODELS / "iris", "-C", "workers=1")
        assert "mlhost deployment iris is created" in said, said
        assert "'name': 'iris'" in mlflow("list", "-t", "mlhost")
        shown = mlflow("get", "-t", "mlhost", "--name", "iris")
        assert "status: running" in shown and "url: http://127.0.0.1:" in shown, shown
        (folder / "rows.json").write_text(FRAME.to_json(orient="records"))
        said = mlflow("predict", "-t", "mlhost", "--name", "iris", "-I", folder / "rows.json")
        assert json.loads(said)["predictions"] == expected, said
        said = mlflow("update", "-t", "mlhost", "--name", "iris", "-m", MODELS / "titanic")
        assert "Deployment iris is updated" in said, said
        mlflow("delete", "-t", "mlhost", "--name", "iris")
        assert "iris" not in mlflow("list", "-t", "mlhost")
        (folder / "rows.json").unlink()
    with checks.check("mlflow deployments help names the targets and the config"):
        said = mlflow("help", "-t", "mlhost")
        assert "mlhost:/http://HOST:PORT" in said and "-C KEY=VALUE" in said, said
    with checks.check("mlflow deployments run-local serves until it is stopped"):
        import signal

        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "deployments", "run-local", "-t", "mlhost", "--name", "iris"]
            + ["-m", str(MODELS / "iris"), "-C", "port=0", "-C", "log-format=json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        ready = json.loads(process.stdout.readline())

        class At:
            url = f"http://{ready['address']}"

        assert invoke(At, BODY)["predictions"] == expected
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0


def python(checks, client, expected):
    with checks.check("create_deployment serves, and predict answers as any client is answered"):
        made = client.create_deployment("flowers", str(MODELS / "iris"), flavor="mlhost", config={"max-requests": "8"})
        assert (made["name"], made["flavor"]) == ("flowers", "mlhost")
        assert client.predict("flowers", FRAME)["predictions"] == expected
    with checks.check("a name that is taken, one that is none, one that is nobody's: refused"):
        raises(MlflowException, lambda: client.create_deployment("flowers", str(MODELS / "iris")), "already")
        raises(MlflowException, lambda: client.create_deployment("../up", str(MODELS / "iris")), "no deployment's name")
        raises(MlflowException, lambda: client.get_deployment("nobody"), "there is no deployment")
        raises(MlflowException, lambda: client.create_deployment("x", str(MODELS / "iris"), flavor="spark"), "spark")
        client.delete_deployment("nobody")
    with checks.check("what does not start: its log is the error, and nothing is left of it"):
        raises(
            MlflowException,
            lambda: client.create_deployment("bad", str(MODELS / "iris"), config={"no-such-flag": "1"}),
            "no-such-flag",
        )
        assert [one["name"] for one in client.list_deployments()] == ["flowers"]
    with checks.check("an update keeps the address; one that cannot be served leaves what was there"):
        before = client.get_deployment("flowers")
        client.update_deployment("flowers", str(MODELS / "titanic"))
        after = client.get_deployment("flowers")
        assert after["url"] == before["url"] and after["pid"] != before["pid"] and after["status"] == "running"
        raises(MlflowException, lambda: client.predict("flowers", FRAME), "pclass")
        raises(MlflowException, lambda: client.update_deployment("flowers", config={"workers": "none"}), "none")
        assert client.get_deployment("flowers")["status"] == "running"
        raises(MlflowException, lambda: client.predict("flowers", FRAME), "pclass")
        client.update_deployment("flowers", str(MODELS / "iris"))
        assert client.predict("flowers", FRAME)["predictions"] == expected
        assert len(list(Path(os.environ["MLHOST_DEPLOYMENTS_DIR"], "flowers").glob("model-*"))) == 1


def own(checks, client, folder):
    with checks.check("a server that died is shown as stopped, and an update starts it anew"):
        import signal

        deployment = client.get_deployment("flowers")
        os.kill(deployment["pid"], signal.SIGKILL)
        while client.get_deployment("flowers")["status"] == "running":
            pass
        raises(MlflowException, lambda: client.predict("flowers", FRAME), "has stopped")
        client.update_deployment("flowers")
        assert client.get_deployment("flowers")["status"] == "running"
    with checks.check("a process that has the number of one that ended is never stopped"):
        other = subprocess.Popen(["sleep", "600"])
        client.delete_deployment("flowers")
        (folder / "stale").mkdir()
        state = {**deployment, "name": "stale", "pid": other.pid, "model": str(folder / "stale" / "model")}
        state.pop("status")
        (folder / "stale" / "state.json").write_text(json.dumps(state))
        assert client.get_deployment("stale")["status"] == "stopped"
        client.delete_deployment("stale")
        assert other.poll() is None
        other.kill()
        other.wait()


def remote(checks, expected):
    with tempfile.TemporaryDirectory() as repository:
        for name in ("iris", "titanic"):
            Path(repository, name).symlink_to(MODELS / name)
        with Server(
            "--repository", repository, "--repository-mode", "explicit", "--protocols", "mlflow,kserve,v2"
        ) as server:
            client = get_deploy_client(f"mlhost:/{server.url}")
            with checks.check("a server that runs: models of its repository are loaded, listed, asked and unloaded"):
                client.create_deployment("iris", "iris")
                client.create_deployment("titanic", "titanic")
                listed = {one["name"]: one["status"] for one in client.list_deployments()}
                assert listed == {"iris": "READY", "titanic": "READY"}, listed
                assert client.get_deployment("iris")["name"] == "iris"
                assert client.predict("iris", FRAME)["predictions"] == expected
                client.delete_deployment("iris")
                raises(MlflowException, lambda: client.predict("iris", FRAME), "404")
            with checks.check("a model that is elsewhere: refused"):
                raises(MlflowException, lambda: client.create_deployment("iris", "models:/iris/1"), "repository")
        with checks.check("a server that is not there: said"):
            raises(MlflowException, client.list_deployments, "cannot be reached")


if __name__ == "__main__":
    main()
