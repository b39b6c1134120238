"""The signature of what is written: the model's own inputs, and outputs as the graph has them. Called by `conversion`; must
never change an input, since clients send what the model's signature asked for."""

from __future__ import annotations

from typing import Any

from .onnx_parts import numpy_type
from .original import Original


def signature(original: Original, graph: Any) -> Any:
    """The model's inputs, and the outputs that the graph has."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import Array

    kinds = {"O": DataType.string, "b": DataType.boolean}
    numbers = {"i4": DataType.integer, "i8": DataType.long, "f4": DataType.float, "f8": DataType.double}
    outputs: list[Any] = []
    for each in graph.graph.output:
        dtype = numpy_type(each.type.tensor_type.elem_type)
        shape = [size.dim_value if size.HasField("dim_value") else -1 for size in each.type.tensor_type.shape.dim]
        kind = kinds.get(dtype.kind) or numbers.get(dtype.str[1:])
        if original.ports.columns is None or kind is None:
            outputs.append(TensorSpec(dtype, shape, each.name))
        else:
            outputs.append(ColSpec(kind if len(shape) == 1 else Array(kind), each.name))
    mixed = len({type(spec) for spec in outputs}) > 1
    return ModelSignature(original.source.signature.inputs, None if mixed else Schema(outputs))
