"""The models that `convert.py` converts: made here with fixed seeds, and saved by MLflow. Each function returns the folder
and a request body that the model answers."""

import json

import lightgbm
import mlflow
import numpy
import pandas
import xgboost
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import Schema, TensorSpec
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC

IRIS, KIND = load_iris(return_X_y=True, as_frame=True)
IRIS.columns = ["sepal length", "sepal width", "petal length", "petal width"]
SPECIES = numpy.array(["setosa", "versicolor", "virginica"])[KIND]
DIABETES, PROGRESS = load_diabetes(return_X_y=True, as_frame=True)
QUIET = {"verbosity": -1, "n_jobs": 1}


def passengers():
    """Columns of every type, with gaps."""
    random = numpy.random.default_rng(7)
    rows = 400
    frame = pandas.DataFrame(
        {
            "sex": random.choice(["male", "female"], rows),
            "port": random.choice(["S", "C", "Q"], rows),
            "age": random.uniform(1, 80, rows),
            "fare": random.exponential(30, rows),
            "class": random.integers(1, 4, rows),
            "siblings": random.integers(0, 6, rows).astype("int32"),
            "crew": random.choice([True, False], rows),
        }
    )
    frame.loc[random.random(rows) < 0.1, "age"] = numpy.nan
    score = (frame["sex"] == "female") * 2 - frame["class"] * 0.5 + frame["fare"] * 0.01 + random.normal(0, 0.5, rows)
    return frame, score


def mixed(estimator):
    return Pipeline(
        [
            (
                "columns",
                ColumnTransformer(
                    [
                        ("texts", OneHotEncoder(handle_unknown="ignore"), ["sex", "port"]),
                        ("class", OneHotEncoder(handle_unknown="ignore"), ["class"]),
                        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age", "fare"]),
                        ("others", "passthrough", ["siblings", "crew"]),
                    ]
                ),
            ),
            ("model", estimator),
        ]
    )


def sklearn(folder, model, inputs, example=2, **options):
    """Saves it with a signature from `inputs`."""
    options.setdefault("signature", infer_signature(inputs, model.predict(inputs[:5])))
    mlflow.sklearn.save_model(
        model,
        str(folder),
        input_example=inputs[:example] if example else None,
        pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",
        **options,
    )


def saved(flavor, folder, model, inputs, predicted):
    getattr(mlflow, flavor).save_model(
        model,
        str(folder),
        signature=infer_signature(inputs, predicted),
        input_example=inputs[:2],
        pip_requirements=[flavor],
    )


def split(frame):
    """A body of `frame`, NaN as null. With every digit: thresholds of trees lie on values that they were trained with."""
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return json.loads(json.dumps({"dataframe_split": {"columns": list(frame.columns), "data": rows}}))


# === scikit-learn ===


def logistic_texts(folder):
    sklearn(folder, LogisticRegression(max_iter=500).fit(IRIS, SPECIES), IRIS)
    return split(IRIS[::10])


def logistic_integers(folder):
    sklearn(folder, LogisticRegression(max_iter=500).fit(IRIS, KIND), IRIS)
    return split(IRIS[::10])


def logistic_truths(folder):
    sklearn(folder, LogisticRegression(max_iter=500).fit(IRIS, KIND == 1), IRIS)
    return split(IRIS[::10])


def logistic_probabilities(folder):
    sklearn(folder, LogisticRegression(max_iter=500).fit(IRIS, SPECIES), IRIS, pyfunc_predict_fn="predict_proba")
    return split(IRIS[::10])


def forest_regressor(folder):
    sklearn(folder, RandomForestRegressor(50, random_state=1).fit(DIABETES, PROGRESS), DIABETES)
    return split(DIABETES[::20])


def forest_classifier(folder):
    sklearn(folder, RandomForestClassifier(25, random_state=1).fit(IRIS, SPECIES), IRIS)
    return split(IRIS[::10])


