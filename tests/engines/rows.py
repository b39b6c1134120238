"""The 10,000 rows that every engine is asked, from a fixed seed, as files of each kind. Used by `engines.py`."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy
import pandas
import pyarrow
from pyarrow import parquet

COUNT = 10_000
ROW_GROUP = 1000
"""Engines split files at row groups: so many that each of their workers gets some."""


@dataclass(frozen=True)
class Rows:
    """One model's rows; `frame` has no missing value that pandas would change a column's type for."""

    frame: pandas.DataFrame
    folder: Path
    features: tuple[str, ...]

    @property
    def parquet(self):
        return self.folder / "rows.parquet"

    @property
    def csv(self):
        return self.folder / "rows.csv"

    @property
    def split(self):
        """A request's body, without the rows' numbers: `predict` and `/invocations` are asked it."""
        return self.folder / "rows.json"


def iris(generator):
    """Lengths in millimetres as people measure them, and some that nobody does."""
    means, spread = [58.0, 31.0, 38.0, 12.0], [8.0, 4.0, 18.0, 8.0]
    values = numpy.abs(generator.normal(means, spread, (COUNT, 4))).round(1)
    any_digits = slice(0, COUNT, 7)
    values[any_digits] = generator.uniform(0, 80, values[any_digits].shape)
    return pandas.DataFrame(values, columns=["sepal_length", "sepal_width", "petal_length", "petal_width"])


def titanic(generator):
    """Integers, texts, and numbers and texts that are missing."""
    age = generator.uniform(0, 90, COUNT).round(1)
    fare = generator.lognormal(3, 1, COUNT)
    embarked = generator.choice(numpy.array(["C", "Q", "S"], dtype=object), COUNT)
    age[generator.random(COUNT) < 0.2] = numpy.nan
    fare[generator.random(COUNT) < 0.05] = numpy.nan
    embarked[generator.random(COUNT) < 0.1] = None
    return pandas.DataFrame(
        {
            "pclass": generator.integers(1, 4, COUNT),
            "sex": generator.choice(numpy.array(["female", "male"], dtype=object), COUNT),
            "age": age,
            "fare": fare,
            "embarked": embarked,
        }
    )


MAKERS = {"iris": iris, "titanic": titanic}
FIRST = "iris"
"""The model that is asked in every way; the others in those that are about columns."""


def write(model, folder):
    """The rows of `model`, written to `folder` in every form."""
    folder.mkdir()
    features = MAKERS[model](numpy.random.default_rng(20261201))
    frame = pandas.concat([pandas.Series(numpy.arange(COUNT), name="id"), features], axis=1)
    rows = Rows(frame, folder, tuple(features.columns))
    parquet.write_table(pyarrow.Table.from_pandas(frame), rows.parquet, row_group_size=ROW_GROUP)
    frame.to_csv(rows.csv, index=False)
    split = json.loads(features.to_json(orient="split", index=False, double_precision=15))
    # Every digit: `to_json` has 15 of them.
    split["data"] = [[None if value != value else value for value in row] for row in features.to_numpy(object).tolist()]
    rows.split.write_text(json.dumps({"dataframe_split": split}))
    return rows
