"""A fitted scikit-learn model's steps, and which of the model's columns each of them sees. Called by `known` and `core`;
must never call a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

Step = tuple[Any, tuple[int, ...]]


def steps(model: Any, columns: list[Any]) -> Iterator[Step]:
    """Each step that sees columns of the input as they are, or with gaps filled and numbers scaled, with their positions."""
    yield from _walk(model, tuple(range(len(columns))), columns)


def has_table_steps(model: Any) -> bool:
    """Whether some step of `model` takes its columns apart."""
    return any(_is_table_step(step) for step, _ in steps(model, []))


def _is_table_step(step: Any) -> bool:
    return hasattr(step, "transformers_")


def _walk(step: Any, positions: tuple[int, ...], columns: list[Any]) -> Iterator[Step]:
    if step is None or isinstance(step, str):
        return
    for inner in ("best_estimator_", "regressor_", "estimator_"):
        if hasattr(step, inner):
            yield from _walk(getattr(step, inner), positions, columns)
            return
    yield step, positions
    if _is_table_step(step):
        for _, inside, chosen in step.transformers_:
            yield from _walk(inside, _positions(chosen, columns), columns)
    elif hasattr(step, "transformer_list"):
        for _, inside in step.transformer_list:
            yield from _walk(inside, positions, columns)
    elif hasattr(step, "steps"):
        for _, inside in step.steps:
            yield from _walk(inside, positions, columns)
            if not _keeps_columns(inside):
                return


def _keeps_columns(step: Any) -> bool:
    name = type(step).__name__
    return (
        step in (None, "passthrough") or name.endswith("Scaler") or (name == "SimpleImputer" and not step.add_indicator)
    )


def _positions(chosen: Any, columns: list[Any]) -> tuple[int, ...]:
    if isinstance(chosen, slice):
        return tuple(range(len(columns)))[chosen] if _numbers([chosen.start, chosen.stop]) else ()
    chosen = [chosen] if isinstance(chosen, str | int) else list(chosen)
    if chosen and all(isinstance(item, bool | numpy.bool_) for item in chosen):
        return tuple(position for position, taken in enumerate(chosen) if taken)
    return tuple(
        columns.index(item) if isinstance(item, str) else int(item)
        for item in chosen
        if not isinstance(item, str) or item in columns
    )


def _numbers(items: list[Any]) -> bool:
    return all(item is None or isinstance(item, int) for item in items)
