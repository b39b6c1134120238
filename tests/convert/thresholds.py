"""Models of trees that compare float64, asked at their thresholds and as near beside them as float64 goes: rows that a graph with
thresholds of float32 answers otherwise. Used by `convert.py`, as `models.py` is."""

import lightgbm
import numpy
import pandas
import xgboost
from models import QUIET, saved, sklearn, split
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

COLUMNS = ["a", "b", "c", "d"]
VALUES = pandas.DataFrame(numpy.random.default_rng(11).uniform(0, 1, (600, 4)), columns=COLUMNS)
SCORE = VALUES["a"] * 3 + numpy.sin(VALUES["b"] * 9) + (VALUES["c"] > 0.5) * 2
HIGH = (SCORE > SCORE.mean()).astype(int)
MOST = 1500


def beside(thresholds):
    """Rows of the training data, each with one value on a threshold, or beside it by less than float32 tells apart."""
    rows = []
    for column, threshold in thresholds[: MOST // 5]:
        near = (numpy.nextafter(threshold, 9), numpy.nextafter(threshold, -9), threshold * (1 + 1e-9), threshold * (1 - 1e-9))
        for value in (threshold, *near):
            row = VALUES.iloc[len(rows) % len(VALUES)].to_numpy().copy()
            row[column] = value
            rows.append(row)
    assert len(rows) > 200, len(rows)
    return split(pandas.DataFrame(rows, columns=COLUMNS))


def of_histograms(model):
    nodes = [node for step in model._predictors for tree in step for node in tree.nodes if not node["is_leaf"]]
    return [(int(node["feature_idx"]), float(node["num_threshold"])) for node in nodes]


def of_lightgbm(model):
    found, left = [], [tree["tree_structure"] for tree in model.booster_.dump_model()["tree_info"]]
    while left:
        node = left.pop()
        if "split_feature" in node:
            found.append((node["split_feature"], node["threshold"]))
            left += [node["left_child"], node["right_child"]]
    return found


def histograms_at_thresholds(folder):
    model = HistGradientBoostingRegressor(max_iter=20, random_state=1).fit(VALUES, SCORE)
    sklearn(folder, model, VALUES)
    return beside(of_histograms(model))


def histogram_classes_at_thresholds(folder):
    model = HistGradientBoostingClassifier(max_iter=20, random_state=1).fit(VALUES, HIGH)
    sklearn(folder, model, VALUES)
    return beside(of_histograms(model))


def lgbm_at_thresholds(folder):
    model = lightgbm.LGBMRegressor(n_estimators=20, **QUIET).fit(VALUES, SCORE)
    saved("lightgbm", folder, model, VALUES, model.predict(VALUES))
    return beside(of_lightgbm(model))


def lgbm_classes_at_thresholds(folder):
    model = lightgbm.LGBMClassifier(n_estimators=20, **QUIET).fit(VALUES, HIGH)
    saved("lightgbm", folder, model, VALUES, model.predict(VALUES))
    return beside(of_lightgbm(model))


def _near_training(folder, model, target):
    """Training values and their neighbours: a pipeline's thresholds are of what its steps make of them."""
    sklearn(folder, model.fit(VALUES, target), VALUES)
    return split(pandas.concat([VALUES, VALUES * (1 + 3e-8), VALUES * (1 - 3e-8)], ignore_index=True)[:MOST])


def scaled_boosting(folder):
    return _near_training(
        folder, make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=20, random_state=1)), SCORE
    )


def scaled_forest(folder):
    return _near_training(folder, make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=1)), HIGH)


def scaled_xgboost(folder):
    """Its trees compare float32, whatever they are given."""
    model = make_pipeline(StandardScaler(), xgboost.XGBRegressor(n_estimators=20, n_jobs=1))
    return _near_training(folder, model, SCORE)


ALL = [
    histograms_at_thresholds,
    histogram_classes_at_thresholds,
    lgbm_at_thresholds,
    lgbm_classes_at_thresholds,
    scaled_boosting,
    scaled_forest,
    scaled_xgboost,
]
