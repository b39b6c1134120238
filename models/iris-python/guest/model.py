"""Iris in Python: a table of millimetres in, the species and its probabilities out. Answers as models/iris does.

The graph takes centimetres and answers with class numbers; this model scales before and names after. The names are an
artifact of the bundle, one a line.
"""

from array import array

import mlhost

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
MILLIMETRES_PER_CENTIMETRE = 10.0


class Model(mlhost.PythonModel):
    """Its graph and the names of its classes."""

    def load_context(self, context):
        self.labels = context.artifact_text("labels").split()
        self.graph = context.graph("iris")

    def predict(self, context, model_input, params=None):
        if not isinstance(model_input, mlhost.Table):
            raise mlhost.Reject("this model takes a table")
        centimetres = [
            array("f", [value / MILLIMETRES_PER_CENTIMETRE for value in model_input.floats(name)])
            for name in FEATURES
        ]
        outputs = self.graph.compute({"input": mlhost.Tensor.interleaved(centimetres)})
        answer = {"species": [self.labels[label] for label in outputs["label"].data]}
        for index, label in enumerate(self.labels):
            answer[f"probability_{label}"] = array("d", outputs["probabilities"].column(index))
        return mlhost.Table(answer)
