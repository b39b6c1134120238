"""What the native library answers, made what the caller wants. Used by `model`."""

from __future__ import annotations

import json
from typing import Any

#: What may be asked for. `None`, which is no kind, is the kind that came in.
KINDS = ("pandas", "polars", "arrow", "numpy", "python")

#: Kinds that have nothing but tables: whatever a model gives is put into one.
TABLES = ("polars", "arrow")


def wanted(output: str | None, kind: str) -> str:
    """The kind to answer in."""
    if output is not None and output not in KINDS:
        raise ValueError(f"`output` is `{output}`\nhint: it is one of {', '.join(KINDS)}")
    return output or kind


def answer(kind: str, form: str, content: Any) -> Any:
    """`content`, of the native library's form `form`, in the kind that is wanted."""
    if form == "table":
        return _table(kind, content)
    if form == "tensors":
        return _tensors(kind, content)
    if form == "json":
        return json.loads(content)
    return content[1]


def _table(kind: str, batch: Any) -> Any:
    if kind == "polars":
        import polars

        return polars.DataFrame(batch)
    import pyarrow

    table = pyarrow.Table.from_batches([pyarrow.record_batch(batch)])
    if kind == "arrow":
        return table
    if kind == "pandas":
        frame = table.to_pandas()
        for name in _of_json(table.schema):
            frame[name] = frame[name].map(_parsed)
        return frame
    if kind == "python":
        parsed = _of_json(table.schema)
        return [
            {name: _parsed(value) if name in parsed else value for name, value in row.items()}
            for row in table.to_pylist()
        ]
    return {name: _writable(table.column(name)) for name in table.column_names}


def _of_json(schema: Any) -> list[str]:
    """The columns whose texts are JSON: lists, objects and mixed values."""
    return [field.name for field in schema if (field.metadata or {}).get(b"mlhost:text") == b"json"]


def _parsed(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) else text


def _tensors(kind: str, tensors: Any) -> Any:
    arrays = {name: _array(dtype, shape, values) for name, dtype, shape, values in tensors}
    if kind == "python":
        arrays = {name: array.tolist() for name, array in arrays.items()}
    return arrays[""] if list(arrays) == [""] else arrays


def _array(dtype: str, shape: list[int], values: Any) -> Any:
    import pyarrow

    return _writable(pyarrow.array(values)).astype(dtype, copy=False).reshape(shape)


def _writable(values: Any) -> Any:
    """Values of Arrow belong to whoever made them, and must not be written to: an array of the caller's own."""
    array = values.to_numpy() if hasattr(values, "chunks") else values.to_numpy(zero_copy_only=False)
    return array if array.flags.writeable else array.copy()
