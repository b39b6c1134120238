"""What `/invocations` answers, which all else has to answer too, and the ways that mlhost itself has beside it. Used by `engines.py`."""

import os
import subprocess
import urllib.request

import compare
import rows
from checks import Server

TYPES = {"json": "application/json", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def reference(directory, rows):
    """Of `/invocations`, asked in JSON."""
    with Server("--model-uri", directory) as server:
        return compare.of_json(_invoked(server, rows.split.read_bytes(), "json"))


def check_files(checks, asked):
    """`/invocations` and `mlhost predict`, asked in each form."""
    forms = {"json": asked.rows.split, "csv": asked.rows.csv, "parquet": asked.rows.parquet}
    with Server("--model-uri", asked.directory) as server:
        for form in ("csv", "parquet"):
            with checks.check(f"{asked.model}: /invocations, {form}"):
                compare.same(asked.expected, compare.of_json(_invoked(server, forms[form].read_bytes(), form)))
    for form, path in forms.items():
        with checks.check(f"{asked.model}: mlhost predict, {form}"):
            command = [os.environ["MLHOST"], "predict", "-m", asked.directory, "-i", path, "-t", form]
            ended = subprocess.run(command, capture_output=True, text=True)
            assert ended.returncode == 0, ended.stderr
            compare.same(asked.expected, compare.of_json(ended.stdout))
    for form, path in (("csv", asked.rows.csv), ("parquet", asked.rows.parquet)):
        for size in (rows.COUNT, 1000):
            with checks.check(f"{asked.model}: mlhost predict on rows of {form}, {size} a call"):
                output = asked.folder / f"rows.{form}.{size}.parquet"
                command = [os.environ["MLHOST"], "predict", "-m", asked.directory, "-i", path, "-o", output]
                command += ["--batch-rows", str(size)]
                ended = subprocess.run(command, capture_output=True, text=True)
                assert ended.returncode == 0, ended.stderr
                found = compare.of_parquet(output)
                found.insert(0, "id", asked.expected["id"].to_numpy())
                compare.same(asked.expected, found, compare.tolerance(size))


def _invoked(server, body, form):
    request = urllib.request.Request(f"{server.url}/invocations", body, {"Content-Type": TYPES[form]})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()
