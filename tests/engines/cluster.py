"""A standalone Spark cluster on this machine's loopback: one master, one worker, both stopped in the end. Used by `engines.py`."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pyspark

PATIENCE = 120
CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"


@contextlib.contextmanager
def standalone(folder, variables):
    """Gives the master's URL. Executors have `variables`, and nothing of this process's own paths."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ORT_DYLIB_PATH")}
    environment |= {**variables, "SPARK_WORKER_DIR": str(folder / "work")}
    folder.mkdir()
    with _running("master.Master", ["--port", "0", "--webui-port", "0"], folder, environment) as master:
        url = master.wait_for(r"Starting Spark master at (spark://\S+)")
        flags = ["--port", "0", "--webui-port", "0", "--cores", "2", "--memory", "2g", url]
        with _running("worker.Worker", flags, folder, environment) as worker:
            worker.wait_for(r"(Successfully registered with master)")
            yield url


class _Process:
    """One of Spark's daemons, in the foreground; what it says is kept."""

    def __init__(self, name, flags, folder, environment):
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [CLASS, f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *flags],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )

    def wait_for(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            said = re.search(pattern, self.log.read_text())
            if said:
                return said.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"Spark never said `{pattern}`:\n{self.log.read_text()[-4000:]}")

    def stop(self):
        """It, and the executors that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        timer = threading.Timer(15, lambda: os.killpg(self.process.pid, signal.SIGKILL))
        timer.start()
        self.process.wait()
        timer.cancel()


@contextlib.contextmanager
def _running(*place):
    process = _Process(*place)
    try:
        yield process
    finally:
        process.stop()
