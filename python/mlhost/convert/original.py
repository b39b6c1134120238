"""What the model answers as MLflow serves it, under the names that the graph's outputs get. Called by `conversion`; must
never answer anything that MLflow would not."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy

from .ports import Ports
from .refusal import Refusal
from .source import Source

LABEL, PROBABILITIES, PREDICTION = "label", "probabilities", "prediction"

Answers = dict[str, numpy.ndarray]


@dataclass(frozen=True)
class Original:
    """The model before its conversion."""

    source: Source
    ports: Ports
    probabilities: bool = True
    """Whether a classifier's are answered beside its labels."""

    @property
    def native(self) -> bool:
        """Whether it is a `Booster`, which answers numbers whatever it was trained for."""
        return type(self.source.model).__name__ == "Booster"

    @property
    def classifies(self) -> bool:
        """Whether it answers labels of classes that it knows."""
        return not self.native and self.source.predict_fn == "predict" and hasattr(self.source.model, "classes_")

    def accepts(self, rows: Any) -> bool:
        """Whether it answers `rows` at all."""
        try:
            self._predict(rows)
        except Exception:  # noqa: BLE001 - whatever a model raises is a no
            return False
        return True

    def answers(self, rows: Any) -> Answers:
        """By the name of the output."""
        predicted = self._predict(rows)
        if self.classifies:
            return self._classified(rows, predicted)
        if predicted.ndim == 1 or (predicted.ndim == 2 and predicted.shape[1] == 1):
            return {self._names(1)[0]: predicted.reshape(-1)}
        if predicted.ndim != 2:
            raise Refusal(
                f"the model answers an array of {predicted.ndim} axes",
                "models that answer a row of values for each row are converted",
            )
        if self.ports.columns is None:
            return {PREDICTION: predicted}
        # MLflow's onnx flavor answers a row for each value of an output: one output a value keeps rows rows.
        return {name: predicted[:, at] for at, name in enumerate(self._names(predicted.shape[1]))}

    def _classified(self, rows: Any, labels: numpy.ndarray) -> Answers:
        if labels.ndim != 1:
            raise Refusal(
                "the model answers several labels a row",
                "convert one classifier for each label: a graph has one output of labels",
            )
        answers = {LABEL: labels}
        if self.probabilities and hasattr(self.source.model, "predict_proba"):
            with _quiet():
                answers[PROBABILITIES] = numpy.asarray(self.source.model.predict_proba(rows))
        return answers

    def _predict(self, rows: Any) -> numpy.ndarray:
        with _quiet():
            return numpy.asarray(self.source.served.predict(rows))

    def _names(self, count: int) -> list[str]:
        """Those of the signature, where it has them."""
        outputs = self.source.signature.outputs
        names = outputs.input_names() if outputs is not None and outputs.has_input_names() else []
        if len(names) == count and all(isinstance(name, str) for name in names):
            return names
        return [PREDICTION] if count == 1 else [f"{PREDICTION}_{at}" for at in range(count)]


class _quiet(warnings.catch_warnings):
    """Without the warnings of the libraries below: what matters is compared."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        return entered
