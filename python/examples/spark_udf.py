"""Scores a Parquet file on Spark, with MLflow's `spark_udf`: one more column for each result that is asked for.

    python spark_udf.py MODEL INPUT OUTPUT --result outcome=string --result p=double [--master spark://HOST:7077]

MODEL is what `mlhost.mlflow.save_model` or `log_model` made: a directory or a model URI. Executors need pyspark, MLflow, pandas and
pyarrow. They need no mlhost where the model was saved with its code: Spark brings it to them with the model.

What a type gives of a model that answers several columns is MLflow's rule: `string` and `double` the first column that is one,
`array<double>` all that are numbers, `struct<...>` those that it names.
"""

import argparse

import mlflow
from pyspark.sql import SparkSession
from pyspark.sql.functions import struct


def main():
    parser = argparse.ArgumentParser(description="Scores a Parquet file with mlflow.pyfunc.spark_udf.")
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--result", metavar="NAME=TYPE", action="append", required=True, type=name_and_type)
    parser.add_argument("--master", default="local[2]")
    asked = parser.parse_args()

    columns = mlflow.models.get_model_info(asked.model).signature.inputs.input_names()
    with SparkSession.builder.master(asked.master).appName("spark_udf").getOrCreate() as spark:
        frame = spark.read.parquet(asked.input)
        for name, result_type in asked.result:
            predict = mlflow.pyfunc.spark_udf(spark, asked.model, result_type=result_type, env_manager="local")
            frame = frame.withColumn(name, predict(struct(*columns)))
        frame.write.mode("overwrite").parquet(asked.output)


def name_and_type(text):
    name, equals, result_type = text.partition("=")
    if not (name and equals and result_type):
        raise argparse.ArgumentTypeError(f"`{text}` is not NAME=TYPE")
    return name, result_type


if __name__ == "__main__":
    main()
