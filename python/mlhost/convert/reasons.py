"""Why no graph of a model will do, in words: it answers otherwise, or there is none. Called by `conversion`; must never
keep a number back."""

from __future__ import annotations

import re
from typing import Any

from .comparison import Comparison
from .refusal import Refusal
from .rows import Rows
from .source import Source

_LONGEST_ROW, _LONGEST_END = 400, 200
_WITHOUT_CONVERTER = re.compile(r"(?:Unable to find a|No proper operator name found).*?<class '([^']+)'>", re.DOTALL)
"""As skl2onnx and onnxmltools say it."""


def differing(comparison: Comparison, rows: Rows, tolerance: float, flavor: str) -> Refusal:
    """The graph is there, and is not the model."""
    about = f"{comparison.differing_rows} of {comparison.rows} rows differ"
    number = (
        f"by up to {comparison.largest:.3g}, where {tolerance:g} is allowed"
        if comparison.largest
        else "in their labels"
    )
    lines = [f"the graph answers otherwise than the model: {about}, {number}"]
    lines += [
        f"  {rows.name(value.row)}, `{value.output}`: {_shown(value.model)} ({flavor}), {_shown(value.graph)} (onnx)"
        for value in comparison.values
    ]
    worst = comparison.values[0].row
    lines.append(f"  {rows.name(worst)} is {rows.inputs(worst)[:_LONGEST_ROW]}")
    hint = (
        "differences of rounding pass with `--tolerance`; all others are faults of a converter, which another version of "
        "skl2onnx or onnxmltools may not have"
    )
    if all(rows.has_missing(value.row) for value in comparison.values):
        hint += "; in these rows numbers are missing: where none will be, `--no-missing` compares without"
    return Refusal("\n".join(lines), hint)


def unconvertible(source: Source, failure: Exception | None) -> Refusal:
    """There is no graph."""
    text = str(failure).strip()
    step = _WITHOUT_CONVERTER.search(text)
    if step:
        name = step.group(1).rsplit(".", 1)[-1]
        return Refusal(
            f"the step `{name}` has no converter to ONNX",
            "do what it does before the model is called, or in a component (`mlhost build`) beside a graph of the other steps; "
            "`skl2onnx.update_registered_converter` takes converters of your own",
        )
    reason = " ".join(text.split()) or type(failure).__name__
    if len(reason) > 2 * _LONGEST_END:
        reason = f"{reason[:_LONGEST_END]} … {reason[-_LONGEST_END:]}"
    return Refusal(
        f"the {source.flavor} model `{type(source.model).__name__}` does not become a graph: {reason}",
        "models of other kinds, or other options of this one, may; so may another version of skl2onnx or onnxmltools",
    )


def _shown(value: Any) -> str:
    return repr(value.item() if hasattr(value, "item") else value)
