"""Ray's examples, on a head node of this machine that all of them use. Used by `engines.py`."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import compare
import rows
from examples import example

SPLIT = 900
# More than the machine may have: what reads the file needs one beside the actors.
CPUS = 4


def check(checks, asked):
    """An actor pool, and a remote function."""
    with _head() as environment:
        for name, rows_a_call in (("ray_map_batches", "--batch-size"), ("ray_remote", "--chunk-rows")):
            for size in (rows.COUNT, SPLIT):
                with checks.check(f"{asked.model}: {name}, {size} rows a call"):
                    output = asked.folder / f"{name}.{size}.parquet"
                    flags = [rows_a_call, size]
                    example(name, asked.directory, asked.rows.parquet, output, *flags, environment=environment)
                    compare.same(asked.expected, compare.of_parquet(output), compare.tolerance(size))


@contextlib.contextmanager
def _head():
    """Gives what examples need in their environment to find it."""
    command = Path(sys.executable).parent / "ray"
    address = "127.0.0.1:6379"
    flags = ["--head", "--node-ip-address=127.0.0.1", "--port=6379", f"--num-cpus={CPUS}", "--include-dashboard=false"]
    started = subprocess.run([command, "start", *flags], capture_output=True, text=True, timeout=120)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield {"RAY_ADDRESS": address}
    finally:
        subprocess.run([command, "stop", "--force"], capture_output=True, timeout=60, env=os.environ)
