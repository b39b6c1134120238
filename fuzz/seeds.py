#!/usr/bin/env python3
"""Seeds of the fuzz targets: requests that were captured, files that the tests have. `seeds.py FOLDER` writes FOLDER/TARGET/*.

Called by `fuzz/run.sh`. Nothing of it is committed: it is all made from what is. A seed of a decoder begins with the byte
that chooses the model (`fuzz/src/interfaces.rs`)."""

import base64
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VECTORS = ROOT / "host/wire/tests/vectors"
# The models that a captured body is tried with: a different byte for each, both modes.
SELECTORS = range(0, 64, 3)


def captured():
    """Bodies and content types that clients sent to MLflow."""
    for path in sorted((VECTORS / "mlflow").glob("*.json")):
        cases = json.loads(path.read_text())
        for case in cases if isinstance(cases, list) else []:
            body = case.get("body")
            if body is None and case.get("body_b64"):
                body = base64.b64decode(case["body_b64"])
            if body is not None:
                yield case.get("content_type") or "", body if isinstance(body, bytes) else body.encode()


def seeds():
    """Pairs of a target and a seed."""
    requests = [path.read_bytes() for path in sorted(ROOT.glob("models/*/calls/*.request.json"))]
    mlflow = list(captured()) + [("application/json", body) for body in requests]
    for position, (content_type, body) in enumerate(mlflow):
        selector = bytes([SELECTORS[position % len(SELECTORS)]])
        if len(body) > 8192:
            continue
        if "csv" in content_type:
            yield "mlflow_csv", selector + body
        elif "parquet" not in content_type:
            yield "mlflow_json", selector + body
    for position, path in enumerate(sorted((ROOT / "host/wire/tests/parquet").glob("*.parquet"))):
        if path.stat().st_size < 16000:
            for selector in SELECTORS[position % 3 :: 3]:
                yield "mlflow_parquet", bytes([selector]) + path.read_bytes()
    yield from platforms(requests)
    yield "mlflow_json", b'\x00{"messages": [{"role": "user", "content": "hi"}], "p": 2, "temperature": 0.5}'
    yield "mlflow_json", b'\x00{"input": [NaN, -Infinity, 1e400], "params": {"q": [1, null]}}'
    for path in sorted(ROOT.glob("**/MLmodel")):
        if "target" not in path.parts:
            yield "bundle", path.read_bytes()
    signatures = json.loads((VECTORS / "mlflow/signatures.json").read_text())
    for signature in signatures.values():
        if signature:
            parts = [signature.get(part) or "" for part in ("inputs", "outputs", "params")]
            yield "signature", "\0".join(parts).encode()
    for uri in URIS:
        yield "model_uri", uri.encode()
    for size in (16, 64, 256, 1024):
        for start in range(9):
            yield "encode", bytes((start * 29 + index * (7 + start)) % 256 for index in range(size))


def platforms(requests):
    """The platforms' seeds: captured requests, and the samples' in their media types."""
    triton = json.loads((ROOT / "tests/fixtures/oip/triton.json").read_text())
    bodies = [case["req"] for case in triton if isinstance(case.get("req"), str)]
    for position, body in enumerate(bodies):
        # The names that the models here have.
        body = body.replace('"X"', '"a"').encode()
        for selector in (32, 36, 40, 44, 4, 8, 0):
            yield "v2_json", bytes([selector]) + body
    for element_type, data in (("FP32", bytes(16)), ("BYTES", b"\1\0\0\0x\0\0\0\0"), ("INT64", bytes(16))):
        tensor = {"name": "a", "shape": [2], "datatype": element_type, "parameters": {"binary_data_size": len(data)}}
        head = json.dumps({"inputs": [tensor], "outputs": [{"name": "a", "parameters": {"binary_data": True}}]}).encode()
        for selector in (0, 4, 16, 36, 40, 44):
            yield "v2_binary", bytes([selector]) + len(head).to_bytes(2, "little") + head + data
            yield "v2_binary", bytes([selector, 0, 0]) + data
    for kind in range(14):
        yield "v2_tensor", bytes([kind, 1, 2]) + bytes(16)
    for body in requests:
        for kind in range(3):
            yield "kserve", bytes([0, kind]) + body
        for target in ("azureml", "sagemaker", "vertex"):
            yield target, bytes([0, 0]) + body
    for selector in (0, 4, 16, 24, 32, 52):
        for target in ("azureml", "vertex"):
            yield target, bytes([selector, 2]) + b"a,b\n1.5,x\n2.5,\n"
            for body in PLATFORM_BODIES:
                yield target, bytes([selector, 0]) + body
        for body in SELDON_MESSAGES:
            for raw in (0, 3):
                yield "seldon", bytes([selector, raw]) + body
    yield from grpc()
    yield "kserve", b'\x04\x00{"instances": [{"a": 1.5, "b": "x"}, {"a": null}], "parameters": {}}'
    yield "sagemaker", b"\x04\x09" + b"1.5,x\n2.5,\n"
    yield "sagemaker", b"\x04\x02" + b"a,b\n1.5,x\n"
    yield "sagemaker", b"\x04\x13" + b'{"a": 1.5, "b": "x"}\n{"a": 2, "b": null}\n'
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    for selector in (0, 32, 48):
        for accept in (4, 28):
            npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16)
            yield "sagemaker", bytes([selector, accept]) + npy


