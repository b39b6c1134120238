"""What must not be converted, and what it is refused with. Called by `convert.py`."""

import datetime
from pathlib import Path

import mlflow
import models
import numpy
import pandas
import xgboost
from calls import convert, converted, refused
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer

IRIS, SPECIES = models.IRIS, models.SPECIES


class Doubling(TransformerMixin, BaseEstimator):
    """A step that no converter knows."""

    def fit(self, values, target=None):
        self.width_ = values.shape[1]
        return self

    def transform(self, values):
        return numpy.asarray(values) * 2


class Halving(Doubling):
    """A step whose converter, below, is wrong from 5 on."""


def register_wrong_converter():
    import skl2onnx
    from skl2onnx.common.data_types import guess_numpy_type

    def shape(operator):
        operator.outputs[0].type = type(operator.inputs[0].type)([None, operator.raw_operator.width_])

    def wrong(scope, operator, container):
        dtype = guess_numpy_type(operator.inputs[0].type)
        kind = TensorProto.DOUBLE if dtype == numpy.float64 else TensorProto.FLOAT
        names = [scope.get_unique_variable_name(name) for name in ("limit", "two", "least")]
        container.add_initializer(names[0], kind, [], [5.0])
        container.add_initializer(names[1], kind, [], [2.0])
        container.nodes.append(helper.make_node("Min", [operator.inputs[0].full_name, names[0]], [names[2]]))
        container.nodes.append(helper.make_node("Mul", [names[2], names[1]], [operator.outputs[0].full_name]))

    skl2onnx.update_registered_converter(Halving, "WrongHalving", shape, wrong)


def classifier(folder, *steps, inputs=IRIS, target=SPECIES, **options):
    models.sklearn(
        folder, make_pipeline(*steps, LogisticRegression(max_iter=500)).fit(inputs, target), inputs, **options
    )
    return folder


def check(checks, folder):
    _differing(checks, folder)
    _unconvertible(checks, folder)
    _texts(checks, folder)
    _signatures(checks, folder)
    _directories(checks, folder)


def _differing(checks, folder):
    with checks.check("a wrong graph: refused with rows, columns, both values and the largest difference"):
        register_wrong_converter()
        saved = folder / "wrong"
        model = make_pipeline(Halving(), LinearRegression()).fit(models.IRIS, models.KIND)
        models.sklearn(saved, model, IRIS)
        ended = refused(saved, folder / "x", "of 1002 rows differ, by up to ", "where 1e-05 is allowed", "random row ")
        line = next(line for line in ended.error.splitlines() if "random row" in line)
        assert "`prediction`: " in line and "(sklearn), " in line and line.endswith("(onnx)"), line
        assert "  random row " in ended.error and " is sepal length=" in ended.error, ended.error
        rows = int(ended.error.split(" of 1002")[0].rsplit(" ", 1)[1])
        assert 100 < rows < 1002, rows
    with checks.check("a wrong graph, on the example alone: the row of the example"):
        refused(saved, folder / "x", "of 2 rows differ", "row 0 of the input example", flags=["--rows", "0"])
    with checks.check("a wrong graph of a classifier: labels that differ are shown"):
        ended = refused(classifier(folder / "labels", Halving()), folder / "x", "`label`: '", "(sklearn), '")
    with checks.check(
        "missing numbers that a graph answers otherwise: refused, and said; `--no-missing` leaves them out"
    ):
        saved = folder / "missing"
        models.sklearn(saved, BaggingClassifier(random_state=1).fit(IRIS, SPECIES), IRIS)
        refused(saved, folder / "x", "rows differ", "`--no-missing`", "=nan")
        converted(saved, folder / "missing.converted", "--no-missing")
    with checks.check("rounding: refused with `--tolerance 0`, and its size is said"):
        saved = folder / "rounding"
        models.xgb_native_binary(saved)
        refused(saved, folder / "x", "where 0 is allowed", "--tolerance", flags=["--tolerance", "0"])
        converted(saved, folder / "rounding.converted", "--tolerance", "1e-6")


def _unconvertible(checks, folder):
    with checks.check("a step without a converter: its name, and what to do"):
        refused(
            classifier(folder / "custom", Doubling()),
            folder / "x",
            "the step `Doubling`",
            "update_registered_converter",
        )
    with checks.check("a model of another flavor: which are converted"):

        class Echo(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input: list[str]):
                return model_input

        saved = folder / "echo"
        mlflow.pyfunc.save_model(str(saved), python_model=Echo(), pip_requirements=["mlflow"])
        refused(saved, folder / "x", "flavor `python_function`", "`sklearn`, `xgboost`, `lightgbm`", "mlhost build")
    with checks.check("a model that is a graph already: served as it is"):
        made = folder / "again"
        converted(classifier(folder / "once"), made)
        refused(made, folder / "x", "flavor `onnx`", "serve it as it is")
    with checks.check("XGBoost's own categories: refused"):
        frame = pandas.DataFrame({"kind": pandas.Categorical(["a", "b", "c", "a"] * 10), "size": numpy.arange(40.0)})
        model = xgboost.XGBRegressor(n_estimators=2, n_jobs=1, enable_categorical=True).fit(frame, numpy.arange(40.0))
        saved = folder / "categories"
        numbers = frame.assign(kind=frame["kind"].cat.codes.astype("float64"))
        signature = infer_signature(numbers)
        mlflow.xgboost.save_model(model, str(saved), signature=signature, pip_requirements=["xgboost"])
        refused(saved, folder / "x", "XGBoost's own categories", "enable_categorical")
    with checks.check("several labels a row: refused"):
        from sklearn.tree import DecisionTreeClassifier

        target = numpy.stack([models.KIND, models.KIND], axis=1)
        saved = folder / "several"
        models.sklearn(saved, DecisionTreeClassifier().fit(IRIS, target), IRIS)
        refused(saved, folder / "x", "several labels a row")


