"""The whole graph: the signature's inputs, cast and put side by side, in front of the model's own graph, and its outputs
under their names behind it. Called by `conversion`; must never compute anything that the model does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .core import Core, CoreInput
from .onnx_parts import INSIDE, element_type, rename, shaped
from .original import Answers, Original
from .outlets import outlets, public_name
from .ports import Ports


def whole(core: Core, original: Original, answers: Answers) -> Any:
    """A graph that takes `original.ports`, and answers what has the names, shapes and types of `answers`."""
    from onnx import helper

    ports, graph = original.ports, core.graph.graph
    outside = {port.name for port in ports.ports} | {public_name(answer, original) for answer in answers}
    inside = {each.name for each in graph.input} | {each.name for each in graph.output}
    rename(graph, {name: f"{INSIDE}{name}" for name in outside | inside})
    _leave_locales(graph)
    front = [node for each in core.inputs for node in _front(each, ports)]
    types = {each.name: each.type.tensor_type.elem_type for each in graph.output}
    ends = outlets(original, answers, graph)
    back = [node for end in ends for node in end.nodes(types[end.source])]
    made = helper.make_graph(
        [*front, *graph.node, *back],
        "model",
        [helper.make_tensor_value_info(port.name, element_type(port.dtype), port.shape) for port in ports.ports],
        [helper.make_tensor_value_info(end.name, end.element_type, end.shape) for end in ends],
        initializer=list(graph.initializer),
    )
    opsets = {entry.domain: entry.version for entry in core.graph.opset_import}
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets.items()],
        functions=list(core.graph.functions),
        ir_version=max(core.graph.ir_version, 8),
    )
    model.producer_name = "mlhost.convert"
    return model


def _front(each: CoreInput, ports: Ports) -> Iterator[Any]:
    """Casts, makes columns of vectors, and joins them: to the model's input."""
    from onnx import helper

    parts = []
    for position in each.ports:
        port = ports.ports[position]
        value, inside = port.name, f"{INSIDE}in/{each.name}/{position}"
        if element_type(port.dtype) != element_type(each.dtype):
            yield helper.make_node("Cast", [value], [f"{inside}/cast"], to=element_type(each.dtype))
            value = f"{inside}/cast"
        if len(port.shape) == 1:
            yield from shaped(value, f"{inside}/column", [-1, 1])
            value = f"{inside}/column"
        parts.append(value)
    if len(parts) > 1:
        yield helper.make_node("Concat", parts, [f"{INSIDE}{each.name}"], axis=1)
    else:
        yield helper.make_node("Identity", parts, [f"{INSIDE}{each.name}"])


def _leave_locales(graph: Any) -> None:
    """Lower case by the locale `C`, which every machine has: `core` lets only words of ASCII through."""
    from onnx import helper

    for node in graph.node:
        if node.op_type == "StringNormalizer":
            kept = [attribute for attribute in node.attribute if attribute.name != "locale"]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute("locale", "C")])
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _leave_locales(inner)
