"""The model that both servers are asked: it answers with a description of what it was given.

The Python behind the captures in `host/wire/tests/vectors/mlflow` did the same, and so does the guest in `models/describe`;
numpy's scalars and arrays are spelled as the Python values that they hold, so that two descriptions can be compared as
texts. Saved by `models.py`, run by MLflow.
"""

import datetime

import mlflow
import numpy as np
import pandas as pd


def plain(value):
    """The Python value in numpy's wrappings."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (np.datetime64, datetime.datetime)) and not isinstance(value, type(pd.NaT)):
        return pd.Timestamp(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def spelled(value):
    return repr(plain(value))


def describe(value):
    if isinstance(value, pd.DataFrame):
        columns = [value.iloc[:, position] for position in range(value.shape[1])]
        cells = [[spelled(cell) for cell in column.tolist()] for column in columns]
        return {
            "kind": "DataFrame",
            "shape": list(value.shape),
            "columns": [str(name) for name in value.columns],
            "dtypes": [str(dtype) for dtype in value.dtypes],
            "index": [str(name) for name in value.index],
            "values": [[column[row] for column in cells] for row in range(len(value))],
        }
    if isinstance(value, np.ndarray):
        dtype = "str" if value.dtype.kind == "U" else str(value.dtype)
        return {"kind": "ndarray", "dtype": dtype, "shape": list(value.shape), "values": spelled(value)}
    if isinstance(value, dict):
        return {"kind": "dict", "items": {str(name): describe(item) for name, item in value.items()}}
    if isinstance(value, list):
        return {"kind": "list", "len": len(value), "values": [describe(item) for item in value]}
    return {"kind": type(value).__name__, "repr": spelled(value)}


def described_params(params):
    return None if params is None else {name: spelled(value) for name, value in params.items()}


class DescribingModel(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return {"input": describe(model_input), "params": described_params(params)}


mlflow.models.set_model(DescribingModel())
