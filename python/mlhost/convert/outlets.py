"""Which of the model's outputs has which of the answers, and how it comes out: a column of it, a vector, another type.
Called by `graph`; must never give what MLflow does not answer, but a classifier's probabilities beside its labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from .onnx_parts import INSIDE, constant, element_type, shaped
from .original import LABEL, PROBABILITIES, Answers, Original
from .refusal import Refusal


@dataclass(frozen=True)
class Outlet:
    """One output of the whole graph."""

    answer: str
    name: str
    """As the answer, where no input is called so."""
    source: str
    """The output of the model's graph."""
    column: int | None
    """Of the source, where it is a matrix and the answer one of its columns."""
    element_type: int
    shape: tuple[int | None, ...]

    def nodes(self, source_type: int) -> Iterator[Any]:
        """From the source to the output."""
        from onnx import helper

        value, inside = self.source, f"{INSIDE}out/{self.answer}"
        if self.column is not None:
            yield constant(f"{inside}/at", numpy.array([self.column], dtype=numpy.int64))
            yield helper.make_node("Gather", [value, f"{inside}/at"], [f"{inside}/column"], axis=1)
            value = f"{inside}/column"
        if len(self.shape) == 1:
            yield from shaped(value, f"{inside}/vector", [-1])
            value = f"{inside}/vector"
        if source_type == self.element_type:
            yield helper.make_node("Identity", [value], [self.name])
        else:
            yield helper.make_node("Cast", [value], [self.name], to=self.element_type)


def public_name(answer: str, original: Original) -> str:
    """What the output for `answer` is called: an input may have taken its name."""
    taken = {port.name for port in original.ports.ports}
    return f"predicted_{answer}" if answer in taken else answer


def outlets(original: Original, answers: Answers, graph: Any) -> tuple[Outlet, ...]:
    """One for each of the answers, in their order."""
    types = {each.name: each.type.tensor_type.elem_type for each in graph.output}
    made = []
    for answer, values in answers.items():
        source, column = _place(original, answers, answer, list(types))
        kind = types[source] if answer == PROBABILITIES and original.classifies else element_type(values.dtype)
        shape = (None, *values.shape[1:])
        made.append(Outlet(answer, public_name(answer, original), source, column, kind, shape))
    return tuple(made)


def _place(original: Original, answers: Answers, answer: str, outputs: list[str]) -> tuple[str, int | None]:
    if original.classifies:
        at = {LABEL: 0, PROBABILITIES: 1}[answer]
        if at >= len(outputs):
            raise Refusal("the converter gave no probabilities", "another version of skl2onnx or onnxmltools may")
        return outputs[at], None
    among = list(answers).index(answer)
    whole = answers[answer].ndim == 2
    probabilities = original.native or original.source.predict_fn == "predict_proba"
    if probabilities and len(outputs) > 1 and not _answers_classes(original):
        if len(answers) == 1:
            # A native binary model answers the probability of the second class.
            return outputs[1], None if whole else 1
        return outputs[1], among
    return outputs[0], among if len(answers) > 1 else None


def _answers_classes(original: Original) -> bool:
    """A native model of XGBoost's `multi:softmax`, which answers the number of the class."""
    if original.source.flavor != "xgboost" or not original.native:
        return False
    objective = json.loads(original.source.model.save_config())["learner"]["objective"]["name"]
    return bool(objective == "multi:softmax")
