"""`mlhost.load(...).predict(...)`: every kind of input and output, beside what a server answers on the same rows; errors;
threads.

    run.sh api
"""

import asyncio
import importlib.metadata
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks import FIXTURES, MODELS, ROOT, Checks, Server, invoke, python, raises, refusal

import mlhost
import numpy
import pandas
import polars
import pyarrow

IRIS = pandas.DataFrame(
    {
        "sepal_length": [51.0, 62.0, 59.0, 47.0],
        "sepal_width": [35.0, 28.0, 30.0, 32.0],
        "petal_length": [14.0, 48.0, 51.0, 13.0],
        "petal_width": [2.0, 18.0, 18.0, 2.0],
    }
)
TITANIC = pandas.DataFrame(
    {
        "pclass": [1, 3, 2],
        "sex": ["female", "male", "male"],
        "age": [29.0, None, 41.5],
        "fare": [211.3, 7.9, None],
        "embarked": ["S", None, "C"],
    }
)


def split(frame):
    return {"dataframe_split": json.loads(frame.to_json(orient="split", index=False, double_precision=15))}


def records(frame):
    return frame.to_dict(orient="records")


def main():
    os.environ.setdefault("MLHOST_LOG", "off")  # Attacks write megabytes.
    checks = Checks()
    tables(checks)
    tensors(checks)
    own_code(checks)
    errors(checks)
    concurrency(checks)
    package(checks)
    checks.report()


def tables(checks):
    for name, frame in (("iris", IRIS), ("titanic", TITANIC)):
        model = mlhost.load(MODELS / name)
        with Server("-m", MODELS / name) as server:
            expected = invoke(server, split(frame))["predictions"]
        with checks.check(f"{name}, pandas: a DataFrame with the server's predictions"):
            answer = model.predict(frame)
            assert isinstance(answer, pandas.DataFrame), type(answer)
            assert records(answer) == expected, (records(answer), expected)
        with checks.check(f"{name}, polars: a DataFrame of polars"):
            answer = model.predict(polars.from_pandas(frame))
            assert isinstance(answer, polars.DataFrame), type(answer)
            assert answer.to_dicts() == expected
        table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        with checks.check(f"{name}, pyarrow: a Table; of a Table, of batches, of a reader, in pieces"):
            for given in (
                table,
                table.to_batches()[0],
                table.to_reader(),
                pyarrow.concat_tables([table.slice(0, 2), table.slice(2)]),
            ):
                answer = model.predict(given)
                assert isinstance(answer, pyarrow.Table), type(answer)
                assert answer.to_pylist() == expected, type(given)
        with checks.check(f"{name}: whatever has `__arrow_c_stream__` and nothing else"):

            class Stream:
                def __arrow_c_stream__(self, requested_schema=None):
                    return table.__arrow_c_stream__(requested_schema)

            assert model.predict(Stream()).to_pylist() == expected
        with checks.check(f"{name}, records: plain Python"):
            assert model.predict(json.loads(frame.to_json(orient="records", double_precision=15))) == expected
        with checks.check(f"{name}: `output` chooses"):
            for output, kind in (("pandas", pandas.DataFrame), ("polars", polars.DataFrame), ("arrow", pyarrow.Table)):
                assert isinstance(model.predict(table, output=output), kind), output
            assert model.predict(table, output="python") == expected
            raises(ValueError, lambda: model.predict(table, output="spark"), "pandas, polars, arrow")
        with checks.check(f"{name}: a body as the server takes it, and its very answer"):
            content_type, body = model.invoke(json.dumps(split(frame)).encode())
            assert (content_type, json.loads(body)["predictions"]) == ("application/json", expected)
    model = mlhost.load(MODELS / "iris")
    expected = model.predict(IRIS, output="python")
    with checks.check("columns in a dictionary, of arrays, of lists, one row of numbers: arrays of numpy"):
        for given in ({name: IRIS[name].to_numpy() for name in IRIS}, IRIS.to_dict(orient="list")):
            answer = model.predict(given)
            assert isinstance(answer["probability_setosa"], numpy.ndarray)
            assert list(answer["species"]) == [row["species"] for row in expected]
        one = model.predict(IRIS.iloc[0].to_dict())
        assert one["species"].tolist() == [expected[0]["species"]]
    with checks.check("no rows: an answer of no rows"):
        assert len(model.predict(IRIS.iloc[:0])) == 0
    with checks.check("columns of other types and order, and one too many: as the signature wants them"):
        odd = IRIS[reversed(IRIS.columns)].astype("float32").astype("float64").assign(extra="x")
        assert [row["species"] for row in model.predict(odd, output="python")] == [row["species"] for row in expected]
    with checks.check("what was read is not copied: a table's buffers are still its own, and unharmed"):
        table = pyarrow.Table.from_pandas(IRIS, preserve_index=False)
        before = [chunk.buffers()[1].address for chunk in table.column("sepal_length").chunks]
        model.predict(table)
        assert before == [chunk.buffers()[1].address for chunk in table.column("sepal_length").chunks]
        assert table.to_pandas().equals(IRIS)
    with checks.check("an answer outlives its model"):
        answer = mlhost.load(MODELS / "iris").predict(pyarrow.Table.from_pandas(IRIS, preserve_index=False))
        import gc

        gc.collect()
        assert answer.to_pylist() == expected


