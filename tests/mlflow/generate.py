"""Signatures and requests, made up by hypothesis: mostly right, with one or two things wrong in many of them.

Called by `differential.py`. The same seed makes the same requests. Knows neither server.
"""

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

SCALARS = ["boolean", "integer", "long", "float", "double", "string", "binary", "datetime"]
DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "str"]
NAMES = ["a", "b", "c", "x y", "é", "A", "0", "long_name"]
# Without characters that one version of Unicode assigns and another does not: they are spelled as escapes where they are not.
TEXT = st.text(st.characters(max_codepoint=0x2FFF, categories=["L", "N", "P", "S", "Zs", "Cc"]), max_size=6)
# What clients send by mistake, or on purpose.
ODD = [
    None, True, False, 0, 1, -1, 2, 1.0, 1.5, -0.0, 0.1, 1e300, 1e-7, 16777217, 2147483647, 2147483648, -2147483649,
    9007199254740993, 9223372036854775807, 9223372036854775808, 1e19, float("nan"), float("inf"), float("-inf"),
    "", " ", "x", "1", " 1 ", "1.5", "1e3", "true", "false", "NaN", "inf", "null", "AQI=", "AQI", "###", "é你", "it's",
    "\U0001f600", "a\nb", "2021-01-01", "2021-01-01T10:20:30", "2021-01-01 10:20:30.123456789", "2021-01-01T00:00:00Z",
    "2021-01-01T00:00:00+02:00", "2021-13-01", "1600-01-01", "1609459200", 1609459200, [], [1], [[1, 2], [3, 4]], ["a", None], {}, {"x": 1},
]  # fmt: skip


@dataclass
class Request:
    """What is sent to `/invocations`, and from what it was made."""

    content_type: str | None
    body: bytes
    form: str
    json: object = None
    marks: set = field(default_factory=set)


def drawn(strategy, count, number):
    """`count` values, the same ones for the same `number`."""
    found = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value):
        found.append(value)

    collect()
    return found


# Signatures


def scalar_type():
    return st.sampled_from(SCALARS).map(lambda name: {"type": name})


def nested_type():
    leaf = st.sampled_from(["boolean", "integer", "long", "float", "double", "string"]).map(lambda name: {"type": name})
    arrays = leaf.map(lambda items: {"type": "array", "items": items})
    maps = leaf.map(lambda values: {"type": "map", "values": values})
    properties = st.dictionaries(
        st.sampled_from(["x", "y", "z"]), st.tuples(leaf, st.booleans()), min_size=1, max_size=3
    )
    objects = properties.map(
        lambda items: {
            "type": "object",
            "properties": {name: {**leaf, "required": required} for name, (leaf, required) in items.items()},
        }
    )
    return st.one_of(arrays, objects, maps, st.just({"type": "any"}))


@st.composite
def columns(draw, kind):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    made = []
    for name in names:
        column = dict(draw(kind), name=name, required=draw(st.integers(0, 3)) > 0)
        if column["type"] == "any":
            column["required"] = False
        made.append(column)
    return made


def unnamed_columns():
    kinds = st.sampled_from(["boolean", "integer", "long", "float", "double", "string"])
    return st.lists(kinds.map(lambda name: {"type": name, "required": True}), min_size=1, max_size=3)


@st.composite
def tensor(draw, name=None):
    shape = [-1, *draw(st.lists(st.sampled_from([1, 2, 3, -1]), max_size=2))]
    made = {"type": "tensor", "tensor-spec": {"dtype": draw(st.sampled_from(DTYPES)), "shape": shape}}
    return made if name is None else dict(made, name=name)


def named_tensors():
    names = st.lists(st.sampled_from(["X", "a", "b"]), min_size=1, max_size=3, unique=True)
    return names.flatmap(lambda names: st.tuples(*[tensor(name) for name in names]).map(list))


def params_schema():
    defaults = {
        "boolean": st.booleans(), "integer": st.integers(-5, 5), "long": st.integers(-(2**40), 2**40),
        "float": st.sampled_from([0.5, 2.0]), "double": st.sampled_from([0.5, 1e300]), "string": st.sampled_from(["", "z"]),
    }  # fmt: skip

    @st.composite
    def param(draw, name):
        kind = draw(st.sampled_from(sorted(defaults)))
        listed = draw(st.booleans())
        default = draw(st.lists(defaults[kind], min_size=1, max_size=2) if listed else defaults[kind])
        return {"name": name, "type": kind, "default": default, "shape": [-1] if listed else None}

    names = st.lists(st.sampled_from(["p", "q", "r"]), min_size=1, max_size=3, unique=True)
    return names.flatmap(lambda names: st.tuples(*[param(name) for name in names]).map(list))


