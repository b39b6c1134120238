"""The model itself as a graph, by skl2onnx, onnxmltools or torch.onnx: one attempt for each precision that is worth it, best first.
Called by `conversion`; must never decide which attempt is good enough, since only a comparison knows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy

from .boosters import OPSETS, lightgbm_graph, refuse_categories, register, xgboost_graph
from .double_trees import double_trees, joined, of_this_opset
from .forests import is_forest, send_missing
from .known import Known
from .original import Original
from .ports import Ports
from .refusal import Refusal
from .steps import has_table_steps, steps
from .torch_modules import refuse_ports, torch_graph
from .whole_numbers import whole_numbers


@dataclass(frozen=True)
class CoreInput:
    """One input of the model's graph."""

    name: str
    dtype: numpy.dtype
    ports: tuple[int, ...]
    """The inputs of the whole graph that stand side by side in it."""


@dataclass(frozen=True)
class Core:
    """The model's graph, and how it was made."""

    graph: Any
    inputs: tuple[CoreInput, ...]
    precision: str
    """For people."""


def refuse(original: Original) -> None:
    """Refuses what would convert, and then answer otherwise."""
    model, texts = original.source.model, any(dtype.kind == "O" for dtype in original.ports.dtypes)
    if original.source.flavor == "sklearn":
        _refuse_steps(model)
    elif original.source.flavor == "pytorch":
        refuse_ports(original.ports)
    elif texts:
        raise Refusal("trees over texts are not converted", "encode texts before the model, in a scikit-learn pipeline")
    elif original.source.flavor == "xgboost":
        refuse_categories(model)


def attempts(original: Original, values: Known) -> Iterator[Callable[[], Core]]:
    """Ways to convert the model that `refuse` let through; each raises what the converter raises."""
    model, ports, flavor = original.source.model, original.ports, original.source.flavor
    double, single = numpy.dtype(numpy.float64), numpy.dtype(numpy.float32)
    if flavor == "pytorch":
        for number in (double, single) if ports.dtypes[0] == double else (single, double):
            for dynamo in (False, True):
                yield partial(_torch, model, ports, (number, dynamo))
    elif flavor == "xgboost":
        yield partial(_boosted, partial(xgboost_graph, model), ports, "float32")
    elif flavor == "lightgbm":
        yield partial(_boosted_in_double, partial(lightgbm_graph, model, None), ports)
        yield partial(_boosted, partial(lightgbm_graph, model, None), ports, "float32")
        for together in (100, 10):
            precision = f"float32, {together} trees at a time added up in double"
            yield partial(_boosted, partial(lightgbm_graph, model, together), ports, precision)
    else:
        # Forests compare float32 with their thresholds; all else computes in double.
        for number in (single, double) if is_forest(model) else (double, single):
            yield partial(_sklearn, model, ports, values, number)


def _torch(module: Any, ports: Ports, how: tuple[numpy.dtype, bool]) -> Core:
    number, dynamo = how
    assert ports.width
    matrix = CoreInput("X", number, tuple(range(len(ports.ports))))
    precision = "double" if number == numpy.float64 else "float32"
    return Core(torch_graph(module, ports.width, number, dynamo), (matrix,), precision)


def _boosted(make: Callable[[list[Any]], Any], ports: Ports, precision: str) -> Core:
    from onnxmltools.convert.common.data_types import FloatTensorType

    graph = make([("X", FloatTensorType([None, ports.width]))])
    matrix = CoreInput("X", numpy.dtype(numpy.float32), tuple(range(len(ports.ports))))
    return Core(graph, (matrix,), precision)


def _boosted_in_double(make: Callable[[list[Any]], Any], ports: Ports) -> Core:
    from onnxmltools.convert.common.data_types import DoubleTensorType

    with double_trees():
        graph = make([("X", DoubleTensorType([None, ports.width]))])
    of_this_opset(graph)
    matrix = CoreInput("X", numpy.dtype(numpy.float64), tuple(range(len(ports.ports))))
    return Core(graph, (matrix,), "double")


def _sklearn(model: Any, ports: Ports, values: Known, number: numpy.dtype) -> Core:
    import skl2onnx
    from sklearn.base import is_classifier

    register()
    inputs = _inputs(model, ports, values, number)
    types = [(each.name, _tensor_type(each.dtype, 1 if len(inputs) > 1 else ports.width)) for each in inputs]
    convert = partial(skl2onnx.convert_sklearn, model, initial_types=types, target_opset=OPSETS)
    in_double = number == numpy.float64
    with warnings.catch_warnings(), double_trees() if in_double else nullcontext(), whole_numbers():
        warnings.simplefilter("ignore")
        try:
            graph = convert(options={id(model): {"zipmap": False}} if is_classifier(model) else {})
        except NameError as failed:
            # Some classifiers have no probabilities, and no such option.
            if "zipmap" not in str(failed):
                raise
            graph = convert()
    send_missing(model, graph)
    if in_double:
        joined(graph)
    return Core(graph, inputs, "double" if in_double else "float32")


def _inputs(model: Any, ports: Ports, values: Known, number: numpy.dtype) -> tuple[CoreInput, ...]:
    """A matrix, or columns where a step takes them by name or they are of texts and of numbers."""
    texts = {dtype.kind == "O" for dtype in ports.dtypes}
    if len(texts) == 1 and not (ports.named and has_table_steps(model)):
        dtype = ports.dtypes[0] if texts == {True} else number
        return (CoreInput("X", dtype, tuple(range(len(ports.ports)))),)
    assert ports.columns is not None
    columns = []
    for position, (name, dtype) in enumerate(zip(ports.columns, ports.dtypes, strict=True)):
        if dtype.kind != "O":
            # Encoders compare integers; all else computes.
            encoded = dtype.kind in "bi" and position in values.categories
            dtype = numpy.dtype(numpy.int64) if encoded else number
        columns.append(CoreInput(name, dtype, (position,)))
    return tuple(columns)


def _tensor_type(dtype: numpy.dtype, width: int | None) -> Any:
    from skl2onnx.common import data_types

    kinds = {
        numpy.dtype(numpy.float32): data_types.FloatTensorType,
        numpy.dtype(numpy.float64): data_types.DoubleTensorType,
        numpy.dtype(numpy.int64): data_types.Int64TensorType,
        numpy.dtype(object): data_types.StringTensorType,
    }
    return kinds[dtype]([None, width])


def _refuse_steps(model: Any) -> None:
    """What converts, but answers otherwise where it cannot be seen in random rows."""
    for step, _ in steps(model, []):
        vocabulary = getattr(step, "vocabulary_", None) or ()
        if getattr(step, "strip_accents", None):
            raise Refusal(
                f"`{type(step).__name__}` strips accents, which no operator of ONNX does",
                "strip accents from the texts before the model, and fit it with `strip_accents=None`",
            )
        if getattr(step, "lowercase", False) and not all(word.isascii() for word in vocabulary):
            raise Refusal(
                f"`{type(step).__name__}` makes lower case of words that are not ASCII, which ONNX leaves to a locale of the "
                "machine (StringNormalizer)",
                "make lower case of the texts before the model, and fit it with `lowercase=False`",
            )
