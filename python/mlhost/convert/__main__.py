"""`python -m mlhost.convert URI -o DIR`: reads the command line, prints what was done or why nothing was. Must never end with
0 where no directory was written, nor show a traceback for a model that is refused."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .refusal import EXTRA, Refusal


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where the model was converted, 1 where it was not, 2 where the command line is wrong."""
    parsed = _parser().parse_args(arguments)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        from .conversion import Request, convert
        from .rows import Drawing
    except ModuleNotFoundError as missing:
        return _refused(f"the package `{missing.name}` is not installed", EXTRA)
    request = Request(
        uri=parsed.uri,
        directory=Path(parsed.output).absolute(),
        tolerance=parsed.tolerance,
        drawing=Drawing(parsed.rows, parsed.seed, parsed.missing),
        probabilities=parsed.probabilities,
        replace=parsed.replace,
    )
    try:
        done = convert(request)
    except Refusal as refused:
        return _refused(str(refused), refused.hint)
    compared = done.comparison
    print(f"`{parsed.output}`: the {done.flavor} model as a graph, computed in {done.precision}")
    print(f"  inputs: {', '.join(done.inputs)}")
    print(f"  outputs: {', '.join(done.outputs)}")
    print(
        f"  compared on {compared.rows} rows, {done.examples} of them of the input example: equal, numbers within "
        f"{compared.largest:.3g} of max(1, |x|)"
    )
    for note in done.notes:
        print(f"  note: {note}")
    print(f"  `mlhost serve -m {parsed.output}` serves it")
    return 0


def _refused(message: str, hint: str) -> int:
    print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mlhost.convert",
        description="Converts an MLflow model (sklearn, xgboost, lightgbm) to a model directory that `mlhost serve` serves.",
    )
    parser.add_argument(
        "uri", metavar="URI", help="a model directory, runs:/…, models:/…, or what else MLflow resolves"
    )
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="the directory to write")
    parser.add_argument("--replace", action="store_true", help="put it in the place of a model directory that is there")
    parser.add_argument(
        "--no-probabilities",
        dest="probabilities",
        action="store_false",
        help="a classifier answers its labels alone, so that MLflow can serve the result too",
    )
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        default=1e-5,
        metavar="X",
        help="how far numbers may be apart, relative to max(1, |x|) [default: 1e-5]",
    )
    parser.add_argument(
        "--rows", type=_count, default=1000, metavar="N", help="random rows to compare on [default: 1000]"
    )
    parser.add_argument("--seed", type=_count, default=0, metavar="N", help="which random rows [default: 0]")
    parser.add_argument(
        "--no-missing",
        dest="missing",
        action="store_false",
        help="no number is missing in the random rows, since none is in requests",
    )
    return parser


def _tolerance(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError("a number of 0 or more is needed")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("a whole number of 0 or more is needed")
    return value


if __name__ == "__main__":
    sys.exit(main())
