"""From a model's URI to a model directory that answers the same: loads, converts, compares, writes. Called by `__main__`
and by whoever converts from Python; must never write a model whose answers it has not compared."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from .comparison import Comparison, compare
from .core import Core, attempts, refuse
from .directory import check_free, write
from .graph import whole
from .known import Known, known
from .original import Answers, Original
from .outlets import public_name
from .ports import ports
from .reasons import differing, unconvertible
from .refusal import Refusal, needed
from .rows import Drawing, Rows, rows
from .signature import signature
from .source import load


@dataclass(frozen=True)
class Request:
    """What is to be converted, and how strictly it is compared."""

    uri: str
    directory: Path
    tolerance: float = 1e-5
    """Of numbers, relative to max(1, |x|)."""
    drawing: Drawing = Drawing(1000, 0)
    probabilities: bool = True
    """Whether a classifier answers them beside its labels."""
    replace: bool = False
    """Whether a model directory may be in the way."""


@dataclass(frozen=True)
class Converted:
    """What was written."""

    flavor: str
    precision: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    comparison: Comparison
    examples: int
    """How many of the rows were the input example's."""
    notes: tuple[str, ...]


def convert(request: Request) -> Converted:
    """Raises `Refusal`, and then has written nothing."""
    check_free(request.directory, request.replace)
    for package in ("mlflow", "onnx", "onnxruntime", "skl2onnx", "onnxmltools"):
        needed(package)
    # Both tell of every node otherwise.
    for chatty in ("skl2onnx", "onnxmltools", "mlflow"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    source = load(request.uri)
    original = Original(source, ports(source.signature.inputs), request.probabilities)
    refuse(original)
    values = known(source.model, list(original.ports.columns or ()))
    asked = rows(original, values, request.drawing)
    answers = original.answers(asked.rows)
    best = _best(original, values, _Asked(asked, answers, request.tolerance))
    saved = {
        "signature": signature(original, best.graph),
        "input_example": source.example,
        "metadata": source.served.metadata.metadata,
    }
    write(request.directory, best.graph, saved, request.replace)
    return Converted(
        flavor=source.flavor,
        precision=best.core.precision,
        inputs=tuple(each.name for each in best.graph.graph.input),
        outputs=tuple(each.name for each in best.graph.graph.output),
        comparison=best.comparison,
        examples=asked.examples,
        notes=asked.notes,
    )


@dataclass(frozen=True)
class _Asked:
    """What a graph has to answer."""

    rows: Rows
    answers: Answers
    tolerance: float


@dataclass(frozen=True)
class _Best:
    core: Core
    graph: Any
    comparison: Comparison


def _best(original: Original, values: Known, asked: _Asked) -> _Best:
    """The first attempt that answers the same; refuses with how far the closest one was off, or what the first failed on."""
    failure: Exception | None = None
    closest: Comparison | None = None
    for attempt in attempts(original, values):
        try:
            core = attempt()
            graph = whole(core, original, asked.answers)
            found = _run(graph, original, asked)
            comparison = compare(asked.answers, found, asked.tolerance)
        except Refusal:
            raise
        except Exception as failed:  # noqa: BLE001 - a converter raises whatever it likes
            failure = failure or failed
            continue
        if comparison.equal:
            return _Best(core, graph, comparison)
        if closest is None or comparison.differing_rows < closest.differing_rows:
            closest = comparison
    if closest is not None:
        raise differing(closest, asked.rows, asked.tolerance, original.source.flavor)
    raise unconvertible(original.source, failure)


def _run(graph: Any, original: Original, asked: _Asked) -> Answers:
    """What ONNX Runtime answers, under the names of the model's answers."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [public_name(answer, original) for answer in asked.answers]
    found = session.run(names, original.ports.feeds(asked.rows.rows))
    return {answer: numpy.asarray(values) for answer, values in zip(asked.answers, found, strict=True)}
