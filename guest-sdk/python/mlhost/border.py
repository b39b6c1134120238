"""Between the contract's values (`guest-sdk/wit`) and this package's. The one module that knows componentize-py's bindings.

componentize-py gives a list of bytes as `bytes`, and every other list as a Python list, one object a value: those are put
into an array here, once, and are the only objects that are made for values. Called by `mlhost_predictor`.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from componentize_py_types import Err
from wit_world.imports import artifacts, graphs
from wit_world.imports import mlhost_guest_types as guest
from wit_world.imports import mlhost_nn_types as nn

from .blob import Blob
from .column import NUMBERS, Column, Packed
from .context import Artifacts, Context, GraphError
from .table import Table
from .tensor import ARRAYS, Tensor

COLUMNS = {
    "double": guest.ColumnData_F64,
    "float": guest.ColumnData_F32,
    "long": guest.ColumnData_S64,
    "integer": guest.ColumnData_S32,
    "boolean": guest.ColumnData_Boolean,
    "string": guest.ColumnData_Text,
    "binary": guest.ColumnData_Binary,
    "datetime": guest.ColumnData_Datetime,
    "json": guest.ColumnData_Json,
}
COLUMN_TYPES = {data: type for type, data in COLUMNS.items()}

ELEMENTS = {
    "boolean": nn.Elements_Boolean,
    "bf16": nn.Elements_Bf16,
    "f16": nn.Elements_F16,
    "f32": nn.Elements_F32,
    "f64": nn.Elements_F64,
    "s8": nn.Elements_S8,
    "s16": nn.Elements_S16,
    "s32": nn.Elements_S32,
    "s64": nn.Elements_S64,
    "u8": nn.Elements_U8,
    "u16": nn.Elements_U16,
    "u32": nn.Elements_U32,
    "u64": nn.Elements_U64,
    "text": nn.Elements_Text,
}
ELEMENT_TYPES = {elements: type for type, elements in ELEMENTS.items()}
#: Lists of these are `bytes` in the bindings.
BYTES = ("boolean", "u8", "s8")


def context_in(context: guest.Context) -> Context:
    """What the bundle says, and ways to what it brought."""
    return Context(json.loads(context.model_config or "{}"), Artifacts(context.artifacts, read), compute)


def read(name: str) -> bytes:
    """An artifact's bytes."""
    try:
        return artifacts.read(name)
    except Err as error:
        raise KeyError(error.value) from None


def compute(graph: str, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
    """Runs a graph of the bundle."""
    try:
        answer = graphs.compute(graph, tensors_out(inputs), list(outputs))
    except Err as error:
        raise GraphError(error.value.message) from None
    return {named.name: tensor_in(named.tensor) for named in answer}


def input_in(input: guest.Input) -> Any:
    """What a call brought."""
    if isinstance(input, guest.Input_Table):
        table = input.value
        return Table({column.name: column_in(column) for column in table.columns}, table.rows)
    if isinstance(input, guest.Input_Blob):
        return Blob(input.value.data, input.value.content_type)
    tensors = {named.name: tensor_in(named.tensor) for named in input.value}
    return tensors[""] if list(tensors) == [""] else tensors


def column_in(column: guest.Column) -> Column:
    type = COLUMN_TYPES[column.data.__class__]
    value = column.data.value
    if type in ("string", "binary", "json"):
        value = Packed(value.offsets, value.data)
    elif type != "boolean":
        value = array(NUMBERS[type], value)
    return Column(type, value, column.validity)


def tensor_in(tensor: nn.Tensor) -> Tensor:
    type = ELEMENT_TYPES[tensor.elements.__class__]
    value = tensor.elements.value
    if type == "text":
        value = [text.decode() for text in Packed(value.offsets, value.data)]
    return Tensor(tensor.shape, value if type == "text" else array(ARRAYS[type], value), type)


def params_in(params: Sequence[guest.Param]) -> dict[str, Any]:
    return {param.name: value_in(param.value) for param in params}


def value_in(value: guest.Value) -> Any:
    if isinstance(value, guest.Value_Null):
        return None
    return json.loads(value.value) if isinstance(value, guest.Value_Json) else value.value


def output_out(output: Any) -> guest.Output:
    """What a model returned. What is none of this package's values is written as JSON."""
    if isinstance(output, Table):
        columns = [column_out(name, column) for name, column in output.items()]
        return guest.Output_Table(guest.Table(columns, output.rows))
    if isinstance(output, Tensor):
        return guest.Output_Tensors(tensors_out({"": output}))
    if isinstance(output, dict) and output and all(isinstance(value, Tensor) for value in output.values()):
        return guest.Output_Tensors(tensors_out(output))
    if isinstance(output, Blob):
        return guest.Output_Blob(guest.Blob(output.content_type, bytes(output.data)))
    return guest.Output_Json(json.dumps(output, allow_nan=False, ensure_ascii=False, default=plain))


def plain(value: Any) -> Any:
    """What `json` does not know by itself."""
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, (array, Column)):
        return list(value)
    raise TypeError(f"predict returned a value of type {type(value).__name__}, which is no Table, Tensor, Blob or JSON")


def column_out(name: str, column: Column) -> guest.Column:
    value: Any = column.values
    if isinstance(value, Packed):
        value = nn.Packed(list(value.offsets), value.data)
    else:
        value = bytes(value) if column.type == "boolean" else value.tolist()
    return guest.Column(name, COLUMNS[column.type](value), column.validity)


def tensors_out(tensors: Mapping[str, Tensor]) -> list[nn.NamedTensor]:
    return [nn.NamedTensor(name, tensor_out(tensor)) for name, tensor in tensors.items()]


def tensor_out(tensor: Tensor) -> nn.Tensor:
    if tensor.type == "text":
        packed = Packed.of(text.encode() for text in tensor.data)
        value: Any = nn.Packed(list(packed.offsets), packed.data)
    else:
        value = tensor.data.tobytes() if tensor.type in BYTES else tensor.data.tolist()
    return nn.Tensor(list(tensor.shape), ELEMENTS[tensor.type](value))
