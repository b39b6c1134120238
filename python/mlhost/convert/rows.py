"""Rows to compare a model and its graph on: the input example, and random ones from the signature and from what the
model's encoders know. Called by `conversion`; must never leave out what the model accepts because a graph might not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy
import pandas

from .known import Known
from .original import Original
from .ports import Ports
from .refusal import Refusal

UNKNOWN = "Unknown to mlhost"
_WORDS = ["Alpha", "beta", "gamma delta", "", "Été", "x1"]
_FEWEST_SHARE = 20
"""A twentieth of the random rows has to be accepted."""
_ODD_EVERY = 23
"""Rows from one odd value of a column to its next."""


@dataclass(frozen=True)
class Rows:
    """What both are asked; the first `examples` are the input example's."""

    rows: Any
    examples: int
    notes: tuple[str, ...]

    def name(self, row: int) -> str:
        """What a message calls the row."""
        return f"row {row} of the input example" if row < self.examples else f"random row {row - self.examples}"

    def has_missing(self, row: int) -> bool:
        """Whether a number of the row is missing."""
        return isinstance(self.rows, pandas.DataFrame) and bool(self.rows.iloc[row].isna().any())

    def inputs(self, row: int) -> str:
        """What the row has, for people."""
        if isinstance(self.rows, pandas.DataFrame):
            return ", ".join(f"{name}={value!r}" for name, value in self.rows.iloc[row].to_dict().items())
        return str(self.rows[row].tolist())


@dataclass(frozen=True)
class Drawing:
    """How many random rows, and from which seed."""

    count: int
    seed: int
    missing: bool = True
    """Whether numbers may be missing where the model takes that."""


def rows(original: Original, values: Known, drawing: Drawing) -> Rows:
    """At least one."""
    ports = original.ports
    example, notes = _example(ports, original.source.example)
    parts = [] if example is None else [example]
    if drawing.count:
        generator = numpy.random.default_rng(drawing.seed)
        drawn = _drawn(ports, values, example, generator, drawing.count)
        if not original.accepts(drawn):
            drawn = _accepted(original, drawn)
            notes.append(f"the model fails on {drawing.count - len(drawn)} of the random rows, which are left out")
        if ports.columns is not None:
            notes += _make_odd(original, values, drawn, drawing.missing)
        parts.append(drawn)
    if not parts:
        raise Refusal("there are no rows to compare on", "save the model with an input example, or ask for `--rows`")
    joined = numpy.concatenate(parts) if ports.columns is None else pandas.concat(parts, ignore_index=True)
    return Rows(joined, 0 if example is None else len(example), tuple(notes))


def _example(ports: Ports, example: Any) -> tuple[Any, list[str]]:
    if example is None:
        return None, []
    if ports.columns is None:
        return ports.tensor(example).reshape(-1, numpy.shape(example)[-1]), []
    if isinstance(example, dict) and not any(isinstance(value, list | numpy.ndarray) for value in example.values()):
        example = [example]
    table = ports.table(example)
    for name, dtype in zip(ports.columns, ports.dtypes, strict=True):
        if dtype.kind == "O" and table[name].isna().any():
            raise Refusal(
                f"column `{name}` of the input example has a missing text, and a graph has none",
                "fill missing texts before the model, and save it with an example that has them all",
            )
    return table, []


def _drawn(ports: Ports, values: Known, example: Any, generator: numpy.random.Generator, count: int) -> Any:
    if ports.columns is None:
        width = ports.width or (example.shape[1] if example is not None else 0)
        if not width:
            raise Refusal("the signature says not how many features a row has", "save the model with an input example")
        columns = [_column(ports.dtypes[0], None, generator, count) for _ in range(width)]
        return numpy.stack(columns, axis=1).astype(ports.dtypes[0])
    table = {}
    for position, (name, dtype) in enumerate(zip(ports.columns, ports.dtypes, strict=True)):
        seen = None if example is None else example[name].to_numpy()
        if values.categories.get(position):
            kept = numpy.array(values.categories[position], dtype=object)
            table[name] = pandas.Series(generator.choice(kept, count)).astype(dtype)
        elif dtype.kind == "O":
            table[name] = pandas.Series(_texts(values.words.get(position), seen, generator, count), dtype=object)
        else:
            table[name] = pandas.Series(_column(dtype, seen, generator, count))
    return pandas.DataFrame(table)


