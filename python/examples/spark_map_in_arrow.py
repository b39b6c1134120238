"""Scores a Parquet file on Spark in bulk: whole Arrow batches go from Spark to the model and back, without pandas.

    python spark_map_in_arrow.py MODEL INPUT OUTPUT --schema 'id long, outcome string, p double' [--master spark://HOST:7077]

MODEL is a directory that `mlhost.mlflow.save_model` made with the code. Spark packs it, and each executor imports mlhost from it:
nothing has to be installed there but pyspark and pyarrow. `--schema` names what is kept, columns of the input among them.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import pyarrow
from pyspark import SparkFiles
from pyspark.sql import SparkSession

PLACE = "scored_model"


def scorer(columns):
    """What each task runs: it loads the model once, and predicts a batch at a time."""

    def score(batches):
        directory = SparkFiles.get(PLACE)
        sys.path.append(f"{directory}/code")
        import mlhost

        model = mlhost.load(directory)
        for batch in batches:
            predictions = model.predict(pyarrow.Table.from_batches([batch]))
            # The model's columns win over the input's of the same name.
            found = dict(zip(batch.schema.names, batch.columns, strict=True))
            for name in predictions.column_names:
                found[name] = predictions[name].combine_chunks()
            yield pyarrow.RecordBatch.from_pydict({name: found[name] for name in columns})

    return score


def main():
    parser = argparse.ArgumentParser(description="Scores a Parquet file with mapInArrow.")
    parser.add_argument("model", type=Path)
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--schema", required=True, help="of the output, as Spark writes it")
    parser.add_argument("--master", default="local[2]")
    asked = parser.parse_args()

    with SparkSession.builder.master(asked.master).appName("map_in_arrow").getOrCreate() as spark:
        with tempfile.TemporaryDirectory() as folder:
            packed = shutil.make_archive(f"{folder}/{PLACE}", "zip", asked.model)
            spark.sparkContext.addArchive(f"{packed}#{PLACE}")
            frame = spark.read.parquet(asked.input)
            columns = spark.createDataFrame([], asked.schema).columns
            scored = frame.mapInArrow(scorer(columns), asked.schema)
            scored.write.mode("overwrite").parquet(asked.output)


if __name__ == "__main__":
    main()
