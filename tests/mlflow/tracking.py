"""A real `mlflow server` with its store and artifacts in a folder, to be used in a `with`."""

import contextlib
import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

import servers


@contextlib.contextmanager
def tracking_server(folder, *flags):
    """Its address. It keeps what it knows in sqlite and hands artifacts through itself, as most teams run it."""
    folder = Path(folder)
    port = servers.free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts"), *flags]
    # It looks for uvicorn on PATH.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    log = folder / "server.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=servers.environment(PATH=path), start_new_session=True
        )
    try:
        wait_until_ready(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        # With the workers that it started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        servers.stop(process)


def wait_until_ready(process, port, log):
    deadline = time.monotonic() + servers.PATIENCE
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            with servers.Server(port) as probe:
                if probe.request("GET", "/health").status == 200:
                    return
        if process.poll() is not None or time.monotonic() > deadline:
            servers.stop(process)
            raise SystemExit(f"error: `mlflow server` did not come up:\n{log.read_text()}")
        time.sleep(0.1)