def signatures():
    inputs = st.one_of(
        columns(scalar_type()),
        columns(scalar_type()),
        columns(st.one_of(scalar_type(), nested_type())),
        unnamed_columns(),
        tensor().map(lambda one: [one]),
        named_tensors(),
        st.none(),
    )
    params = st.one_of(st.none(), st.none(), params_schema())
    return st.tuples(inputs, params).map(
        lambda both: {"inputs": both[0], "params": both[1]} if both[0] else {"inputs": None, "params": None}
    )


# Values


def right(kind):
    """What a client that knows the type sends."""
    scalars = {
        "boolean": st.booleans(),
        "integer": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1),
        "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
        "double": st.floats(allow_nan=False, allow_infinity=False),
        "string": TEXT,
        "binary": st.sampled_from(["", "AQI=", "AA==", "c29tZSB0ZXh0"]),
        "datetime": st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)).map(lambda moment: moment.isoformat()),
        "any": st.sampled_from([1, "a", None, [1, "b"], {"k": 1.5}]),
    }
    match kind["type"]:
        case "array":
            return st.lists(right(kind["items"]), max_size=3)
        case "map":
            return st.dictionaries(st.sampled_from(["k", "l"]), right(kind["values"]), max_size=2)
        case "object":
            return objects(kind["properties"])
        case name:
            return scalars[name]


@st.composite
def objects(draw, properties):
    made = {}
    for name, kind in properties.items():
        if kind.get("required", True) or draw(st.booleans()):
            made[name] = draw(right(kind))
    if draw(st.integers(0, 9)) == 0:
        made[draw(st.sampled_from(["zz", "x"]))] = draw(st.sampled_from(ODD))
    return made


def element(dtype):
    if dtype == "bool":
        return st.booleans()
    if dtype == "str":
        return TEXT
    if dtype.startswith("float"):
        return st.floats(width=int(dtype[5:]), allow_nan=False, allow_infinity=False)
    bits = int(dtype.removeprefix("u").removeprefix("int"))
    return st.integers(0, 2**bits - 1) if dtype.startswith("u") else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


@st.composite
def array(draw, spec, rows):
    shape = [rows, *[draw(st.integers(1, 2)) if size == -1 else size for size in spec["shape"][1:]]]
    if draw(st.integers(0, 9)) == 0:
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
    odd = draw(st.integers(0, 5)) == 0
    values = st.one_of(element(spec["dtype"]), st.sampled_from(ODD)) if odd else element(spec["dtype"])

    def filled(shape):
        return [filled(shape[1:]) for _ in range(shape[0])] if shape else draw(values)

    return filled(shape)


# Requests


@st.composite
def table(draw, inputs):
    """Names and rows, with something wrong in half of them."""
    names = [column.get("name", f"c{position}") for position, column in enumerate(inputs)]
    kinds = list(inputs)
    rows = [[draw(right(kind)) for kind in kinds] for _ in range(draw(st.integers(1, 3)))]
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        wrong = draw(st.sampled_from(["cell", "cell", "cell", "missing", "extra", "misspelt", "reordered", "none"]))
        at = draw(st.integers(0, max(len(names) - 1, 0)))
        if wrong == "cell" and rows and names:
            rows[draw(st.integers(0, len(rows) - 1))][at] = draw(st.sampled_from(ODD))
        elif wrong == "missing" and len(names) > 1:
            names.pop(at)
            [row.pop(at) for row in rows]
        elif wrong == "extra":
            names.append("zz")
            [row.append(draw(st.sampled_from(ODD))) for row in rows]
        elif wrong == "misspelt" and names:
            names[at] += "_"
        elif wrong == "reordered":
            names.reverse()
            [row.reverse() for row in rows]
        elif wrong == "none":
            rows = []
    return names, rows


def records(names, rows):
    return [dict(zip(names, row, strict=True)) for row in rows]


def by_name(names, rows):
    return {name: [row[position] for row in rows] for position, name in enumerate(names)}


def parquet(names, rows):
    """The table as pandas writes it; None where values of several types stand in one column, which it cannot."""
    file = io.BytesIO()
    try:
        pd.DataFrame(by_name(names, rows)).to_parquet(file)
    except (pa.ArrowException, OverflowError, UnicodeError):
        return None
    return file.getvalue()