def tensors(checks):
    folder = FIXTURES / "onnx-flavor" / "tensor"
    calls = json.loads((FIXTURES / "onnx-flavor" / "tensor.calls.json").read_text())
    model = mlhost.load(folder)
    body = json.loads((folder / "serving_input_example.json").read_text())
    assert calls
    values = body["inputs"]
    with Server("-m", folder) as server:
        expected = invoke(server, body)["predictions"]
    (port,) = model.inputs
    given = numpy.asarray(values, dtype=port[1])

    def same(answer):
        assert isinstance(answer, dict) and list(answer) == list(expected), (answer, expected)
        for name, array in answer.items():
            assert isinstance(array, numpy.ndarray) and array.flags.writeable
            numpy.testing.assert_allclose(array, numpy.asarray(expected[name]), rtol=1e-6)

    with checks.check("a tensor: an array, by its name, from lists, transposed in memory"):
        same(model.predict(given))
        same(model.predict({port[0]: given}))
        same(model.predict({port[0]: given.tolist()}))
        same(model.predict(numpy.asfortranarray(given)))
        same(model.predict(given.astype(given.dtype.newbyteorder(">"))))
    with checks.check("a tensor of another type or shape: refused with both"):
        raises(mlhost.InputError, lambda: model.predict(given.astype("int16")), "INT16")
        raises(mlhost.InputError, lambda: model.predict(given[0]), "shape")
    with checks.check("a tensor's name that the model has not: refused"):
        raises(mlhost.InputError, lambda: model.predict({"nobody": given}), "nobody")
    echo = mlhost.load(MODELS / "echo")
    with checks.check("tensors of every type come back as they were"):
        if echo.inputs:
            return
        for dtype in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split():
            array = numpy.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
            answer = echo.predict({"x": array})
            back = answer["x"] if isinstance(answer, dict) else answer
            assert back.dtype == array.dtype and (back == array).all(), (dtype, answer)
        texts = numpy.array([["a", "ä"], ["", "long " * 100]])
        answer = echo.predict({"x": texts})
        assert (answer["x"] if isinstance(answer, dict) else answer).tolist() == texts.tolist()


