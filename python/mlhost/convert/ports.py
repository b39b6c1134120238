"""What the converted graph takes: one input a column of the signature, or one tensor. Made by `conversion` from the
signature; must never take anything else than the signature says, since servers cast to what the signature says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy
import pandas

from .refusal import Refusal

_COLUMN_TYPES: dict[str, Any] = {
    "boolean": numpy.bool_,
    "integer": numpy.int32,
    "long": numpy.int64,
    "float": numpy.float32,
    "double": numpy.float64,
    "string": numpy.object_,
}


@dataclass(frozen=True)
class Port:
    """One input of the graph."""

    name: str
    dtype: numpy.dtype
    """`object` for texts."""
    shape: tuple[int | None, ...]
    """`None` where a size is free; the first is the rows."""


@dataclass(frozen=True)
class Ports:
    """All inputs of the graph, and how they come out of what a model is called with."""

    ports: tuple[Port, ...]
    columns: tuple[Any, ...] | None
    """Names (texts, or numbers) of the table's columns; `None` where the model takes a tensor."""
    dtypes: tuple[numpy.dtype, ...]
    """Of the columns, or of the one tensor."""

    @property
    def named(self) -> bool:
        """Whether columns have names, by which a pipeline may ask for them."""
        return self.columns is not None and all(isinstance(name, str) for name in self.columns)

    @property
    def width(self) -> int | None:
        """How many values a row has; `None` where the signature leaves it free."""
        return self.ports[0].shape[1] if self.columns is None else len(self.columns)

    def table(self, rows: Any) -> pandas.DataFrame:
        """`rows` as the signature's columns with its types."""
        assert self.columns is not None
        frame = pandas.DataFrame(rows)
        if not set(self.columns) <= set(frame.columns) and len(frame.columns) == len(self.columns):
            frame.columns = list(self.columns)
        return pandas.DataFrame(
            {name: frame[name].astype(dtype) for name, dtype in zip(self.columns, self.dtypes, strict=True)}
        )

    def tensor(self, rows: Any) -> numpy.ndarray:
        """`rows` as the signature's tensor."""
        return numpy.asarray(rows).astype(self.dtypes[0])

    def feeds(self, rows: Any) -> dict[str, numpy.ndarray]:
        """What the graph gets for `rows`, which `table` or `tensor` made."""
        if self.columns is None:
            return {self.ports[0].name: rows}
        if len(self.ports) == 1:
            return {self.ports[0].name: rows.to_numpy(dtype=self.ports[0].dtype)}
        return {port.name: rows[port.name].to_numpy(dtype=port.dtype) for port in self.ports}


def ports(schema: Any) -> Ports:
    """From the inputs of a signature."""
    if schema.is_tensor_spec():
        return _of_tensor(schema.inputs)
    dtypes = tuple(numpy.dtype(_column_type(spec)) for spec in schema.inputs)
    names = [spec.name for spec in schema.inputs]
    named = all(isinstance(name, str) for name in names)
    columns = tuple(names) if all(name is not None for name in names) else tuple(range(len(names)))
    if named and len(names) > 1:
        # MLflow feeds each column as a vector where a graph has several inputs.
        each = tuple(Port(name, dtype, (None,)) for name, dtype in zip(names, dtypes, strict=True))
        return Ports(each, columns, dtypes)
    # And the whole table as a matrix where it has one.
    name = names[0] if named else "input"
    return Ports((Port(name, _joint(columns, dtypes), (None, len(names))),), columns, dtypes)


def _of_tensor(specs: list[Any]) -> Ports:
    if len(specs) != 1:
        raise Refusal(
            f"the signature has {len(specs)} tensors; a converted model takes one, or columns",
            "save the model with a signature of columns, or of one tensor",
        )
    dtype = numpy.dtype(specs[0].type)
    dtype = numpy.dtype(object) if dtype.kind in "USO" else dtype
    if dtype.kind not in "bifuO" or dtype in (numpy.float16, numpy.longdouble):
        raise Refusal(f"a tensor of {dtype} is not converted", "save the model with a signature of float64 or float32")
    shape = tuple(None if size < 0 else int(size) for size in specs[0].shape)
    if len(shape) != 2 or shape[0] is not None:
        raise Refusal(
            f"the signature's tensor has shape {tuple(specs[0].shape)}; rows of features, (-1, N), are converted",
            "save the model with a signature of shape (-1, N)",
        )
    return Ports((Port(specs[0].name or "input", dtype, shape),), None, (dtype,))


def _column_type(spec: Any) -> Any:
    kind = getattr(spec.type, "name", type(spec.type).__name__)
    try:
        return _COLUMN_TYPES[kind]
    except KeyError:
        raise Refusal(
            f"column `{spec.name}` is of type `{kind}`, of which no graph is made",
            f"{', '.join(_COLUMN_TYPES)} are converted: make numbers or texts of it before the model",
        ) from None


def _joint(columns: tuple[Any, ...], dtypes: tuple[numpy.dtype, ...]) -> numpy.dtype:
    """Of one matrix of all columns, as `DataFrame.values` has it."""
    if len(set(dtypes)) == 1:
        return dtypes[0]
    if any(dtype.kind == "O" for dtype in dtypes):
        raise Refusal(
            f"columns without names ({', '.join(map(str, columns))}) are of texts and of numbers, which no tensor holds",
            "save the model with a signature whose columns have names",
        )
    return numpy.dtype(numpy.float64)
