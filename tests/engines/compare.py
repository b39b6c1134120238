"""Whether two tables of predictions are the same, by the rows' numbers. Used by `engines.py`.

Where all rows were asked in one call, as the reference was, everything is compared bit by bit. Where an engine split them,
numbers may differ by some roundings of a float32: ONNX Runtime has other loops for one row, for some and for many, and what they
sum is the same in another order. Texts are compared to the letter in any case, and nothing is left out."""

import json

import numpy
import pandas
import rows
from pyarrow import parquet

SHOWN = 5
SPLIT = 1e-6
"""Of numbers, relative to max(1, |x|), where rows were asked in several calls: some roundings of a float32."""


def tolerance(rows_a_call):
    """None where all were asked in one call."""
    return 0.0 if rows_a_call >= rows.COUNT else SPLIT


def of_json(text):
    """An answer of `/invocations` or `mlhost predict`, whose rows have the order of the request."""
    frame = pandas.DataFrame(json.loads(text)["predictions"])
    frame.insert(0, "id", numpy.arange(len(frame)))
    return frame


def of_parquet(path):
    """What an engine wrote: a file, or a folder of them."""
    return parquet.read_table(path).to_pandas()


def of_csv(path):
    return pandas.read_csv(path, float_precision="round_trip")


def same(expected, found, tolerance=0.0):
    """Raises with how many differ, and the first of them; a row that is missing, or there twice, differs."""
    columns = list(expected.columns.drop("id"))
    assert columns, "there is nothing to compare"
    assert len(found) == len(expected), f"{len(found)} rows, where {len(expected)} were asked"
    ids = found["id"].to_numpy()
    assert len(set(ids)) == len(ids), f"{len(ids) - len(set(ids))} rows are there twice"
    by_id = found.set_index("id").loc[expected["id"]]
    for column in columns:
        wanted, got = expected[column].to_numpy(), by_id[column].to_numpy()
        if wanted.dtype.kind == "f":
            assert got.dtype == wanted.dtype, f"`{column}` is {got.dtype}, not {wanted.dtype}"
        differing = numpy.array([not _equal(one, other, tolerance) for one, other in zip(wanted, got, strict=True)])
        if differing.any():
            at = numpy.flatnonzero(differing)[:SHOWN]
            lines = [f"  row {expected['id'][row]}: {wanted[row]!r}, not {got[row]!r}" for row in at]
            raise AssertionError("\n".join([f"`{column}`: {differing.sum()} of {len(expected)} rows differ", *lines]))


def _equal(one, other, tolerance):
    """Numbers with their sign and all digits unless there is a tolerance; what is no number equals what is no number."""
    if not (isinstance(one, float | numpy.floating) and isinstance(other, float | numpy.floating)):
        return type(one) is type(other) and one == other
    if one != one or other != other:
        return one != one and other != other
    if tolerance:
        return abs(one - other) <= tolerance * max(1.0, abs(one))
    return numpy.float64(one).tobytes() == numpy.float64(other).tobytes()
