"""Missing numbers in scikit-learn's decision trees and forests: each node sends them to one of its sides, which skl2onnx
leaves out. Called by `core`; must never touch a graph whose nodes are not the trees' own."""

from __future__ import annotations

from typing import Any

import numpy

_TREES = ("TreeEnsembleRegressor", "TreeEnsembleClassifier")
_SIDES = "nodes_missing_value_tracks_true"


def send_missing(model: Any, graph: Any) -> None:
    """Says in `graph` where the nodes of `model`, or of the last step of a pipeline, send missing numbers."""
    from onnx import helper

    sides = _sides(model.steps[-1][1] if hasattr(model, "steps") else model)
    nodes = [node for node in graph.graph.node if node.op_type in _TREES]
    if sides is None or len(nodes) != 1:
        return
    attributes = {attribute.name: attribute for attribute in nodes[0].attribute}
    trees, at = (list(attributes[name].ints) for name in ("nodes_treeids", "nodes_nodeids"))
    # Node by node what scikit-learn has, or nothing: converters may rewrite trees.
    if len(trees) != sum(map(len, sides)) or any(
        tree >= len(sides) or node >= len(sides[tree]) for tree, node in zip(trees, at)
    ):
        return
    told = [int(sides[tree][node]) for tree, node in zip(trees, at, strict=True)]
    kept = [attribute for attribute in nodes[0].attribute if attribute.name != _SIDES]
    del nodes[0].attribute[:]
    nodes[0].attribute.extend([*kept, helper.make_attribute(_SIDES, told)])


def is_forest(model: Any) -> bool:
    """Whether `model` is one tree, or several, without steps before them."""
    return _sides(model) is not None


def _sides(model: Any) -> list[numpy.ndarray] | None:
    """By tree and node, whether missing numbers go left."""
    trees = [model] if hasattr(model, "tree_") else getattr(model, "estimators_", None)
    if not isinstance(trees, list) or not all(
        hasattr(getattr(tree, "tree_", None), "missing_go_to_left") for tree in trees
    ):
        return None
    return [tree.tree_.missing_go_to_left for tree in trees]
