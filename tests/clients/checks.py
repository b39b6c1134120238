"""A running mlhost, and checks that are counted. Used by every section of `run.sh`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
FIXTURES = ROOT / "tests" / "fixtures"
PATIENCE = 120


class Checks:
    """Counts checks and prints a line for each; `report` ends the program."""

    def __init__(self):
        self.passed, self.failed = 0, []

    @contextlib.contextmanager
    def check(self, name):
        """Passes where its block raises nothing."""
        try:
            yield
        except Exception:
            self.failed.append(name)
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
        else:
            self.passed += 1
            print(f"ok     {name}", flush=True)

    def report(self):
        """Prints the total. No check at all is a failure."""
        total = self.passed + len(self.failed)
        print(f"{total} checks, {len(self.failed)} failed" + "".join(f"\n  {name}" for name in self.failed))
        sys.exit(0 if total and not self.failed else 1)


def raises(kind, call, text=""):
    """What `call` raises, which must be of this kind and have `text` in it."""
    try:
        call()
    except kind as error:
        assert text in str(error), f"{error!r} has no `{text}`"
        return error
    raise AssertionError(f"no {kind.__name__}")


class Server:
    """`mlhost serve FLAG...` on a free port, to be used in a `with`."""

    def __init__(self, *flags, environment=None):
        command = [os.environ["MLHOST"], "serve", "--port", "0", "--log-format", "json", *map(str, flags)]
        self.log = []
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line:
            self.process.wait()
            raise SystemExit(f"error: no ready line from `{' '.join(command)}`\n{''.join(self.log)}")
        self.ready = json.loads(line)
        self.address = self.ready["address"]
        self.url = f"http://{self.address}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
