"""The iris model behind FastAPI, as one would write it by hand: the bar that `cargo bench --bench serve` measures against.

Run by that benchmark as `uvicorn --app-dir benches/serve fastapi_app:app` in the environment of `benches/venvs.sh`.
Does what models/iris's guest does, millimetres in and names out, without checking anything: no schema, no limits, no
deadline. IRIS names the bundle's folder.
"""

import os
from pathlib import Path

import numpy
import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
MILLIMETRES_PER_CENTIMETRE = 10.0

folder = Path(os.environ["IRIS"])
labels = (folder / "labels.txt").read_text().split()
keys = [f"probability_{label}" for label in labels]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(folder / "iris.onnx", options, providers=["CPUExecutionProvider"])

app = FastAPI()


@app.post("/invocations")
async def invocations(request: Request) -> Response:
    split = orjson.loads(await request.body())["dataframe_split"]
    order = [split["columns"].index(name) for name in FEATURES]
    table = numpy.array(split["data"], dtype=numpy.float64)
    features = (table[:, order] / MILLIMETRES_PER_CENTIMETRE).astype(numpy.float32)
    classes, probabilities = session.run(["label", "probabilities"], {"input": features})
    predictions = [
        {"species": labels[label], **dict(zip(keys, row))}
        for label, row in zip(classes.tolist(), probabilities.tolist())
    ]
    return Response(orjson.dumps({"predictions": predictions}), media_type="application/json")