def histograms(folder):
    gaps = DIABETES.mask(numpy.random.default_rng(5).random(DIABETES.shape) < 0.05)
    sklearn(folder, HistGradientBoostingRegressor(max_iter=20, random_state=1).fit(gaps, PROGRESS), gaps)
    return split(gaps[::20])


def without_probabilities(folder):
    sklearn(folder, LinearSVC(random_state=1).fit(IRIS, SPECIES), IRIS)
    return split(IRIS[::10])


def neighbours(folder):
    sklearn(folder, KNeighborsClassifier().fit(IRIS, SPECIES), IRIS)
    return split(IRIS[::10])


def clusters(folder):
    sklearn(folder, KMeans(3, n_init=1, random_state=1).fit(IRIS), IRIS)
    return split(IRIS[::10])


def several_targets(folder):
    targets = numpy.stack([PROGRESS, -PROGRESS], axis=1)
    sklearn(folder, LinearRegression().fit(DIABETES, targets), DIABETES)
    return split(DIABETES[::20])


def mixed_classifier(folder):
    frame, score = passengers()
    model = mixed(LogisticRegression(max_iter=1000)).fit(frame, numpy.where(score > 0, "yes", "no"))
    sklearn(folder, model, frame)
    return split(frame[:20])


def mixed_regressor(folder):
    frame, score = passengers()
    sklearn(folder, mixed(Ridge()).fit(frame, score), frame)
    return split(frame[:20])


def mixed_trees(folder):
    frame, score = passengers()
    sklearn(folder, mixed(GradientBoostingClassifier(random_state=1)).fit(frame, score > 0), frame)
    return split(frame[:20])


def mixed_boosters(folder):
    frame, score = passengers()
    model = mixed(xgboost.XGBClassifier(n_estimators=10, n_jobs=1)).fit(frame, (score > 0).astype(int))
    sklearn(folder, model, frame)
    return split(frame[:20])


def mixed_lightgbm(folder):
    frame, score = passengers()
    sklearn(folder, mixed(lightgbm.LGBMRegressor(n_estimators=10, **QUIET)).fit(frame, score), frame)
    return split(frame[:20])


def strict_ordinals(folder):
    """An encoder that refuses what it does not know."""
    frame, score = passengers()
    frame = frame[["sex", "port", "fare"]]
    columns = ColumnTransformer([("texts", OrdinalEncoder(), ["sex", "port"])], remainder="passthrough")
    sklearn(folder, make_pipeline(columns, RandomForestRegressor(10, random_state=1)).fit(frame, score), frame)
    return split(frame[:20])


def texts(folder):
    words = ["good", "bad", "film", "plot", "actor", "boring", "great"]
    random = numpy.random.default_rng(3)
    frame = pandas.DataFrame(
        {"text": [" ".join(random.choice(words, 6)) for _ in range(200)], "year": random.uniform(0, 1, 200)}
    )
    liked = frame["text"].str.contains("good|great").map({True: "up", False: "down"})
    columns = ColumnTransformer([("text", TfidfVectorizer(), "text"), ("year", "passthrough", ["year"])])
    sklearn(folder, make_pipeline(columns, LogisticRegression()).fit(frame, liked), frame)
    return split(frame[:10].assign(text=frame["text"].str.upper()))


def numbered(folder):
    """Columns that are called by number, as MLflow infers them from an array."""
    values = pandas.DataFrame(IRIS.to_numpy())
    sklearn(folder, make_pipeline(StandardScaler(), LogisticRegression()).fit(values, SPECIES), values)
    return {"dataframe_split": {"data": values[::10].to_numpy().tolist()}}


def one_column(folder):
    sklearn(folder, LinearRegression().fit(DIABETES[["bmi"]], PROGRESS), DIABETES[["bmi"]])
    return split(DIABETES[["bmi"]][::20])


def input_called_label(folder):
    renamed = IRIS.rename(columns={"sepal length": "label"})
    sklearn(folder, LogisticRegression(max_iter=500).fit(renamed, SPECIES), renamed)
    return split(renamed[::10])


