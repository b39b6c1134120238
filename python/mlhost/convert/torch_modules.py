"""PyTorch's modules as graphs. Called by `core`; must never change the module that it is given."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import numpy

from .ports import Ports
from .refusal import Refusal

OPSET = 18


def refuse_ports(ports: Ports) -> None:
    """MLflow gives a module its table as one matrix, or a tensor: of numbers, float32 unless the signature says otherwise."""
    if any(dtype.kind == "O" for dtype in ports.dtypes):
        raise Refusal("a PyTorch model over texts is not converted", "make numbers of texts before the model")
    if not ports.width:
        raise Refusal("the signature says not how many features a row has", "save the model with a shape of (-1, N)")


def torch_graph(module: Any, width: int, dtype: numpy.dtype, dynamo: bool) -> Any:
    """By `torch.onnx.export`: traced, or by dynamo, which has other operators and needs the package `onnxscript`."""
    import onnx
    import torch

    written = io.BytesIO()
    # Of several rows: one could be taken for a size that is always 1.
    rows = torch.from_numpy(numpy.zeros((3, width), dtype=dtype))
    names: dict[str, Any] = {"input_names": ["X"], "output_names": ["Y"], "opset_version": OPSET}
    if dynamo:
        names["dynamic_shapes"] = ({0: torch.export.Dim("rows")},)
    else:
        names["dynamic_axes"] = {"X": {0: "rows"}, "Y": {0: "rows"}}
    if not isinstance(module, torch.fx.GraphModule):
        # What MLflow exported is so already, and has no other mode.
        module = copy.deepcopy(module).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module, (rows,), None if dynamo else written, dynamo=dynamo, verbose=False, **names)
    if dynamo:
        return program.model_proto
    return onnx.load_from_string(written.getvalue())
