"""Names, types and nodes of ONNX that both ends of a graph are made of. Called by `graph` and `outlets`; must never know
what a model is."""

from __future__ import annotations

from typing import Any

import numpy

INSIDE = "mlhost/"
"""What names begin with that no input or output has."""


def element_type(dtype: numpy.dtype) -> int:
    """ONNX's number for it; texts are numpy's objects."""
    from onnx import TensorProto, helper

    if dtype.kind in "OUS":
        return int(TensorProto.STRING)
    return int(helper.np_dtype_to_tensor_dtype(dtype))


def numpy_type(element: int) -> numpy.dtype:
    """The other way."""
    from onnx import TensorProto, helper

    if element == TensorProto.STRING:
        return numpy.dtype(object)
    return numpy.dtype(helper.tensor_dtype_to_np_dtype(element))


def constant(name: str, values: numpy.ndarray) -> Any:
    """A node that gives `values`."""
    from onnx import helper, numpy_helper

    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values, name))


def shaped(value: str, to: str, shape: list[int]) -> list[Any]:
    """Nodes that give `value` another shape."""
    from onnx import helper

    return [
        constant(f"{to}/shape", numpy.array(shape, dtype=numpy.int64)),
        helper.make_node("Reshape", [value, f"{to}/shape"], [to]),
    ]


def rename(graph: Any, names: dict[str, str]) -> None:
    """Every use of each name by the other one, inside loops and branches too."""
    for values in (graph.input, graph.output, graph.initializer, graph.value_info):
        for value in values:
            value.name = names.get(value.name, value.name)
    for node in graph.node:
        for uses in (node.input, node.output):
            for at, name in enumerate(uses):
                uses[at] = names.get(name, name)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                rename(inner, names)
