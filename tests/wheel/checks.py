"""What the sections of `run.sh` share: checks that are counted and a running mlhost, both `tests/clients/checks.py`'s, and
requests to it."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "clients"))
# `checks` is this module's own name: the other one is loaded by its path.
import importlib.util  # noqa: E402

_spec = importlib.util.spec_from_file_location("clients_checks", Path(sys.path[-1]) / "checks.py")
_clients = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_clients)

Checks, Server, raises = _clients.Checks, _clients.Server, _clients.raises
ROOT, MODELS, FIXTURES = _clients.ROOT, _clients.MODELS, _clients.FIXTURES


def invoke(server, body, content_type="application/json"):
    """What `POST /invocations` answers, parsed."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.url}/invocations", body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as failed:
        raise AssertionError(f"{failed.code}: {failed.read().decode()}") from failed


def refusal(server, body):
    """The status and the message that a request is refused with."""
    request = urllib.request.Request(
        f"{server.url}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60):
            raise AssertionError("it was answered")
    except urllib.error.HTTPError as failed:
        return failed.code, json.load(failed)["message"]


def python(script, *arguments, environment=None, expected=0):
    """What `script` prints in a Python of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == expected, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()
