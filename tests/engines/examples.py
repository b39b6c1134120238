"""Calls examples as processes of their own, on models that the Python package saved. Used by `engines.py` and `spark_examples.py`."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas
from rows import Rows

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "python" / "examples"
PATIENCE = 300


@dataclass(frozen=True)
class Asked:
    """A model, the rows it is asked, and what it has to say to them."""

    model: str
    directory: Path
    folder: Path
    rows: Rows
    expected: pandas.DataFrame


def saved(model, directory, **options):
    """A sample as a model of MLflow's, with what executors need in it."""
    import mlhost.mlflow

    mlhost.mlflow.save_model(directory, ROOT / "models" / model, **options)
    return directory


def example(name, *arguments, environment=None):
    """Runs an example to its end; what it prints is shown where it fails."""
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, **(environment or {})},
    )
    print(f"       {name}: {time.monotonic() - started:.1f} s", flush=True)
    if ended.returncode != 0:
        raise Failed(f"`{name}` ended with {ended.returncode}:\n{ended.stdout[-2000:]}\n{ended.stderr[-6000:]}")


class Failed(AssertionError):
    """An example that did not end well."""
