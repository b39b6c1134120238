"""MLflow's deployments with the target `mlhost`: `mlflow deployments create -t mlhost --name iris -m models:/iris/3`.

`mlhost` are servers on this machine, started by this plugin, whose state is in a folder; `mlhost:/FOLDER` another folder of them;
`mlhost:/http://HOST:PORT` a server that runs already. MLflow loads this by its entry point. Never stops a process that it
did not start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from mlflow.deployments import BaseDeploymentClient, PredictionsResponse
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST
from mlflow.tracking.artifact_utils import _download_artifact_from_uri
from mlflow.utils.proto_json_utils import dump_input_data

from . import command

FLAVORS = (None, "mlhost", "onnx", "python_function")

#: How long a server may take to load its model, and to stop.
PATIENCE = 120.0

HELP = """\
Targets:
  mlhost                       servers on this machine, one for each deployment. Their state is in MLHOST_DEPLOYMENTS_DIR, else in
                               the folder `deployments` of mlhost's cache
  mlhost:/FOLDER               the same with this folder
  mlhost:/http://HOST:PORT     a server that runs already: lists, gets and predicts; where it serves a repository
                               (`mlhost serve --repository`), create and update load a model of it, delete unloads it, and `-m` is
                               the model's name again

Config (`-C KEY=VALUE`), for servers on this machine: every flag of `mlhost serve` without its dashes, such as port=8080,
workers=4, timeout=2s, max-requests=64; without a value a flag that has none: `-C no-warm-up=`.
Without a port any free one is taken; an update keeps it. The model is copied: to serve another, update the deployment.
"""


def target_help() -> str:
    """What `mlflow deployments help -t mlhost` shows."""
    return HELP


def run_local(name: str, model_uri: str, flavor: str | None = None, config: dict[str, str] | None = None) -> None:
    """Serves a model until it is stopped."""
    _check_flavor(flavor)
    model = _download_artifact_from_uri(model_uri)
    arguments = [command.program(), "serve", "-m", model, *_flags({"model-name": name, **(config or {})})]
    try:
        ended = subprocess.run(arguments, env=command.environment(), check=False).returncode
    except KeyboardInterrupt:
        return
    if ended != 0:
        raise MlflowException(f"`mlhost serve` ended with {ended}")


class MlhostDeploymentClient(BaseDeploymentClient):
    """What `mlflow.deployments.get_deploy_client("mlhost")` gives."""

    def __init__(self, target_uri: str) -> None:
        super().__init__(target_uri)  # type: ignore[no-untyped-call]
        suffix = target_uri.partition(":/")[2]
        remote = suffix.lstrip("/").startswith(("http://", "https://"))
        self._deployments: Any = _Remote(suffix.lstrip("/")) if remote else _Local(_folder(suffix))

    def create_deployment(self, name, model_uri, flavor=None, config=None, endpoint=None):  # type: ignore[no-untyped-def]
        """Starts a server of `model_uri`, and waits until it is ready."""
        _check_flavor(flavor)
        return self._deployments.create(_checked(name), model_uri, dict(config or {}))

    def update_deployment(self, name, model_uri=None, flavor=None, config=None, endpoint=None):  # type: ignore[no-untyped-def]
        """Starts it anew on the same port, with another model or other flags. Where that fails it goes on as it was."""
        _check_flavor(flavor)
        return self._deployments.update(_checked(name), model_uri, dict(config or {}))

    def delete_deployment(self, name, config=None, endpoint=None):  # type: ignore[no-untyped-def]
        """Stops it, which lets its requests end. There need not be one of this name."""
        self._deployments.delete(_checked(name))

    def list_deployments(self, endpoint=None):  # type: ignore[no-untyped-def]
        """All there are, each as `get_deployment` shows it."""
        return self._deployments.list()

    def get_deployment(self, name, endpoint=None):  # type: ignore[no-untyped-def]
        """What is known of it: `name`, `flavor`, `status`, `url` among others."""
        return self._deployments.get(_checked(name))

    def predict(self, deployment_name=None, inputs=None, endpoint=None):  # type: ignore[no-untyped-def]
        """Predicts on a DataFrame, an array or a dictionary of arrays, by `POST /invocations`."""
        url = self._deployments.invocations(_checked(deployment_name))
        return PredictionsResponse.from_json(_ask(url, dump_input_data(inputs)))  # type: ignore[no-untyped-call]


class _Local:
    """Servers on this machine. Each has a folder: `state.json`, `log`, and the model."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, name: str, model_uri: str, config: dict[str, str]) -> dict[str, Any]:
        if self._state(name) is not None:
            raise MlflowException(f"there is a deployment `{name}` already", error_code=RESOURCE_ALREADY_EXISTS)
        try:
            return self._start(name, model_uri, self._copied(name, model_uri), config)
        except BaseException:
            shutil.rmtree(self._folder / name, ignore_errors=True)
            raise

    def update(self, name: str, model_uri: str | None, config: dict[str, str]) -> dict[str, Any]:
        state = self._known(name)
        model = state["model"] if model_uri is None else self._copied(name, model_uri)
        _stop(state)
        port = str(urllib.parse.urlsplit(state["url"]).port)
        try:
            started = self._start(
                name, model_uri or state["model_uri"], model, {**state["config"], "port": port, **config}
            )
        except BaseException:
            if model != state["model"]:
                shutil.rmtree(model, ignore_errors=True)
            self._start(name, state["model_uri"], state["model"], {**state["config"], "port": port})
            raise
        if model != state["model"]:
            shutil.rmtree(state["model"], ignore_errors=True)
        return started

    def delete(self, name: str) -> None:
        state = self._state(name)
        if state is not None:
            _stop(state)
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def list(self) -> list[dict[str, Any]]:
        names = sorted(path.parent.name for path in self._folder.glob("*/state.json"))
        return [self.get(name) for name in names]

    def get(self, name: str) -> dict[str, Any]:
        state = self._known(name)
        return {**state, "status": "running" if _runs(state) else "stopped"}

    def invocations(self, name: str) -> str:
        state = self._known(name)
        if not _runs(state):
            raise MlflowException(
                f"the server of deployment `{name}` has stopped; its log is `{self._folder / name / 'log'}`\n"
                "hint: `mlflow deployments update` starts it anew"
            )
        return f"{state['url']}/invocations"

    def _state(self, name: str) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] = json.loads((self._folder / name / "state.json").read_text())
        except FileNotFoundError:
            return None
        return state

    def _known(self, name: str) -> dict[str, Any]:
        state = self._state(name)
        if state is None:
            raise MlflowException(f"there is no deployment `{name}`", error_code=RESOURCE_DOES_NOT_EXIST)
        return state

    def _copied(self, name: str, model_uri: str) -> str:
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        model = folder / f"model-{time.time_ns()}"
        shutil.copytree(_download_artifact_from_uri(model_uri), model)
        return str(model)

    def _start(self, name: str, model_uri: str, model: str, config: dict[str, str]) -> dict[str, Any]:
        flags = _flags({"port": "0", "model-name": name, **config})
        log = self._folder / name / "log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [command.program(), "serve", "-m", model, "--log-format", "json", *flags],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=command.environment(),
                start_new_session=True,
            )
        ready = _ready_line(process)
        if ready is None:
            process.kill()
            process.wait()
            raise MlflowException(f"`mlhost serve` does not start:\n{log.read_text().strip()}")
        state = {
            "name": name,
            "flavor": "mlhost",
            "url": f"http://{ready['address']}",
            "model_uri": model_uri,
            "model": model,
            "config": config,
            "pid": process.pid,
            "started": _started(process.pid),
        }
        written = self._folder / name / "state.json.new"
        written.write_text(json.dumps(state))
        written.replace(self._folder / name / "state.json")
        return state