PLATFORM_BODIES = [
    b'{"input_data": {"columns": ["b", "a"], "index": [0], "data": [["x", 1.5]]}}',
    b'{"input_data": [[1.5, "x"], [2, null]], "params": {"p": 2}}',
    b'{"input_data": [{"a": 1.5, "b": "x"}]}',
    b'{"instances": [[1, 2], [3, 4]], "parameters": {"p": 2, "q": [0.5]}}',
    b'{"instances": [{"a": 1.5, "b": "x"}, {"a": 2}], "parameters": null}',
    b'{"dataframe_split": {"columns": ["a"], "data": [["x"]]}}',
]
SELDON_MESSAGES = [
    b'{"data": {"names": ["a", "b"], "ndarray": [[1.5, "x"], [2.5, null]]}, "meta": {"puid": "u", "tags": {"t": [1]}}}',
    b'{"data": {"tensor": {"shape": [2, 2], "values": [1, 2.5, -0.0, 1e3]}}, "meta": {"requestPath": {"m": "i"}}}',
    b'{"data": {"ndarray": [[[1], [2]], [[3], [4]]]}}',
    b'{"jsonData": {"dataframe_records": [{"a": 1, "b": "x"}]}, "meta": {}}',
    b'{"jsonData": [[1, 2]]}',
    b'{"strData": "a text"}',
    b'{"binData": "AQID/w=="}',
]


def field(number, content):
    """A field of a message of Protocol Buffers, of bytes or of a number."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(number):
    """A number in groups of seven bits."""
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def grpc():
    """Requests for an inference: each datatype as a list or as raw bytes, parameters, outputs."""
    lists = {
        b"BOOL": field(1, b"\1\0"),
        b"INT32": field(2, b"\1\2"),
        b"INT64": field(3, b"\1\2"),
        b"UINT8": field(4, b"\1\2"),
        b"UINT64": field(5, b"\1\2"),
        b"FP32": field(6, bytes(8)),
        b"FP64": field(7, bytes(16)),
        b"BYTES": field(8, b"x") + field(8, b"{}"),
    }
    choices = [field(1, 1), field(2, 7), field(3, b"true"), b"\x21" + bytes(8), field(5, 3)]
    for position, (datatype, contents) in enumerate(lists.items()):
        names = field(1, b"a") + field(2, datatype) + field(3, b"\2")
        parameter = field(1, b"p") + field(2, choices[position % len(choices)])
        head = field(1, b"m") + field(2, b"1") + field(3, b"id") + field(4, parameter)
        output = field(6, field(1, b"a") + field(2, field(1, b"classification") + field(2, field(2, 1))))
        for selector in (0, 4, 16, 36, 40, 44):
            yield "grpc", bytes([selector]) + head + field(5, names + field(5, contents)) + output
            raw = bytes(16) if datatype != b"BYTES" else b"\1\0\0\0x\0\0\0\0"
            yield "grpc", bytes([selector]) + head + field(5, names) + field(7, raw)


URIS = """models:/flowers/2
models:/flowers/latest
models:/flowers@best
models:/flowers/Production/sub/path
models:/m-0123456789abcdef0123456789abcdef
runs:/0123456789abcdef0123456789abcdef/model
mlflow-artifacts:/0/models/m-1/artifacts
mlflow-artifacts://host:5000/0/a%20b
s3://bucket/a/model
gs://bucket/model/
wasbs://container@account.blob.core.windows.net/model
abfss://file-system@account.dfs.core.windows.net/model
az://container/model
https://user:word@host:8443/a/model.tar.gz?signature=1#f
http://[::1]:80/model.zip
file:///models/iris
file://localhost/models/iris
/models/iris
./iris
dbfs:/FileStore/model
hdfs://host/model
model:/flowers/2
models://flowers/2""".splitlines()


def main():
    folder = pathlib.Path(sys.argv[1])
    for position, (target, seed) in enumerate(seeds()):
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{position:04}").write_bytes(seed)


main()
