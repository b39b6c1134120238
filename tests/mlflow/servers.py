"""Server processes and requests to them. Every process that is started here is stopped here."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE = 120


@dataclass
class Answer:
    status: int
    content_type: str
    body: bytes

    @property
    def json(self):
        """The body, bare NaN and all; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Server:
    """A running server, to be used in a `with`; `prefix` goes before each path."""

    def __init__(self, port, process=None, prefix="", log=None):
        self.port, self.process, self.prefix, self.log = port, process, prefix, log
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        if self.process is not None:
            stop(self.process)

    def request(self, method, path, body=b"", content_type=None):
        headers = {} if content_type is None else {"Content-Type": content_type}
        try:
            self.connection.request(method, self.prefix + path, body, headers)
            answer = self.connection.getresponse()
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            # Kept open too long without a request; once more on a new connection.
            self.connection.close()
            self.connection.request(method, self.prefix + path, body, headers)
            answer = self.connection.getresponse()
        return Answer(answer.status, answer.getheader("content-type") or "", answer.read())

    def invoke(self, request):
        return self.request("POST", "/invocations", request.body, request.content_type)


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
    if process.poll() is None:
        process.kill()
        process.wait()


def first_line(process, what):
    """The first line of a process's standard output, which says where it listens."""
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    line = process.stdout.readline()
    timer.cancel()
    if not line:
        raise SystemExit(f"error: {what} did not start, exit code {process.wait()}")
    return line


def environment(**more):
    return {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", **more}


def mlhost(program, folder, *flags):
    """`mlhost serve` of one model."""
    command = [program, "serve", "-m", str(folder), "--port", "0", "--log-format", "json", *flags]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(MLHOST_LOG="off")
    )
    ready = json.loads(first_line(process, " ".join(command)))
    server = Server(int(ready["address"].rpartition(":")[2]), process)
    server.admin = ready["admin"]
    return server


@contextlib.contextmanager
def scoring_servers(folders):
    """MLflow's scoring server for each of `folders`, all in one process: a list of servers."""
    command = [sys.executable, str(HERE / "scoring_servers.py"), *map(str, folders)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
    )
    try:
        port = int(first_line(process, "MLflow's scoring servers"))
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(Server(port, None, f"/{number}")) for number in range(len(folders))]
    finally:
        stop(process)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def models_serve(folder, log, *flags, **variables):
    """`mlflow models serve` itself, ready; what it says goes into the file `log`."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder), "--env-manager", "local"]
    command += ["-p", str(port), *flags]
    variables = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment(**variables))
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            with Server(port) as probe:
                if probe.request("GET", "/ping").status == 200:
                    return Server(port, process, log=log)
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process)
            raise SystemExit(f"error: `{' '.join(command)}` did not come up:\n{Path(log).read_text()}")
        time.sleep(0.1)
