"""One column of a table: values of one type in one buffer, and which of them are missing.

Made by `border` out of a request and by `Table` out of a model's values. No object is made for a value before it is asked
for.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any, Union

#: MLflow's name of a type of numbers, and the array's type that holds it.
NUMBERS = {"double": "d", "float": "f", "long": "q", "integer": "i", "boolean": "B", "datetime": "q"}
#: Types whose values differ in length.
PACKED = ("string", "binary", "json")

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)


class Packed(Sequence[bytes]):
    """Byte strings in two buffers: value `i` is `data[offsets[i]:offsets[i + 1]]`."""

    __slots__ = ("data", "offsets")

    def __init__(self, offsets: Sequence[int], data: bytes) -> None:
        self.offsets = offsets
        self.data = data

    @classmethod
    def of(cls, values: Iterable[bytes]) -> Packed:
        """The values, one after the other."""
        values = list(values)
        offsets, end = [0], 0
        for value in values:
            end += len(value)
            offsets.append(end)
        return cls(offsets, b"".join(values))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> bytes:  # type: ignore[override]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        return self.data[self.offsets[index] : self.offsets[index + 1]]


class Column(Sequence[Any]):
    """Values of one type.

    `type` is MLflow's name: double, float, long, integer, boolean, string, binary, datetime; json for lists and objects.
    `values` is an `array.array` of numbers (bytes of 0 and 1 for boolean, nanoseconds since 1970 for datetime) or packed
    byte strings. `column[i]` and iteration give Python's own values, None where one is missing.
    """

    __slots__ = ("type", "validity", "values")

    def __init__(self, type: str, values: Union[array, Packed, bytes], validity: bytes | None = None) -> None:
        self.type = type
        self.values = values
        #: A byte for each value, 0 where it is missing; None where none is.
        self.validity = validity

    @classmethod
    def of(cls, values: Any) -> Column:
        """A column of a model's values; its type is that of the first one that is not None."""
        if isinstance(values, Column):
            return values
        if isinstance(values, memoryview):
            values = array(values.format, values)
        if isinstance(values, array):
            return cls(*_of_array(values))
        values = list(values)
        first = next((value for value in values if value is not None), None)
        validity = None
        if any(value is None for value in values):
            validity = bytes(value is not None for value in values)
        return cls(*_of_values(values, first), validity)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> Any:  # type: ignore[override]
        value = self.values[index]
        if self.validity is not None and not self.validity[index]:
            return None
        return _shown(self.type, value)

    def __iter__(self) -> Iterator[Any]:
        if self.validity is None and self.type in ("double", "float", "long", "integer"):
            return iter(self.values)
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Column) and self.type == other.type and list(self) == list(other)

    def __repr__(self) -> str:
        return f"Column({self.type}, {len(self)} values)"

    def memory(self) -> memoryview:
        """The buffer of a column of numbers, without a copy."""
        if isinstance(self.values, Packed):
            raise TypeError(f"a column of type {self.type} is no buffer of numbers")
        return memoryview(self.values)

    def floats(self) -> array:
        """The numbers as doubles, NaN where one is missing: the buffer itself where they are doubles."""
        if self.type == "double":
            return self.values  # type: ignore[return-value]
        if self.type not in ("float", "long", "integer", "boolean"):
            raise TypeError(f"a column of type {self.type} holds no numbers")
        numbers = array("d", self.values)  # type: ignore[arg-type]
        for row, valid in enumerate(self.validity or b""):
            if not valid:
                numbers[row] = float("nan")
        return numbers


def _shown(type: str, value: Any) -> Any:
    if type == "string":
        return value.decode()
    if type == "boolean":
        return bool(value)
    if type == "datetime":
        return EPOCH + timedelta(microseconds=value // 1000)
    if type == "json":
        return json.loads(value)
    return value


def _of_array(values: array) -> tuple[str, array]:
    if values.typecode in "df":
        return ("double" if values.typecode == "d" else "float"), values
    if values.typecode in "bBhHilqLIQ":
        signed = values.typecode in "bhilq"
        type = "integer" if values.itemsize < 4 or (values.itemsize == 4 and signed) else "long"
        return type, values if values.typecode == NUMBERS[type] else array(NUMBERS[type], values)
    raise TypeError(f"an array of type {values.typecode!r} is no column")


def _of_values(values: list[Any], first: Any) -> tuple[str, Union[array, Packed, bytes]]:
    # bool is a kind of int, and datetime one of date.
    if isinstance(first, bool):
        return "boolean", bytes(bool(value) for value in values)
    if isinstance(first, (int, float)):
        if isinstance(first, int) and all(value is None or isinstance(value, int) for value in values):
            return "long", array("q", [0 if value is None else value for value in values])
        return "double", array("d", [float("nan") if value is None else value for value in values])
    if isinstance(first, str):
        return "string", Packed.of("".encode() if value is None else value.encode() for value in values)
    if isinstance(first, (bytes, bytearray, memoryview)):
        return "binary", Packed.of(b"" if value is None else bytes(value) for value in values)
    if isinstance(first, date):
        return "datetime", array("q", [0 if value is None else _nanoseconds(value) for value in values])
    if first is None:
        return "double", array("d", [float("nan")] * len(values))
    return "json", Packed.of(
        b"" if value is None else json.dumps(value, allow_nan=False).encode() for value in values
    )


def _nanoseconds(value: date) -> int:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return (value - EPOCH) // MICROSECOND * 1000
