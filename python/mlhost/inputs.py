"""What a caller has, made what the native library takes: a table that speaks Arrow's C interface, or tensors.

Used by `model`. Nothing that is Arrow already is copied, and no package is imported but what the caller's own data is from, and
pyarrow, which knows how pandas and numpy become Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import InputError

Port = tuple[str, str, list[int]]
Tensor = tuple[str, list[int], object]


@dataclass(frozen=True)
class Taken:
    """An input: its kind, and either a table or tensors."""

    kind: str
    table: object = None
    tensors: list[Tensor] | None = None


def take(data: Any, takes: str | None, ports: list[Port]) -> Taken:
    """`takes` is what the signature has, `columns` or `tensors`; `ports` are the tensors it names."""
    kind = _kind(data)
    try:
        if kind == "pandas":
            return Taken(kind, table=_of_pandas(data))
        if kind in ("polars", "arrow"):
            return Taken(kind, table=data.to_frame() if type(data).__name__ == "Series" else data)
        if kind == "records":
            import pyarrow

            return Taken("python", table=pyarrow.Table.from_pylist([dict(record) for record in data]))
        if takes == "columns":
            return Taken(kind, table=_columns(data))
        return Taken(kind, tensors=_tensors(data, ports))
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:  # pyarrow's own are among them
        raise InputError(f"the input cannot be taken: {error}", "bad_input") from error


def _kind(data: Any) -> str:
    package = type(data).__module__.partition(".")[0]
    name = type(data).__name__
    if package == "pandas" and name in ("DataFrame", "Series"):
        return "pandas"
    if package == "polars":
        if name == "LazyFrame":
            raise InputError("a LazyFrame has no rows yet\nhint: pass `frame.collect()`", "bad_input")
        return "polars"
    if package == "numpy" or isinstance(data, Mapping):
        return "numpy"
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        return "arrow"
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes, bytearray)):
        return "records" if data and all(isinstance(item, Mapping) for item in data) else "numpy"
    raise InputError(
        f"a `{type(data).__name__}` is no input\nhint: pass a table of pandas, polars or pyarrow, a numpy array, or a "
        "dictionary of arrays; `invoke` takes the body of a request",
        "bad_input",
    )


def _of_pandas(data: Any) -> object:
    import pyarrow

    if type(data).__name__ == "Series":
        data = data.to_frame(name=0 if data.name is None else data.name)
    return pyarrow.Table.from_pandas(data, preserve_index=False)


def _columns(data: Any) -> object:
    """A dictionary of columns, or the columns of a matrix, called by their numbers."""
    import numpy
    import pyarrow

    if not isinstance(data, Mapping):
        matrix = numpy.asarray(data)
        matrix = matrix.reshape(-1, 1) if matrix.ndim < 2 else matrix
        if matrix.ndim > 2:
            raise InputError(f"the model takes columns, and the array has {matrix.ndim} axes", "bad_input")
        data = {str(number): matrix[:, number] for number in range(matrix.shape[1])}
    elif data and not any(_is_list(values) for values in data.values()):
        data = {name: [value] for name, value in data.items()}
    return pyarrow.table({str(name): _column(values) for name, values in data.items()})


def _is_list(values: Any) -> bool:
    return hasattr(values, "__len__") and not isinstance(values, (str, bytes, bytearray, Mapping))


def _column(values: Any) -> object:
    import pyarrow

    deep = getattr(values, "ndim", 1) > 1
    return pyarrow.array(values.tolist() if deep else values, from_pandas=False)


def _tensors(data: Any, ports: list[Port]) -> list[Tensor]:
    if isinstance(data, Mapping):
        dtypes = {name: dtype for name, dtype, _ in ports}
        return [_tensor(str(name), values, dtypes.get(str(name))) for name, values in data.items()]
    name, dtype, _ = ports[0] if len(ports) == 1 else ("", None, None)
    return [_tensor(name, data, dtype)]


def _tensor(name: str, data: Any, dtype: str | None) -> Tensor:
    """An array keeps its type, which must be the model's; lists and numbers have none, and get the model's."""
    import numpy
    import pyarrow

    typed = hasattr(data, "dtype")
    array = numpy.asarray(data)
    if not typed and dtype not in (None, "str", "bfloat16"):
        array = numpy.asarray(data, dtype=dtype)
    shape = list(array.shape)
    if array.dtype.kind in "OUST":
        texts = [text.decode() if isinstance(text, bytes) else text for text in array.ravel().tolist()]
        return name, shape, pyarrow.array(texts, type=pyarrow.large_string())
    array = numpy.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))
    return name, shape, pyarrow.array(array.reshape(-1), from_pandas=False)
