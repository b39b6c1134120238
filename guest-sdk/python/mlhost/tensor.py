"""A tensor: elements of one type in one buffer, in row-major order, and a shape."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import prod
from typing import Any, Union

#: An element's type, and the array's type that holds it. `f16` and `bf16` carry their bits, `boolean` is 0 or 1.
ARRAYS = {
    "f64": "d",
    "f32": "f",
    "s64": "q",
    "s32": "i",
    "s16": "h",
    "s8": "b",
    "u64": "Q",
    "u32": "I",
    "u16": "H",
    "u8": "B",
    "boolean": "B",
    "f16": "H",
    "bf16": "H",
}


class Tensor:
    """`Tensor([2, 3], array("f", ...))`: the type is the array's. With `type=` the elements may be any sequence of numbers.

    `data` is an `array.array`; of a `text` tensor, a list of strings.
    """

    __slots__ = ("data", "shape", "type")

    def __init__(self, shape: Sequence[int], data: Any, type: str | None = None) -> None:
        self.shape = tuple(shape)
        self.type, self.data = _typed(data, type)
        if prod(self.shape) != len(self.data):
            raise ValueError(f"a tensor of shape {list(self.shape)} has no {len(self.data)} elements")

    @classmethod
    def interleaved(cls, columns: Sequence[array], type: str = "f32") -> Tensor:
        """A tensor of rows and columns out of columns: how a table becomes the input of most graphs."""
        width, rows = len(columns), len(columns[0]) if columns else 0
        data = array(ARRAYS[type], bytes(rows * width * array(ARRAYS[type]).itemsize))
        for index, column in enumerate(columns):
            same = isinstance(column, array) and column.typecode == data.typecode
            data[index::width] = column if same else array(data.typecode, column)
        return cls((rows, width), data, type)

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 1

    def __eq__(self, other: object) -> bool:
        mine = (self.type, self.shape, self.data)
        return isinstance(other, Tensor) and mine == (other.type, other.shape, other.data)

    def __repr__(self) -> str:
        return f"Tensor({self.type}, {list(self.shape)})"

    def column(self, index: int) -> Union[array, list[str]]:
        """Column `index` of a tensor of rows and columns."""
        if len(self.shape) != 2:
            raise ValueError(f"a tensor of shape {list(self.shape)} has no columns")
        if not 0 <= index < self.shape[1]:
            raise IndexError(f"there is no column {index} in a tensor of shape {list(self.shape)}")
        return self.data[index :: self.shape[1]]

    def tolist(self) -> Any:
        """Lists in lists, as the shape says."""
        return _nested(list(self.data), self.shape)


def _typed(data: Any, type: str | None) -> tuple[str, Any]:
    if isinstance(data, memoryview):
        data = array(data.format, data)
    if type is None and isinstance(data, array):
        return _type_of(data), data
    if type is None:
        data = list(data)
        first = data[0] if data else 0.0
        # bool is a kind of int.
        kinds = [(bool, "boolean"), (int, "s64"), (float, "f32"), (str, "text")]
        type = next((name for kind, name in kinds if isinstance(first, kind)), None)
        if type == "s64" and any(isinstance(value, float) for value in data):
            type = "f32"
    if type == "text":
        return type, list(data)
    if type not in ARRAYS:
        raise TypeError(f"there are no tensors of type {type!r}; the types are text, {', '.join(ARRAYS)}")
    code = ARRAYS[type]
    return type, data if isinstance(data, array) and data.typecode == code else array(code, data)


def _type_of(data: array) -> str:
    if data.typecode in "df":
        return {"d": "f64", "f": "f32"}[data.typecode]
    if data.typecode in "bBhHiIlLqQ":
        return f"{'s' if data.typecode.islower() else 'u'}{data.itemsize * 8}"
    raise TypeError(f"an array of type {data.typecode!r} is no tensor")


def _nested(values: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return values[0]
    if len(shape) == 1:
        return values
    step = prod(shape[1:])
    return [_nested(values[row * step : (row + 1) * step], shape[1:]) for row in range(shape[0])]