class _Remote:
    """A server that runs already."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def create(self, name: str, model_uri: str | None, config: dict[str, str]) -> dict[str, Any]:
        if model_uri not in (None, name):
            raise MlflowException(
                f"`{self._url}` loads models out of its own repository, and `{model_uri}` is elsewhere\n"
                f"hint: put the model there as `{name}`, and pass `-m {name}`",
                error_code=INVALID_PARAMETER_VALUE,
            )
        _ask(f"{self._url}/v2/repository/models/{name}/load", "{}")
        return self.get(name)

    update = create

    def delete(self, name: str) -> None:
        _ask(f"{self._url}/v2/repository/models/{name}/unload", "{}")

    def list(self) -> list[dict[str, Any]]:
        found = json.loads(_ask(f"{self._url}/v2/repository/index", "{}"))
        return [{"flavor": "mlhost", "status": model.pop("state", None), "url": self._url, **model} for model in found]

    def get(self, name: str) -> dict[str, Any]:
        metadata = json.loads(_ask(f"{self._url}/v2/models/{name}"))
        return {"flavor": "mlhost", "status": "running", "url": self._url, **metadata}

    def invocations(self, name: str) -> str:
        return f"{self._url}/v1/models/{name}:predict"


def _folder(suffix: str) -> Path:
    if suffix:
        return Path(suffix if suffix.startswith("/") else f"/{suffix}")
    named = os.environ.get("MLHOST_DEPLOYMENTS_DIR")
    cache = os.environ.get("MLHOST_CACHE_DIR")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else (Path(cache) if cache else home / "mlhost") / "deployments"


def _checked(name: Any) -> str:
    """A name is a folder's name, and a part of paths."""
    if not isinstance(name, str) or not name or not all(c.isalnum() or c in "-_." for c in name) or name[0] == ".":
        raise MlflowException(
            f"`{name}` is no deployment's name: letters, digits, `-`, `_` and `.`", error_code=INVALID_PARAMETER_VALUE
        )
    return name


