#!/usr/bin/env python3
"""Computes the expected answers of the sample models, without mlhost.

Every `calls/NAME.request.json` is read, its table or tensor is prepared in Python, the graph is run by onnxruntime in
Python, and `calls/NAME.answer.json` is written. For magika the answer is that of the `magika` package itself.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 onnxruntime==1.31.1 magika==1.0.3
    venv/bin/python models/reference.py           # writes the answers
    venv/bin/python models/reference.py --check   # compares them with the committed ones, to 1e-5
    venv/bin/python models/reference.py --magika FILE...   # what magika says of these files
"""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

MODELS = Path(__file__).parent
TOLERANCE = 1e-5


def session(path):
    return onnxruntime.InferenceSession(MODELS / path, providers=["CPUExecutionProvider"])


def rows(body):
    """The rows of a DataFrame form, as dictionaries."""
    if "dataframe_records" in body:
        return body["dataframe_records"]
    split = body["dataframe_split"]
    return [dict(zip(split["columns"], row)) for row in split["data"]]


def iris(body):
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    features = np.array([[row[name] for name in names] for row in rows(body)], dtype=np.float64)
    label, probabilities = session("iris/iris.onnx").run(
        ["label", "probabilities"], {"input": (features / 10).astype(np.float32)}
    )
    species = (MODELS / "iris/labels.txt").read_text().split()
    return [
        {"species": species[which]} | {f"probability_{name}": float(p) for name, p in zip(species, row)}
        for which, row in zip(label, probabilities)
    ]


def titanic(body):
    def column(name, missing, dtype):
        values = [row.get(name) for row in rows(body)]
        return np.array([[missing if value is None else value] for value in values], dtype=dtype)

    label, probabilities = session("titanic/titanic_mixed.onnx").run(
        ["label", "probabilities"],
        {
            "sex": np.char.lower(column("sex", None, str)).astype(object),
            "embarked": np.char.upper(column("embarked", "S", str)).astype(object),
            "age": column("age", 40.38, np.float32),
            "fare": column("fare", 41.35, np.float32),
            "pclass": column("pclass", None, np.int64),
        },
    )
    outcomes = ["died", "survived"]
    return [
        {"outcome": outcomes[which], "probability": float(row[which])}
        for which, row in zip(label, probabilities)
    ]


def digits(body):
    images = np.array(body["inputs"], dtype=np.float32) / np.float32(255) * np.float32(16)
    (probabilities,) = session("digits/digits_mlp.onnx").run(["probabilities"], {"input": images})
    count = body.get("params", {}).get("top_k", 1)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return {"digit": order.tolist(), "probability": np.take_along_axis(probabilities, order, axis=1).tolist()}


def magika(body):
    from magika import Magika

    model = Magika()
    verdicts = [model.identify_bytes(base64.b64decode(row["content"])) for row in rows(body)]
    return [{"label": str(verdict.output.label), "score": verdict.score} for verdict in verdicts]


def magika_text_labels():
    """The labels whose contents are text, from the knowledge base that is part of magika's package."""
    import magika as package

    path = Path(package.__file__).parent / "config/content_types_kb.min.json"
    return sorted(label for label, entry in json.loads(path.read_text()).items() if entry["is_text"])


def echo(body):
    return rows(body)


def close(found, expected):
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return abs(found - expected) <= TOLERANCE
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    if isinstance(expected, dict) and isinstance(found, dict):
        return found.keys() == expected.keys() and all(close(found[key], expected[key]) for key in expected)
    return found == expected


def main(check):
    expected = {MODELS / "magika/text_labels.json": magika_text_labels()}
    for model in (digits, echo, iris, magika, titanic):
        requests = sorted((MODELS / model.__name__ / "calls").glob("*.request.json"))
        assert requests, f"{model.__name__} has no calls"
        for request in requests:
            answer = request.with_name(request.name.replace(".request.", ".answer."))
            expected[answer] = {"predictions": model(json.loads(request.read_text()))}
    wrong = 0
    for path, answer in expected.items():
        if not check:
            path.write_text(json.dumps(answer) + "\n")
        elif not close(json.loads(path.read_text()), answer):
            wrong += 1
            print(f"{path} differs: {answer}", file=sys.stderr)
    print(f"{len(expected)} files {'compared' if check else 'written'}, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--magika"]:
        for name in sys.argv[2:]:
            content = base64.b64encode(Path(name).read_bytes()).decode()
            print(name, magika({"dataframe_records": [{"content": content}]})[0])
    else:
        sys.exit(main("--check" in sys.argv[1:]))