def _texts(checks, folder):
    frame = pandas.DataFrame(
        {"text": ["été chaud", "hiver froid", "été froid", "hiver chaud"] * 5, "size": numpy.arange(20.0)}
    )
    target = ["a", "b"] * 10

    def columns(**options):
        return ColumnTransformer([("text", CountVectorizer(**options), "text")])

    with checks.check("lower case of words that are not ASCII: refused, as a locale would decide"):
        saved = classifier(folder / "locale", columns(), inputs=frame, target=target)
        refused(saved, folder / "x", "`CountVectorizer`", "StringNormalizer", "lowercase=False")
    with checks.check("accents that are stripped: refused"):
        saved = classifier(folder / "accents", columns(strip_accents="unicode"), inputs=frame, target=target)
        refused(saved, folder / "x", "strips accents", "strip_accents=None")


def _signatures(checks, folder):
    model = LogisticRegression(max_iter=500).fit(IRIS, SPECIES)

    def saved(name, **options):
        mlflow.sklearn.save_model(
            model, str(folder / name), pip_requirements=["scikit-learn"], serialization_format="cloudpickle", **options
        )
        return folder / name

    with checks.check("no signature and no example: refused"):
        refused(saved("bare"), folder / "x", "no signature", "infer_signature")
    with checks.check("no rows at all: refused"):
        source = saved("rowless", signature=infer_signature(IRIS, SPECIES))
        refused(source, folder / "x", "no rows to compare", flags=["--rows", "0"])
    with checks.check("parameters: refused"):
        signature = infer_signature(IRIS, SPECIES)
        signature.params = ParamSchema([ParamSpec("limit", "double", 0.5)])
        refused(saved("params", signature=signature), folder / "x", "takes parameters (limit)")
    with checks.check("a column of moments: refused with its name and type"):
        frame = pandas.DataFrame({"when": [datetime.datetime(2026, 1, 1)], "size": [1.0]})
        refused(saved("moments", signature=infer_signature(frame)), folder / "x", "column `when`", "`datetime`")
    with checks.check("two tensors: refused"):
        tensors = Schema([TensorSpec(numpy.dtype("float32"), (-1, 4), name) for name in ("a", "b")])
        refused(saved("tensors", signature=ModelSignature(tensors)), folder / "x", "2 tensors")
    with checks.check("texts and numbers without names: refused"):
        unnamed = Schema([ColSpec("string"), ColSpec("double")])
        refused(saved("unnamed", signature=ModelSignature(unnamed)), folder / "x", "columns without names")
    with checks.check("a model that fails on rows of its own signature: refused"):
        wrong = infer_signature(IRIS.assign(another=1.0), SPECIES)
        refused(saved("narrow", signature=wrong), folder / "x", "fails on 1000 of 1000 random rows", "--rows 0")
    with checks.check("random rows that the model fails on are left out, and counted"):
        source = folder / "roots"
        values = pandas.DataFrame({"size": numpy.linspace(0, 9, 50)})
        rooted = make_pipeline(PowerTransformer(method="box-cox"), LinearRegression()).fit(values + 1, values["size"])
        models.sklearn(source, rooted, values + 1)
        ended = converted(source, folder / "roots.converted")
        assert "of the random rows, which are left out" in ended.out, ended.out


def _directories(checks, folder):
    saved, made = classifier(folder / "plain"), folder / "plain.converted"
    with checks.check("a model directory is there: refused, and replaced with `--replace`"):
        converted(saved, made)
        (made / "mark").touch()
        refused(saved, made, "is there", "--replace")
        assert (made / "mark").exists()
        converted(saved, made, "--replace")
        assert not (made / "mark").exists()
        assert not [path for path in folder.iterdir() if path.name.startswith(".")], "something was left behind"
    with checks.check("what is no model directory is never replaced"):
        other = folder / "other"
        other.mkdir()
        (other / "letter").write_text("dear")
        link = folder / "link"
        link.symlink_to(made)
        for directory in (other, other / "letter", link):
            refused(saved, directory, "no model directory", flags=["--replace"])
        assert (other / "letter").read_text() == "dear" and Path(link).is_symlink()
    with checks.check("a refused model leaves the one that is there"):
        before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
        refused(folder / "wrong", made, "rows differ", flags=["--replace"])
        assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before
    with checks.check("a folder that is not there: refused"):
        ended = convert(saved, folder / "absent" / "x")
        assert ended.code == 1 and "is no folder" in ended.error, ended
