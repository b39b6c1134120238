"""Trees whose thresholds are float64: skl2onnx and onnxmltools write them as float32, though ONNX (`nodes_values_as_tensor`) and
ONNX Runtime have them. A value that lies between a threshold and its float32 goes to the wrong side otherwise. Called by `core`
around a conversion in double; must never change what compares float32 anyway, XGBoost's trees say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy

from .onnx_parts import INSIDE

_TREES = ("TreeEnsembleRegressor", "TreeEnsembleClassifier")
_NUMBERS = ("nodes_values", "nodes_hitrates", "class_weights", "target_weights", "base_values")
_TENSOR = "_as_tensor"
_DOMAIN, _OPSET = "ai.onnx.ml", 3
_CLASSES = ("SklearnHistGradientBoostingClassifier", "SklearnRandomForestClassifier", "SklearnExtraTreesClassifier")
_single: ContextVar[bool] = ContextVar("_single", default=False)
"""Whether a converter is at work whose trees compare float32."""


@contextlib.contextmanager
def double_trees() -> Iterator[None]:
    """Within it, converters write trees in double. What comes out is to be `joined`."""
    from onnx import helper
    from onnxmltools.convert.common import _container as of_boosters
    from onnxmltools.convert.lightgbm.shape_calculators import Classifier as classes
    from skl2onnx.common import _container as of_steps
    from skl2onnx.common import _registration
    from skl2onnx.operator_converters import random_forest

    made = of_steps.make_node
    registered = {name: _registration.get_converter(name) for name in _CLASSES}
    converters = {name: each._fct for name, each in registered.items()}
    checked = classes.check_input_and_output_types
    histograms = random_forest.add_tree_to_attribute_pairs_hist_gradient_boosting
    of_steps.make_node = _in_double(made)
    of_boosters.helper = SimpleNamespace(**{**vars(helper), "make_node": _in_double(helper.make_node)})
    # Of the classes of LightGBM it knows float32 alone.
    classes.check_input_and_output_types = lambda *_, **__: None
    random_forest.add_tree_to_attribute_pairs_hist_gradient_boosting = _as_they_are(histograms)
    # They round to float32 unless they are told which version of the operator they write.
    for name, each in registered.items():
        each._fct = partial(converters[name], op_version=_OPSET)
    try:
        yield
    finally:
        of_steps.make_node = made
        of_boosters.helper = helper
        classes.check_input_and_output_types = checked
        for name, each in registered.items():
            each._fct = converters[name]
        random_forest.add_tree_to_attribute_pairs_hist_gradient_boosting = histograms


def in_single(convert: Any) -> Any:
    """A converter of trees that compare float32: its nodes stay as it makes them, and `joined` casts what they are given."""

    def converted(scope: Any, operator: Any, container: Any) -> Any:
        before = _single.set(True)
        try:
            return convert(scope, operator, container)
        finally:
            _single.reset(before)

    return converted


def of_this_opset(graph: Any) -> None:
    """Names the version of ONNX's operators that has trees in double: converters name the one that they think they have used."""
    for entry in graph.opset_import:
        if entry.domain == _DOMAIN:
            entry.version = max(entry.version, _OPSET)


def joined(graph: Any) -> None:
    """Puts casts around trees in a graph that computes in double: all answer float32, and some take nothing else."""
    from onnx import TensorProto, helper

    nodes, declared = [], {each.name: each.type.tensor_type.elem_type for each in graph.graph.output}
    for number, node in enumerate(graph.graph.node):
        if node.op_type not in _TREES:
            nodes.append(node)
            continue
        inside = f"{INSIDE}trees/{number}"
        if not any(attribute.name.endswith(_TENSOR) for attribute in node.attribute):
            nodes.append(helper.make_node("Cast", [node.input[0]], [f"{inside}/single"], to=TensorProto.FLOAT))
            node.input[0] = f"{inside}/single"
        last = len(node.output) - 1
        answer, node.output[last] = node.output[last], f"{inside}/answer"
        nodes.append(node)
        nodes.append(helper.make_node("Cast", [f"{inside}/answer"], [answer], to=declared.get(answer, TensorProto.DOUBLE)))
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    of_this_opset(graph)


def _in_double(made: Any) -> Any:
    """`make_node` with the numbers of trees as tensors of float64."""
    from onnx import numpy_helper

    def make_node(kind: str, *places: Any, **attributes: Any) -> Any:
        if kind in _TREES and not _single.get():
            for name in set(_NUMBERS) & set(attributes):
                values = numpy.asarray(attributes.pop(name), dtype=numpy.float64).ravel()
                if values.size:
                    attributes[name + _TENSOR] = numpy_helper.from_array(values, name + _TENSOR)
        return made(kind, *places, **attributes)

    return make_node


def _as_they_are(add: Any) -> Any:
    """Trees of histograms compare float64, where skl2onnx moves every threshold to where trees of float32 would part."""

    def added(*places: Any, **options: Any) -> Any:
        from skl2onnx.common import tree_ensemble

        moved = tree_ensemble.sklearn_threshold
        tree_ensemble.sklearn_threshold = lambda threshold, dtype, mode: float(threshold)
        try:
            return add(*places, **options)
        finally:
            tree_ensemble.sklearn_threshold = moved

    return added
