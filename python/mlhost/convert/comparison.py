"""Whether a graph answers what its model answers. Called by `conversion`; must never call two labels nearly equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from .original import Answers

_SHOWN = 5


@dataclass(frozen=True)
class Differing:
    """One value that is not the model's."""

    row: int
    output: str
    model: object
    graph: object


@dataclass(frozen=True)
class Comparison:
    """Of all rows."""

    rows: int
    differing_rows: int
    values: tuple[Differing, ...]
    """The first few, by row, the largest difference first among them."""
    largest: float
    """Of numbers, relative to max(1, |the model's|)."""

    @property
    def equal(self) -> bool:
        """Within the tolerance."""
        return self.differing_rows == 0


def compare(model: Answers, graph: Answers, tolerance: float) -> Comparison:
    """Both have the same outputs."""
    rows = len(next(iter(model.values())))
    differing = numpy.zeros(rows, dtype=bool)
    worst: list[tuple[float, Differing]] = []
    largest = 0.0
    for name, expected in model.items():
        found = graph[name]
        if found.shape != expected.shape:
            raise ValueError(f"output `{name}` has shape {found.shape}, and the model answers {expected.shape}")
        distance = _distance(expected, found).reshape(rows, -1)
        numbers = expected.dtype.kind == "f"
        if numbers and distance.size:
            largest = max(largest, float(distance.max()))
        wrong = distance > (tolerance if numbers else 0)
        differing |= wrong.any(axis=1)
        for row in numpy.argsort(-distance.max(axis=1, initial=0), kind="stable")[:_SHOWN]:
            if wrong[row].any():
                at = int(distance[row].argmax())
                label = name if distance.shape[1] == 1 else f"{name}[{at}]"
                value = Differing(
                    int(row), label, expected.reshape(rows, -1)[row, at], found.reshape(rows, -1)[row, at]
                )
                worst.append((float(distance[row, at]), value))
    worst.sort(key=lambda pair: -pair[0])
    return Comparison(rows, int(differing.sum()), tuple(value for _, value in worst[:_SHOWN]), largest)


def _distance(expected: numpy.ndarray, found: numpy.ndarray) -> numpy.ndarray:
    """0 where both are equal, infinite where no number is between them."""
    if expected.dtype.kind != "f":
        return numpy.where(expected.astype(object) == found.astype(object), 0.0, numpy.inf)
    expected, found = expected.astype(float), found.astype(float)
    with numpy.errstate(invalid="ignore"):
        distance = numpy.abs(expected - found) / numpy.maximum(1.0, numpy.abs(expected))
    same = (expected == found) | (numpy.isnan(expected) & numpy.isnan(found))
    return numpy.where(same, 0.0, numpy.where(numpy.isnan(distance), numpy.inf, distance))