def _check_flavor(flavor: str | None) -> None:
    if flavor not in FLAVORS:
        raise MlflowException(f"mlhost serves no flavor `{flavor}`", error_code=INVALID_PARAMETER_VALUE)


def _flags(config: dict[str, str]) -> list[str]:
    flags = []
    for key, value in config.items():
        flags.append(f"--{key.lstrip('-').replace('_', '-')}" + (f"={value}" if str(value) else ""))
    return flags


def _ready_line(process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    """The line that says that the server is ready; `None` where it ended before, or takes too long."""
    import selectors

    assert process.stdout is not None
    with selectors.DefaultSelector() as selector, process.stdout as output:
        selector.register(output, selectors.EVENT_READ)
        line = output.readline() if selector.select(PATIENCE) else b""
    return json.loads(line) if line else None


def _started(pid: int) -> str | None:
    """When a process began, by which it is told from another one that has its number; `None` where it has ended."""
    try:
        os.waitpid(pid, os.WNOHANG)  # Where it is this process's own, nobody else sees that it has ended.
    except ChildProcessError:
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _runs(state: dict[str, Any]) -> bool:
    return state["started"] is not None and _started(state["pid"]) == state["started"]


def _stop(state: dict[str, Any]) -> None:
    end = time.monotonic() + PATIENCE
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _runs(state):
            os.kill(state["pid"], number)
        while _runs(state) and time.monotonic() < end:
            time.sleep(0.05)


def _ask(url: str, body: str | None = None) -> str:
    headers = {} if body is None else {"Content-Type": "application/json"}
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, None if body is None else body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
            return text
    except urllib.error.HTTPError as error:
        kind = RESOURCE_DOES_NOT_EXIST if error.code == 404 else INVALID_PARAMETER_VALUE
        raise MlflowException(f"{url} answers {error.code}: {error.read().decode()}", error_code=kind) from error
    except urllib.error.URLError as error:
        raise MlflowException(f"{url} cannot be reached: {error.reason}") from error
