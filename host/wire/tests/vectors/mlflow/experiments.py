"""Writes experiments.json: what MLflow makes of requests that nobody captured from a server.

Run with MLflow 3.17 and pandas 3.1, `python experiments.py`. Each request goes through `invocations` of MLflow's scoring
server in this process, to a model that describes what it gets as the captured ones did."""

import json
import logging
import os
import pathlib
import tempfile
import warnings

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc import scoring_server
from mlflow.types import ParamSchema, Schema


def array(value):
    dtype = "str" if value.dtype.kind == "U" else str(value.dtype)
    return {"kind": "ndarray", "dtype": dtype, "shape": list(value.shape), "values": repr(value.tolist())}


def describe(value):
    if isinstance(value, pd.DataFrame):
        columns = [value.iloc[:, position] for position in range(value.shape[1])]
        cells = [[repr(cell) for cell in column.tolist()] for column in columns]
        return {
            "kind": "DataFrame",
            "columns": [str(name) for name in value.columns],
            "dtypes": [str(column.dtype) for column in columns],
            "values": [list(row) for row in zip(*cells)],
        }
    if isinstance(value, dict):
        return {"kind": "dict", "items": {name: array(np.asarray(item)) for name, item in value.items()}}
    return array(np.asarray(value))


class Describing(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        params = params and {name: repr(value) for name, value in params.items()}
        return {"input": describe(model_input), "params": params}


with tempfile.TemporaryDirectory() as folder:
    mlflow.pyfunc.save_model(f"{folder}/model", python_model=Describing(), pip_requirements=[])
    model = mlflow.pyfunc.load_model(f"{folder}/model")

experiments = []


def experiment(name, body, inputs=None, params=None, content_type="application/json"):
    inputs, params = (part and json.dumps(part) for part in (inputs, params))
    schema = inputs and Schema.from_json(inputs)
    model.metadata.signature = None
    if inputs or params:
        model.metadata.signature = ModelSignature(inputs=schema, params=params and ParamSchema.from_json(params))
    try:
        answer = scoring_server.invocations(body.encode(), content_type, model, schema)
        status, kind, response = answer.status, answer.mimetype, json.loads(answer.response)
    except MlflowException as error:
        status, kind = error.get_http_status_code(), "application/json"
        response = {"error_code": json.loads(error.serialize_as_json())["error_code"]}
    experiments.append({
        "name": name,
        "signature": {"inputs": inputs, "params": params},
        "content_type": content_type,
        "body": body,
        "status": status,
        "resp_type": kind,
        "resp": response,
    })


def column(kind):
    return [{"name": "a", "type": kind, "required": True}]


VALUES = ["1", "-1", "1.5", "300", "2147483648", "1e39", "true", "null", '"1"', '"x"']
TYPES = ["float16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "str"]
for dtype in TYPES:
    spec = {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, 1]}}
    for value in VALUES:
        experiment(f"inputs {dtype} {value}", f'{{"inputs": [[{value}]]}}', [spec])
        split = f'{{"dataframe_split": {{"columns": ["x"], "data": [[{value}]]}}}}'
        experiment(f"split {dtype} {value}", split, [dict(spec, name="x")])

DEFAULTS = {"integer": 1, "long": 1, "float": 0.5, "double": 0.5, "string": "z", "boolean": False, "datetime": "2020-01-01"}
SCALARS = ["1", "2.5", "true", '"x"', "null", "2147483648", "[1]", "{}", '"2020-01-01"', '"2020-01-01T00:00:00"',
           '"2020-01-01T00:00:00Z"', "1e39"]
LISTS = ["[1]", "[1.5]", "[true]", '["x"]', "[]", "[null]", "1", "[[1]]", '"ab"', "null", '["2020-01-01"]', "[1,1.5]",
         '[1,"a"]']
OBJECTS = ['{"x":1}', '{"x":1.5,"y":"a"}', '{"y":"a"}', '{"x":"q"}', '{"x":1,"z":2}', "1", "null", '[{"x":1}]',
           '{"x":null}', '{"x":1,"y":null}']


def param(name, value, **spec):
    body = f'{{"inputs": {{"a": [1.0]}}, "params": {{"p": {value}}}}}'
    experiment(f"param {name} {value}", body, column("double"), [dict(spec, name="p")])


for kind, default in DEFAULTS.items():
    for value in SCALARS:
        param(kind, value, type=kind, default=default, shape=None)
    for value in LISTS:
        param(f"{kind} list", value, type=kind, default=[default], shape=[-1])
    spec = {"name": "p", "type": kind, "default": default, "shape": None}
    experiment(f"param {kind} default", '{"inputs": {"a": [1.0]}}', column("double"), [spec])
properties = {"x": {"type": "double", "required": True}, "y": {"type": "string", "required": False}}
for value in OBJECTS:
    param("object", value, type="object", properties=properties, default={"x": 1.0}, shape=None)
for value in ["[1]", "1", '"x"', "null", "{}", '{"q":1}']:
    body = f'{{"inputs": {{"a": [1.0]}}, "params": {value}}}'
    experiment(f"params {value}", body, column("double"), [{"name": "p", "type": "long", "default": 1, "shape": None}])

CSV = ["a\n1\n", "a\n1.0\n", "a\n1.5\n", "a\nx\n", "a\nNA\n", 'a\n""\n', "a\nTrue\n", "a\ntrue\nFALSE\n", "a\nTrue\n1\n",
       "a\n1\n\n2\n", "a\n1\nNA\n", "a\n 1\n", "a\n1e3\n", "a\ninf\n", "a\n9223372036854775808\n", "a\n2147483648\n",
       "a\nAQI=\n", "a\n2021-01-01\n", "a", "a\n", "", "b\n1\n", "a,a\n1,2\n", "a,b\n1,2,3\n", "b,a\n1,2\n", 'a\n"1"\n',
       "a\n'1'\n", "a\n1,\n", "a\nnan\nNaN\nnull\n", "\ufeffa\n1\n", "a;b\n1;2\n", "a\n0\n1\n", "a\n0.5\n2\n", "a\n-1\n",
       "a\nT\n", "a\nyes\n", "a\n1\n2\nx\n", "a,b\n1,2\n3,4,5\n", "a,b\n1\n", 'a\n"1\n']
for body in CSV:
    experiment(f"csv {body!r}", body, content_type="text/csv")
    for kind in ["boolean", "integer", "long", "float", "double", "datetime"]:
        experiment(f"csv {kind} {body!r}", body, column(kind), content_type="text/csv")

lines = ",\n".join(json.dumps(it) for it in experiments)
pathlib.Path(__file__).with_suffix(".json").write_text(f"[\n{lines}\n]\n")
print(len(experiments))
