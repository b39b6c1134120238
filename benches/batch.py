"""`mlhost predict` beside `mlflow models predict` on the same CSV file of flowers, with the same graph, in turn.

    benches/batch.py [--rows N] [--rounds N] [--mlhost PROGRAM]

Run by people, with the environment `mlflow-tests` of `benches/venvs.sh`: .../venvs/mlflow-tests/bin/python benches/batch.py. The graph is
iris with its probabilities alone, because MLflow answers no table of two outputs; the signature is of columns, and MLflow runs in
its own process and environment, as `--env-manager local` has it. Prints seconds, rows a second and the most memory of each, the ratio,
and whether both predicted the same. mlhost's program must be a release build, and ORT_DYLIB_PATH may name ONNX Runtime."""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mlflow
import onnx

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def save(directory):
    model = onnx.load(ROOT / "models/iris/iris.onnx")
    keep = [output for output in model.graph.output if "prob" in output.name]
    assert len(keep) == 1, [output.name for output in model.graph.output]
    del model.graph.output[:]
    model.graph.output.extend(keep)
    inputs = mlflow.types.Schema([mlflow.types.ColSpec("double", name) for name in COLUMNS])
    mlflow.onnx.save_model(model, str(directory), signature=mlflow.models.ModelSignature(inputs))


def write(path, rows):
    chance = random.Random(1)
    with open(path, "w") as file:
        print(*COLUMNS, sep=",", file=file)
        for _ in range(rows):
            print(f"{chance.uniform(4.3, 7.9):.1f},{chance.uniform(2, 4.4):.1f},{chance.uniform(1, 6.9):.1f},{chance.uniform(0.1, 2.5):.1f}", file=file)


def run(command):
    """Seconds, and the most memory in MiB."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"error: {' '.join(command)}\n{said.decode()}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def first(path, count):
    """The first numbers of either output. MLflow's flavor flattens them: three rows for each flower."""
    with open(path) as file:
        if path.suffix == ".jsonl":
            found = [json.loads(next(file)) for _ in range(count // 3)]
        else:
            found = json.load(file)["predictions"][:count]
    values = [value for row in found for value in row.values()]
    return [number for value in values for number in (value if isinstance(value, list) else [value])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mlhost", default=os.environ.get("MLHOST", "mlhost"))
    flags = parser.parse_args()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        save(folder / "model")
        write(folder / "in.csv", flags.rows)
        model, source = str(folder / "model"), str(folder / "in.csv")
        mlflow_out, mlhost_out = folder / "mlflow.json", folder / "mlhost.jsonl"
        commands = {
            "mlhost": [flags.mlhost, "predict", "-m", model, "-i", source, "-o", str(mlhost_out)],
            "mlflow": [sys.executable, "-m", "mlflow", "models", "predict", "-m", model, "-i", source, "-t", "csv",
                       "-o", str(mlflow_out), "--env-manager", "local"],
        }
        ran = {name: [] for name in commands}
        for _ in range(flags.rounds):
            for name, command in commands.items():
                ran[name].append(run(command))
        ones, others = first(mlhost_out, 3000), first(mlflow_out, 3000)
        if len(ones) != len(others) or not all(abs(one - other) < 1e-5 for one, other in zip(ones, others)):
            sys.exit(f"error: not the same predictions: {ones[0]} and {others[0]}")
    print(f"{flags.rows} rows of CSV, {flags.rounds} rounds in turn")
    print(f"{'':8} {'seconds':>8} {'least..most':>14} {'rows/s':>10} {'RSS MiB':>8}")
    for name, rounds in ran.items():
        seconds = [second for second, _ in rounds]
        middle = statistics.median(seconds)
        spread = f"{min(seconds):.2f}..{max(seconds):.2f}"
        memory = max(memory for _, memory in rounds)
        print(f"{name:8} {middle:>8.2f} {spread:>14} {flags.rows / middle:>10.0f} {memory:>8.0f}")
    ratios = [slow[0] / fast[0] for slow, fast in zip(ran["mlflow"], ran["mlhost"])]
    print(f"mlhost is {statistics.median(ratios):.1f} times as fast ({min(ratios):.1f}..{max(ratios):.1f})")


if __name__ == "__main__":
    main()
