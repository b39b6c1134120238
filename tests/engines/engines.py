"""Every example of `python/examples`, with each model, beside `mlhost predict` and `/invocations`. Run by `run.sh`; with names,
those engines alone."""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))

import compare  # noqa: E402
import ray_examples  # noqa: E402
import rows  # noqa: E402
import spark_examples  # noqa: E402
from checks import Checks  # noqa: E402
from examples import Asked, example, saved  # noqa: E402
from reference import check_files, reference  # noqa: E402


def check_pandas(checks, asked):
    """Chunks of a CSV file."""
    for size in (rows.COUNT, 1000):
        with checks.check(f"{asked.model}: pandas_chunks, {size} rows a call"):
            output = asked.folder / f"chunks.{size}.csv"
            example("pandas_chunks", asked.directory, asked.rows.csv, output, "--chunk-rows", size)
            compare.same(asked.expected, compare.of_csv(output), compare.tolerance(size))


ENGINES = {"spark": spark_examples.check, "ray": ray_examples.check, "pandas": check_pandas}


def run(names):
    unknown = sorted(set(names) - set(ENGINES))
    if unknown:
        print(f"error: there is no engine {', '.join(unknown)}\nhint: {' '.join(ENGINES)}", file=sys.stderr)
        sys.exit(2)
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        for model in rows.MAKERS:
            place = Path(folder) / model
            made = rows.write(model, place)
            directory = saved(model, place / "saved", self_contained=True)
            expected = reference(directory, made)
            asked = Asked(model, directory, place, made, expected)
            check_files(checks, asked)
            for name in names or ENGINES:
                ENGINES[name](checks, asked)
    checks.report()


if __name__ == "__main__":
    run(sys.argv[1:])