@st.composite
def table_body(draw, inputs):
    names, rows = draw(table(inputs))
    form = draw(
        st.sampled_from(
            ["split", "split", "split", "split_bare", "records", "records", "inputs_dict", "inputs_records", "inputs_bare",
             "inputs_scalars", "instances_records", "instances_dict", "instances_bare", "csv", "parquet"]
        )
    )  # fmt: skip
    match form:
        case "split":
            return form, {"dataframe_split": {"columns": names, "data": rows}}
        case "split_bare":
            return form, {"dataframe_split": {"data": rows}}
        case "records":
            return form, {"dataframe_records": records(names, rows)}
        case "inputs_scalars":
            return form, {"inputs": records(names, rows)[0] if rows else {}}
        case "csv":
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(names)
            for row in rows:
                writer.writerow(["" if cell is None else cell for cell in row])
            return form, text.getvalue()
    if form == "parquet":
        file = parquet(names, rows)
        return (form, file) if file else ("records", {"dataframe_records": records(names, rows)})
    key, _, shape = form.partition("_")
    return form, {key: {"dict": by_name, "records": records, "bare": lambda _, rows: rows}[shape](names, rows)}


@st.composite
def tensor_body(draw, inputs):
    rows = draw(st.integers(1, 3))
    arrays = {spec.get("name"): draw(array(spec["tensor-spec"], rows)) for spec in inputs}
    form = draw(st.sampled_from(["inputs", "inputs", "inputs", "instances", "split", "bare", "missing", "extra"]))
    if list(arrays) == [None]:
        one = arrays[None]
        if form == "split":
            wide = one if isinstance(one, list) and one and all(isinstance(row, list) for row in one) else [[1.0, 2.0]]
            return "tensor_split", {"dataframe_split": {"data": wide}}
        return "tensor_inputs", {"instances" if form == "instances" else "inputs": one}
    if form == "missing":
        arrays.pop(sorted(arrays)[0])
    if form == "extra":
        arrays["zz"] = [1]
    if form == "bare":
        return "tensor_bare", {"inputs": next(iter(arrays.values()), [])}
    if form in ("instances", "split"):
        length = min((len(one) if isinstance(one, list) else 0 for one in arrays.values()), default=0)
        rows = [{name: one[row] for name, one in arrays.items()} for row in range(length)]
        if form == "split":
            return "tensor_split", {"dataframe_split": {"columns": list(arrays), "data": [list(row.values()) for row in rows]}}
        return "tensor_instances", {"instances": rows}
    return "tensor_inputs", {"inputs": arrays}


def free_inputs():
    """A signature for requests to a model that has none."""
    return st.one_of(columns(scalar_type()), st.lists(tensor(), min_size=1, max_size=1))


@st.composite
def requests(draw, signature):
    inputs = signature["inputs"] or draw(free_inputs())
    tensors = inputs[0]["type"] == "tensor"
    form, body = draw(tensor_body(inputs) if tensors else table_body(inputs))
    if isinstance(body, str):
        return Request("text/csv", body.encode("utf-8", "replace"), form)
    if isinstance(body, bytes):
        return Request("application/vnd.apache.parquet", body, form)
    asked = draw(st.integers(0, 9))
    if (signature["params"] and asked < 6) or asked == 0:
        body["params"] = draw(params(signature["params"] or []))
    text = json.dumps(body, ensure_ascii=draw(st.booleans()))
    data = text.encode("utf-8", "surrogatepass")
    wrong = draw(st.integers(0, 39))
    if wrong == 0:
        return Request("application/json", data[: draw(st.integers(0, max(len(data) - 1, 0)))], "broken")
    if wrong == 1:
        kind = draw(st.sampled_from([None, "text/plain", "application/json; charset=UTF-8", "Application/JSON",
                                     "application/json; charset=latin-1", "application/json;format=pandas-split"]))  # fmt: skip
        return Request(kind, data, "content_type", body)
    if wrong == 2:
        odd = draw(st.sampled_from([[], 1, None, "x", {}, {"zz": 1}, {**body, "inputs": [1], "instances": [1]}]))
        return Request("application/json", json.dumps(odd).encode(), "shape", odd)
    if wrong == 3:
        said = [{"role": "user", "content": draw(TEXT)}]
        chat = {draw(st.sampled_from(["messages", "input", "prompt"])): draw(st.sampled_from([said, "hi", ["a", "b"]]))}
        chat |= {name: value for name, value in body.get("params", {}).items()} if isinstance(body.get("params"), dict) else {}
        return Request("application/json", json.dumps(chat).encode(), "chat", chat)
    return Request("application/json", data, form, body)


@st.composite
def params(draw, schema):
    if draw(st.integers(0, 19)) == 0:
        return draw(st.sampled_from([None, [], [1], "x", {}]))
    made = {}
    for param in schema:
        if draw(st.integers(0, 3)):
            value = draw(right(param))
            if draw(st.integers(0, 3)) == 0:
                value = draw(st.sampled_from(ODD))
            made[param["name"]] = [value] if param["shape"] and draw(st.integers(0, 9)) else value
    if draw(st.integers(0, 9)) == 0:
        made["unknown"] = 1
    return made
