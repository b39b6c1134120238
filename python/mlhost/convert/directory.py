"""The model directory, as `mlflow.onnx.save_model` writes it: whole or not at all. Called by `conversion`; must never take
anything away that is no model directory, nor leave a folder half written."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .refusal import Refusal, needed

MODEL_FILE = "MLmodel"
_LARGEST_IN_ONE_FILE = 1 << 30
"""Protobuf holds 2 GiB."""


def check_free(directory: Path, replace: bool) -> None:
    """Refuses where something is in the way: asked before the work, and again before the writing."""
    if not directory.parent.is_dir():
        raise Refusal(f"`{directory.parent}` is no folder", "make it, or name another one")
    if not directory.exists() and not directory.is_symlink():
        return
    if directory.is_symlink() or not directory.is_dir() or not (directory / MODEL_FILE).is_file():
        raise Refusal(f"`{directory}` is there, and is no model directory", "name another one with `-o`")
    if not replace:
        raise Refusal(f"`{directory}` is there", "`--replace` puts the new model in its place")


def write(directory: Path, graph: Any, saved: dict[str, Any], replace: bool) -> None:
    """The graph with what `saved` has for `mlflow.onnx.save_model`, in one step."""
    mlflow = needed("mlflow")
    import onnx
    import onnxruntime

    with _beside(directory) as folder:
        new, old = folder / "new", folder / "old"
        mlflow.onnx.save_model(
            graph,
            str(new),
            # Found out by running the model otherwise, for a minute.
            pip_requirements=[
                f"mlflow=={mlflow.__version__}",
                f"onnx=={onnx.__version__}",
                f"onnxruntime=={onnxruntime.__version__}",
            ],
            save_as_external_data=graph.ByteSize() > _LARGEST_IN_ONE_FILE,
            **saved,
        )
        mlflow.pyfunc.load_model(str(new))
        check_free(directory, replace)
        if directory.exists():
            directory.rename(old)
        try:
            new.rename(directory)
        except OSError:
            if old.exists():
                old.rename(directory)
            raise


@contextlib.contextmanager
def _beside(directory: Path) -> Iterator[Path]:
    """A folder on the same file system, gone afterwards."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as failed:
        raise Refusal(
            f"`{directory.parent}` takes no folder: {failed.strerror}", "name another one with `-o`"
        ) from failed
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