def own_code(checks):
    attacks = MODELS / "hostile"
    faults = json.loads((attacks / "faults.json").read_text())
    frame = pandas.DataFrame(faults["input"]["dataframe_split"]["data"], columns=["x"])
    kinds = {
        "guest_exhausted": mlhost.ExhaustedError,
        "guest_trapped": mlhost.ModelError,
        "guest_rejected": mlhost.RejectedError,
        "deadline": mlhost.DeadlineError,
    }
    for name, fault in faults["guests"].items():
        with checks.check(f"hostile {name}: its one exception, and Python lives on"):
            if fault["at"] == "load":
                raises(mlhost.LoadError, lambda: mlhost.load(attacks / name), fault["text"])
                continue
            model = mlhost.load(attacks / name, timeout=5)
            error = raises(kinds[fault["fault"]], lambda: model.predict(frame, timeout=1), "")
            assert error.kind == fault["fault"], error.kind
            if fault["text"] not in str(error):
                assert fault["in"] == "log", error
    with checks.check("after all of them the same process predicts"):
        assert len(mlhost.load(MODELS / "iris").predict(IRIS)) == len(IRIS)
    for when in ("before", "after"):
        with checks.check(f"what traps by a signal, and Python's own handler enabled {when} the model is loaded"):
            script = (
                "import faulthandler, mlhost, pandas, sys\n"
                "if sys.argv[2] == 'before': faulthandler.enable()\n"
                "model = mlhost.load(sys.argv[1])\n"
                "if sys.argv[2] == 'after': faulthandler.enable()\n"
                "for _ in range(3):\n"
                "    try: model.predict(pandas.DataFrame({'x': [1.5]}))\n"
                "    except mlhost.ModelError as error: print(error.kind)\n"
            )
            for attack in ("panic", "huge_list"):
                assert python(script, attacks / attack, when).split() == ["guest_trapped"] * 3
    with checks.check("a crash that is no guest's is still one, with Python's traceback"):
        script = "import ctypes, mlhost, sys\nmlhost.load(sys.argv[1])\nctypes.string_at(0)\n"
        done = subprocess.run([sys.executable, "-c", script, MODELS / "iris"], capture_output=True, text=True)
        assert done.returncode == -11 and "Segmentation fault" in done.stderr, done


def errors(checks):
    model = mlhost.load(MODELS / "iris")
    with Server("-m", MODELS / "iris") as server:
        status, message = refusal(server, split(IRIS.drop(columns="petal_width")))
    with checks.check("a missing column: what the server says, as an InputError that is a ValueError"):
        error = raises(mlhost.InputError, lambda: model.predict(IRIS.drop(columns="petal_width")), "petal_width")
        assert isinstance(error, ValueError) and isinstance(error, mlhost.Error) and error.kind == "bad_input"
        assert status == 400 and "Model is missing inputs ['petal_width']" in str(error) and "petal_width" in message
    with checks.check("a column of another type: refused"):
        raises(mlhost.InputError, lambda: model.predict(IRIS.assign(petal_width="wide")), "petal_width")
    with checks.check("what is no input: refused with what is"):
        raises(mlhost.InputError, lambda: model.predict(b"{}"), "invoke")
        raises(mlhost.InputError, lambda: model.predict(polars.from_pandas(IRIS).lazy()), "collect")
        raises(mlhost.InputError, lambda: model.predict(pandas.DataFrame({"x": [object()]})), "cannot be taken")
    with checks.check("no model, no directory, a URI that is none: LoadError with a hint"):
        raises(mlhost.LoadError, lambda: mlhost.load("/nowhere"), "/nowhere")
        raises(mlhost.LoadError, lambda: mlhost.load(ROOT / "docs"), "MLmodel")
        raises(mlhost.LoadError, lambda: mlhost.load("models:iris"), "hint: ")
        raises(mlhost.LoadError, lambda: mlhost.load(MODELS / "iris", onnxruntime="/nowhere.so"), "/nowhere.so")
    with checks.check("wrong options: ValueError"):
        raises(ValueError, lambda: mlhost.load(MODELS / "iris", timeout=0), "over 0")
        raises(ValueError, lambda: mlhost.load(MODELS / "iris", concurrency=0), "at least 1")
        raises(ValueError, lambda: model.predict(IRIS, timeout=-1), "over 0")
    with checks.check("every exception is pickled with its kind"):
        error = raises(mlhost.InputError, lambda: model.predict(IRIS[["petal_width"]]))
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and (again.kind, str(again)) == (error.kind, str(error))


