"""Spark's examples: in one process, and on a master and a worker whose Python has no mlhost. Used by `engines.py`."""

import sys

import cluster
import compare
import rows
from examples import Failed, example, saved

TYPES = ("string", "double", "array", "struct")
SPLIT = 900


def check(checks, asked):
    """Both examples, on both kinds of Spark: all rows in one call, and in tasks and batches of some hundred. A start of Spark and of its
    workers takes longer than all predictions: a model that is not the first is asked in bulk alone."""
    if asked.model != rows.FIRST:
        _map_in_arrow(checks, asked, "local[2]", SPLIT)
        return
    _spark_udf(checks, asked, "local[2]", rows.COUNT)
    _map_in_arrow(checks, asked, "local[2]", rows.COUNT)
    # Of this process, whose Python has mlhost, executors take nothing.
    with cluster.standalone(asked.folder / "cluster", environment(SPLIT)) as master:
        _spark_udf(checks, asked, master, SPLIT)
        _map_in_arrow(checks, asked, master, SPLIT)
        with checks.check(f"{asked.model}: executors have no mlhost but the model's"):
            bare = saved(asked.model, asked.folder / "bare")
            try:
                _asked(asked, master, SPLIT, (bare, ["double"]))
            except Failed as failed:
                assert "No module named 'mlhost'" in str(failed), failed
            else:
                raise AssertionError("they found one")


def environment(rows_a_call):
    """Of whoever starts Spark."""
    conf = {"spark.ui.enabled": "false", "spark.task.maxFailures": 1, "spark.sql.execution.arrow.maxRecordsPerBatch": rows_a_call}
    if rows_a_call < rows.COUNT:
        # Tasks of a few row groups, in spite of so small a file.
        conf |= {"spark.sql.files.maxPartitionBytes": "50000", "spark.sql.files.openCostInBytes": "0"}
    return {
        "PYSPARK_SUBMIT_ARGS": " ".join(f"--conf {name}={value}" for name, value in conf.items()) + " pyspark-shell",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
    }


def _spark_udf(checks, asked, master, rows_a_call):
    with checks.check(f"{asked.model}: spark_udf on {_where(master, rows_a_call)}: {', '.join(TYPES)}"):
        found = _asked(asked, master, rows_a_call, (asked.directory, TYPES))
        for kind in TYPES:
            wanted = _wanted(asked.expected, kind)
            compare.same(wanted, _apart(asked.expected, found, kind), compare.tolerance(rows_a_call))


def _map_in_arrow(checks, asked, master, rows_a_call):
    with checks.check(f"{asked.model}: mapInArrow on {_where(master, rows_a_call)}"):
        output = asked.folder / f"map_in_arrow.{rows_a_call}"
        schema = ", ".join(["id long", *_fields(asked.expected)])
        _spark("spark_map_in_arrow", asked, rows_a_call, [asked.directory, output, "--schema", schema, "--master", master])
        compare.same(asked.expected, compare.of_parquet(output), compare.tolerance(rows_a_call))


def _where(master, rows_a_call):
    return f"{master.split(':')[0]}, at most {rows_a_call} rows a call"


def _asked(asked, master, rows_a_call, what):
    """The answers of a model's directory, one column for each of the types."""
    directory, types = what
    kinds = {"array": "array<double>", "struct": f"struct<{', '.join(_fields(asked.expected))}>"}
    flags = [flag for kind in types for flag in ("--result", f"{kind}={kinds.get(kind, kind)}")]
    output = asked.folder / f"spark_udf.{rows_a_call}"
    _spark("spark_udf", asked, rows_a_call, [directory, output, *flags, "--master", master])
    return compare.of_parquet(output)


def _spark(name, asked, rows_a_call, arguments):
    directory, *others = arguments
    example(name, directory, asked.rows.parquet, *others, environment=environment(rows_a_call))


def _wanted(expected, kind):
    """What MLflow takes for that type: the first text, the first number, all numbers, everything."""
    texts, numbers = _columns(expected)
    return expected[["id", *{"string": texts[:1], "double": numbers[:1], "array": numbers, "struct": texts + numbers}[kind]]]


def _apart(expected, found, kind):
    """The column of that type under the names of what it has to be."""
    names = list(_wanted(expected, kind).columns.drop("id"))
    if kind in ("string", "double"):
        return found[["id", kind]].rename(columns={kind: names[0]})
    values = found[kind].map(dict if kind == "struct" else lambda array: dict(zip(names, array, strict=True)))
    return type(found)(values.tolist()).assign(id=found["id"])


def _columns(expected):
    """Of texts, and of numbers."""
    columns = [name for name in expected.columns if name != "id"]
    numbers = [name for name in columns if expected[name].dtype.kind == "f"]
    return [name for name in columns if name not in numbers], numbers


def _fields(expected):
    """As Spark writes them."""
    texts, _ = _columns(expected)
    return [f"{name} {'string' if name in texts else 'double'}" for name in expected.columns if name != "id"]