def _accepted(original: Original, drawn: Any) -> Any:
    """The rows that the model answers one by one: logarithms, say, take no number below 0."""
    each = (drawn[at : at + 1] for at in range(len(drawn)))
    kept = numpy.array([original.accepts(row) for row in each], dtype=bool)
    if kept.sum() * _FEWEST_SHARE < len(drawn) or not original.accepts(drawn[kept]):
        raise Refusal(
            f"the model fails on {len(drawn) - kept.sum()} of {len(drawn)} random rows of its signature: too few are left",
            "`--rows 0` compares on the input example alone",
        )
    rows = drawn[kept]
    return rows if isinstance(rows, numpy.ndarray) else rows.reset_index(drop=True)


def _column(dtype: numpy.dtype, seen: Any, generator: numpy.random.Generator, count: int) -> numpy.ndarray:
    """Small numbers, numbers of every size, and numbers like those of the example."""
    if dtype.kind == "b":
        return generator.integers(0, 2, count).astype(bool)
    if dtype.kind == "O":
        return numpy.array(_texts(None, seen, generator, count), dtype=object)
    small = generator.normal(size=count)
    any_size = generator.choice([-1, 1], count) * 10.0 ** generator.uniform(-3, 4, count)
    if seen is None or len(seen) == 0:
        like = generator.uniform(0, 10, count)
    else:
        like = generator.choice(seen.astype(float), count) * generator.uniform(0.5, 1.5, count) + small
    drawn = numpy.choose(generator.integers(0, 3, count), [small, any_size, like])
    if dtype.kind in "iu":
        limits = numpy.iinfo(dtype)
        drawn = numpy.rint(numpy.nan_to_num(drawn)).clip(limits.min, limits.max)
    return drawn.astype(dtype)


def _texts(words: list[str] | None, seen: Any, generator: numpy.random.Generator, count: int) -> list[str]:
    """Of words that the model knows, in both cases, and of others."""
    like = [] if seen is None else [str(text) for text in seen]
    if not words:
        return [str(text) for text in generator.choice(numpy.array(like + _WORDS, dtype=object), count)]
    stock = numpy.array(words + [word.upper() for word in words[:50]] + _WORDS + like, dtype=object)
    return [" ".join(generator.choice(stock, generator.integers(1, 9))) for _ in range(count)]


def _make_odd(original: Original, values: Known, drawn: pandas.DataFrame, missing: bool) -> list[str]:
    """Puts unknown texts and numbers, and missing numbers, where the model accepts them, and says where it does not."""
    refused = []
    for position, (name, dtype) in enumerate(zip(original.ports.columns or (), original.ports.dtypes, strict=True)):
        for odd in _odd(dtype, values.categories.get(position), missing):
            trial = drawn.head(2).copy()
            trial.loc[0, name] = odd
            if original.accepts(trial):
                # In different rows for each column, so that one does not hide another.
                drawn.loc[position % _ODD_EVERY :: _ODD_EVERY, name] = odd
            else:
                refused.append(f"`{name}`")
    if not refused:
        return []
    columns = ", ".join(dict.fromkeys(refused))
    return [f"the model refuses unknown or missing values in {columns}; its graph may answer them"]


def _odd(dtype: numpy.dtype, categories: list[Any] | None, missing: bool) -> list[Any]:
    """What no encoder knows, and what is missing where it can be."""
    if dtype.kind == "O":
        return [UNKNOWN]
    if dtype.kind in "iu":
        return [max(categories) + 1] if categories else []
    return [numpy.nan] if dtype.kind == "f" and missing else []
