"""Boosted trees of XGBoost and LightGBM as graphs: models of the scikit-learn API, native `Booster`s, and steps of
pipelines. Called by `core`; must never change the model that it is given."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

from .double_trees import in_single
from .refusal import Refusal

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""What graphs are written for."""


def refuse_categories(model: Any) -> None:
    """XGBoost's own encoding of categories, which needs columns that no signature has."""
    booster = model if type(model).__name__ == "Booster" else model.get_booster()
    if "c" in (booster.feature_types or []):
        raise Refusal(
            "XGBoost's own categories are not converted",
            "encode categories before the model, and train without `enable_categorical`",
        )


def xgboost_graph(model: Any, types: list[Any]) -> Any:
    """By onnxmltools, which knows features by number only."""
    import onnxmltools
    import xgboost

    if isinstance(model, xgboost.Booster):
        named = _of_the_api(model)
    else:
        named = copy.deepcopy(model)
    booster = named.get_booster()
    booster.feature_names = None
    booster.feature_types = None
    return onnxmltools.convert_xgboost(named, initial_types=types, target_opset=_opset())


def _of_the_api(booster: Any) -> Any:
    """A `Booster` as the class of the scikit-learn API that trains such: the converter has to guess what one predicts."""
    import xgboost

    learner = json.loads(booster.save_config())["learner"]
    objective = learner["objective"]["name"]
    if objective in ("binary:logistic", "multi:softprob", "multi:softmax"):
        wrapped: Any = xgboost.XGBClassifier(objective=objective)
    elif objective.startswith(("reg:", "count:")):
        wrapped = xgboost.XGBRegressor(objective=objective)
    else:
        raise Refusal(
            f"XGBoost's objective `{objective}` is not converted",
            "`binary:logistic`, `multi:softprob`, `multi:softmax`, `reg:…` and `count:poisson` are",
        )
    wrapped.load_model(booster.save_raw("ubj"))
    if hasattr(wrapped, "n_classes_") or isinstance(wrapped, xgboost.XGBClassifier):
        wrapped.n_classes_ = max(int(learner["learner_model_param"]["num_class"]), 2)
    return wrapped


def lightgbm_graph(model: Any, together: int | None, types: list[Any]) -> Any:
    """By onnxmltools; with `together` trees added up in double where there are many."""
    import onnxmltools

    return onnxmltools.convert_lightgbm(model, initial_types=types, target_opset=_opset(), zipmap=False, split=together)


def register() -> None:
    """Makes both known to skl2onnx, as steps of pipelines."""
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    classifier = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    with contextlib.suppress(ImportError):
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
        from xgboost import XGBClassifier, XGBRegressor

        update_registered_converter(
            XGBClassifier,
            "XGBoostXGBClassifier",
            calculate_linear_classifier_output_shapes,
            in_single(convert_xgboost),
            options=classifier,
        )
        update_registered_converter(
            XGBRegressor, "XGBoostXGBRegressor", calculate_linear_regressor_output_shapes, in_single(convert_xgboost)
        )
    with contextlib.suppress(ImportError):
        from lightgbm import LGBMClassifier, LGBMRegressor
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

        update_registered_converter(
            LGBMClassifier,
            "LightGbmLGBMClassifier",
            calculate_linear_classifier_output_shapes,
            convert_lightgbm,
            options=classifier,
        )
        update_registered_converter(
            LGBMRegressor,
            "LightGbmLGBMRegressor",
            calculate_linear_regressor_output_shapes,
            convert_lightgbm,
            options={"split": None},
        )


def _opset() -> int:
    """Both are behind onnx: the newest that onnxmltools writes, and no newer than what skl2onnx is asked for."""
    from onnxmltools.convert.common.onnx_ex import get_maximum_opset_supported

    return min(int(get_maximum_opset_supported()), OPSETS[""])
