"""What both sections of V2 ask with: the fixtures, rows of the iris model, and a tensor of each type. No section of its own."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import numpy as np
from checks import FIXTURES, Server, raises

OIP = FIXTURES / "oip"
ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], dtype=np.float32)
TYPES = {
    "bool": ("BOOL", np.array([True, False])),
    "uint8": ("UINT8", np.array([0, 255], np.uint8)),
    "int8": ("INT8", np.array([-128, 127], np.int8)),
    "int16": ("INT16", np.array([-32768, 32767], np.int16)),
    "int32": ("INT32", np.array([-(2**31), 2**31 - 1], np.int32)),
    "int64": ("INT64", np.array([-(2**63), 2**63 - 1], np.int64)),
    "uint64": ("UINT64", np.array([0, 2**64 - 1], np.uint64)),
    "fp16": ("FP16", np.array([1.5, -0.1], np.float16)),
    "fp32": ("FP32", np.array([0.1, 1e-45], np.float32)),
    "fp64": ("FP64", np.array([0.1, 1e308])),
    "bytes": ("BYTES", np.array(["a", "é"], dtype=np.object_)),
}


@contextlib.contextmanager
def repository(*flags):
    """A server of a repository of the two graphs that Triton's captures are of, laid out as Triton wants it."""
    with tempfile.TemporaryDirectory() as folder:
        for model, graph in [("iris", "iris.onnx"), ("types", "types/fp32.onnx")]:
            version = Path(folder) / model / "1"
            version.mkdir(parents=True)
            shutil.copy(OIP / graph, version / "model.onnx")
        named = ["--model-repository", folder, "--model-control-mode", "explicit", "--load-model", "types"]
        with Server(*named, *flags) as server:
            yield server


def controlled(checks, client, error):
    """Models that `client`, tritonclient's over either protocol, loads and unloads."""
    with checks.check("tritonclient: what is not loaded is not ready"):
        assert client.is_model_ready("types") and not client.is_model_ready("iris")
    with checks.check("tritonclient: load_model"):
        client.load_model("iris")
        assert client.is_model_ready("iris")
    with checks.check("tritonclient: unload_model"):
        client.unload_model("iris")
        assert not client.is_model_ready("iris") and client.is_model_ready("types")
    with checks.check("tritonclient: a model that is not there is not loaded, and files in a request are not taken"):
        raises(error, lambda: client.load_model("nope"), "no model")
        raises(error, lambda: client.load_model("iris", config="{}"), "as the repository has it")