def concurrency(checks):
    model = mlhost.load(MODELS / "iris", concurrency=4)
    expected = model.predict(IRIS, output="python")
    with checks.check("eight threads, more than there are places: each its own answer"):

        def ask(number):
            (row,) = model.predict(IRIS.iloc[[number % 4]], output="python")
            # Rows that are run together may differ in a number's last digits.
            return all(
                value == row[name] if name == "species" else abs(value - row[name]) < 1e-6
                for name, value in expected[number % 4].items()
            )

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(400)))
    with checks.check("the lock of the interpreter is free while a model runs"):
        busy = mlhost.load(MODELS / "hostile" / "spin_on_request", timeout=5)
        counted, done = 0, threading.Event()

        def spin():
            raises(mlhost.DeadlineError, lambda: busy.predict(pandas.DataFrame({"x": [1.5]}), timeout=0.5))
            done.set()

        thread = threading.Thread(target=spin)
        thread.start()
        while not done.is_set():
            counted += 1
            time.sleep(0.001)
        thread.join()
        assert counted > 50, counted
    with checks.check("`await model.predict_async`: many at one time"):

        async def ask_all():
            return await asyncio.gather(*(model.predict_async(IRIS, output="python") for _ in range(20)))

        assert all(answer == expected for answer in asyncio.run(ask_all()))
    with checks.check("a full model: a call waits for its place, and its deadline ends the wait"):
        busy = mlhost.load(MODELS / "hostile" / "spin_on_request", timeout=5, concurrency=1)
        frame = pandas.DataFrame({"x": [1.5]})
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(lambda: raises(mlhost.DeadlineError, lambda: busy.predict(frame, timeout=1)))
            time.sleep(0.2)
            raises(mlhost.DeadlineError, lambda: busy.predict(frame, timeout=0.2), "waiting")
            first.result()
    with checks.check("Ctrl-C ends a call"):
        script = (
            "import mlhost, pandas, signal, sys, threading, os, time\n"
            "model = mlhost.load(sys.argv[1], timeout=60)\n"
            "threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
            "start = time.monotonic()\n"
            "try: model.predict(pandas.DataFrame({'x': [1.5]}))\n"
            "except KeyboardInterrupt: print(time.monotonic() - start < 10)\n"
        )
        assert python(script, MODELS / "hostile" / "spin_on_request") == "True"


def package(checks):
    with checks.check("importing mlhost loads no native library, no pyarrow, no pandas, no onnxruntime"):
        script = "import mlhost, sys; print([m for m in ('mlhost._native','pyarrow','pandas','onnxruntime','mlflow') if m in sys.modules])"
        assert python(script) == "[]"
    with checks.check("a model loads with the library of the package onnxruntime, which is not imported"):
        environment = {name: value for name, value in os.environ.items() if name != "ORT_DYLIB_PATH"}
        environment["MLHOST_CACHE_DIR"] = "/nowhere"
        script = (
            "import mlhost, sys; m = mlhost.load(sys.argv[1], code_cache=False)\n"
            "print(m.predict({'sepal_length':51.0,'sepal_width':35.0,'petal_length':14.0,'petal_width':2.0})['species'][0], "
            "'onnxruntime' in sys.modules)"
        )
        assert python(script, MODELS / "iris", environment=environment) == "setosa False"
        both = f"import onnxruntime; onnxruntime.get_available_providers()\n{script}"
        assert python(both, MODELS / "iris", environment=environment) == "setosa True"
    with checks.check("the versions of the package, the library and the program are one"):
        from mlhost import _native

        program = subprocess.run(
            [str(Path(sys.executable).with_name("mlhost")), "--version"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        versions = {mlhost.__version__, _native.__version__, importlib.metadata.version("mlhost"), program.split()[-1]}
        assert len(versions) == 1, versions
    with checks.check("types: mypy --strict has nothing to say of the package and of a user's program"):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
            program.write(
                "import mlhost\n"
                "model: mlhost.Model = mlhost.load('x', timeout=1.0)\n"
                "name: str = model.name\n"
                "reveal_type(model.predict)\n"
                "try: model.predict([])\n"
                "except mlhost.ModelError as error: kind: str = error.kind\n"
            )
            program.flush()
            modules = [str(path) for path in sorted((ROOT / "python" / "mlhost").glob("*.py"))]
            for arguments, folder in ((modules, ROOT / "python"), (["--strict", program.name], "/")):
                done = subprocess.run(
                    [sys.executable, "-m", "mypy", "--no-incremental", "--cache-dir", os.devnull, *arguments],
                    capture_output=True,
                    text=True,
                    cwd=folder,
                )
                assert done.returncode == 0, done.stdout + done.stderr
            assert "def (data: Any, params:" in done.stdout, done.stdout


if __name__ == "__main__":
    main()
