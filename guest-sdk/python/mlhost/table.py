"""Columns of one length, by name: what a request's rows are, and what an answer's may be."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import Any

from .column import Column
from .model import Reject


class Table(Mapping[str, Column]):
    """Columns by name, in their order.

    `Table({"x": [1.0, 2.0], "name": ["a", "b"]})` makes one of lists, arrays, memoryviews and columns.
    """

    __slots__ = ("_columns", "rows")

    def __init__(self, columns: Mapping[str, Any], rows: int | None = None) -> None:
        self._columns = {name: Column.of(values) for name, values in columns.items()}
        lengths = {name: len(column) for name, column in self._columns.items()}
        #: How many values each column has.
        self.rows: int = next(iter(lengths.values()), 0) if rows is None else rows
        for name, length in lengths.items():
            if length != self.rows:
                raise ValueError(f"column `{name}` has {length} values, and the table {self.rows} rows")

    @classmethod
    def of_records(cls, records: list[dict[str, Any]]) -> Table:
        """A table of one dict a row; a key that a row lacks is a missing value there."""
        names = dict.fromkeys(name for record in records for name in record)
        return cls({name: [record.get(name) for record in records] for name in names}, len(records))

    def __getitem__(self, name: str) -> Column:
        try:
            return self._columns[name]
        except KeyError:
            known = ", ".join(f"`{known}`" for known in self._columns) or "none"
            raise Reject(f"column `{name}` is missing; there are {known}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def get(self, name: str, default: Any = None) -> Any:
        """The column, or `default` where the request has none of that name."""
        return self._columns.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"Table({list(self._columns)}, {self.rows} rows)"

    def floats(self, name: str) -> array:
        """A column of numbers as doubles, NaN where one is missing. Refuses the request where it is none."""
        try:
            return self[name].floats()
        except TypeError:
            raise Reject(f"column `{name}` is of type {self[name].type} and must hold numbers") from None

    def records(self) -> list[dict[str, Any]]:
        """One dict a row. Makes an object for each value, which takes longer than working on columns."""
        names = list(self._columns)
        return [dict(zip(names, row)) for row in zip(*self._columns.values())] or [{} for _ in range(self.rows)]

    def to_dict(self) -> dict[str, list[Any]]:
        """Lists by column."""
        return {name: list(column) for name, column in self._columns.items()}
