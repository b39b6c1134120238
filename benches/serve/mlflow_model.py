"""Logs the iris graph as an MLflow model of the onnx flavor, for `cargo bench --bench serve` to serve with MLflow itself.

Run by `benches/venvs.sh`: mlflow_model.py GRAPH DIRECTORY. The signature is one tensor, so requests are
`{"inputs": [[...]]}` in centimetres and the answer has both outputs of the graph, class numbers and probabilities.
That is the form in which MLflow is fastest, and with a signature of columns it answers 400 for a graph with two outputs.
It does less than the others: neither scaling nor names.
"""

import shutil
import sys

import mlflow
import numpy
import onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

graph, directory = sys.argv[1:]
inputs = Schema([TensorSpec(numpy.dtype("float32"), (-1, 4), "input")])
outputs = Schema(
    [
        TensorSpec(numpy.dtype("int64"), (-1,), "label"),
        TensorSpec(numpy.dtype("float32"), (-1, 3), "probabilities"),
    ]
)
shutil.rmtree(directory, ignore_errors=True)
mlflow.onnx.save_model(onnx.load(graph), directory, signature=ModelSignature(inputs, outputs))