def tensor(folder):
    values = IRIS.to_numpy(dtype="float32")
    signature = ModelSignature(Schema([TensorSpec(numpy.dtype("float32"), (-1, 4))]))
    sklearn(folder, LogisticRegression(max_iter=500).fit(values, KIND), values, signature=signature)
    return {"inputs": values[::10].tolist()}


def tensor_double(folder):
    values = DIABETES.to_numpy()
    sklearn(folder, Ridge().fit(values, PROGRESS), values)
    return {"inputs": values[::20].tolist()}


# === boosted trees ===


def xgb_classifier(folder):
    model = xgboost.XGBClassifier(n_estimators=20, n_jobs=1).fit(IRIS, KIND)
    saved("xgboost", folder, model, IRIS, model.predict(IRIS))
    return split(IRIS[::10])


def xgb_regressor(folder):
    gaps = DIABETES.mask(numpy.random.default_rng(5).random(DIABETES.shape) < 0.05)
    model = xgboost.XGBRegressor(n_estimators=20, n_jobs=1).fit(gaps, PROGRESS)
    saved("xgboost", folder, model, gaps, model.predict(gaps))
    return split(gaps[::20])


def _xgb_native(folder, options, data, target):
    matrix = xgboost.DMatrix(data, target)
    model = xgboost.train({"nthread": 1, "max_depth": 3, **options}, matrix, 15)
    saved("xgboost", folder, model, data, model.predict(matrix))
    return split(data[::10])


def xgb_native_regression(folder):
    return _xgb_native(folder, {"objective": "reg:squarederror"}, DIABETES, PROGRESS)


def xgb_native_binary(folder):
    return _xgb_native(folder, {"objective": "binary:logistic"}, IRIS, KIND == 1)


def xgb_native_probabilities(folder):
    return _xgb_native(folder, {"objective": "multi:softprob", "num_class": 3}, IRIS, KIND)


def xgb_native_classes(folder):
    return _xgb_native(folder, {"objective": "multi:softmax", "num_class": 3}, IRIS, KIND)


def lgbm_regressor(folder):
    model = lightgbm.LGBMRegressor(n_estimators=150, **QUIET).fit(DIABETES, PROGRESS)
    saved("lightgbm", folder, model, DIABETES, model.predict(DIABETES))
    return split(DIABETES[::20])


def lgbm_classifier(folder):
    model = lightgbm.LGBMClassifier(n_estimators=20, **QUIET).fit(IRIS, SPECIES)
    saved("lightgbm", folder, model, IRIS, model.predict(IRIS))
    return split(IRIS[::10])


def _lgbm_native(folder, options, data, target):
    model = lightgbm.train({"num_threads": 1, "verbosity": -1, **options}, lightgbm.Dataset(data, target), 15)
    saved("lightgbm", folder, model, data, model.predict(data))
    return split(data[::10])


def lgbm_native_regression(folder):
    return _lgbm_native(folder, {"objective": "regression"}, DIABETES, PROGRESS)


def lgbm_native_binary(folder):
    return _lgbm_native(folder, {"objective": "binary"}, IRIS, (KIND == 1).astype(int))


def lgbm_native_classes(folder):
    return _lgbm_native(folder, {"objective": "multiclass", "num_class": 3}, IRIS, KIND)


ALL = [
    logistic_texts,
    logistic_integers,
    logistic_truths,
    logistic_probabilities,
    forest_regressor,
    forest_classifier,
    histograms,
    without_probabilities,
    neighbours,
    clusters,
    several_targets,
    mixed_classifier,
    mixed_regressor,
    mixed_trees,
    mixed_boosters,
    mixed_lightgbm,
    strict_ordinals,
    texts,
    numbered,
    one_column,
    input_called_label,
    tensor,
    tensor_double,
    xgb_classifier,
    xgb_regressor,
    xgb_native_regression,
    xgb_native_binary,
    xgb_native_probabilities,
    xgb_native_classes,
    lgbm_regressor,
    lgbm_classifier,
    lgbm_native_regression,
    lgbm_native_binary,
    lgbm_native_classes,
]
