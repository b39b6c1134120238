"""The iris sample as its own author would test it: in any Python, with a function in the place of the graph."""

import importlib.util
import sys
import unittest
from array import array
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SDK))

import mlhost
from mlhost import testing


def sample():
    path = SDK.parent.parent / "models/iris-python/guest/model.py"
    spec = importlib.util.spec_from_file_location("model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Model()


def flowers():
    return mlhost.Table(
        {"petal_width": [2.0, 25.0], "petal_length": [14.0, 60.0], "sepal_width": [35.0, 33.0], "sepal_length": [51, 63]}
    )


class Iris(unittest.TestCase):
    def loaded(self, graph):
        context = testing.context(artifacts={"labels": "setosa\nversicolor\nvirginica\n"}, graphs={"iris": graph})
        model = sample()
        model.load_context(context)
        return lambda table: model.predict(context, table)

    def test_millimetres_reach_the_graph_as_centimetres_in_its_own_order(self):
        def graph(inputs):
            self.assertEqual(inputs["input"].shape, (2, 4))
            expected = array("f", [5.1, 3.5, 1.4, 0.2, 6.3, 3.3, 6.0, 2.5])
            self.assertEqual(inputs["input"].data, expected)
            probabilities = array("f", [0.75, 0.25, 0.0, 0.0, 0.5, 0.5])
            return {"label": mlhost.Tensor([2], [0, 2]), "probabilities": mlhost.Tensor([2, 3], probabilities)}

        answer = self.loaded(graph)(flowers())
        self.assertEqual(list(answer["species"]), ["setosa", "virginica"])
        self.assertEqual(list(answer["probability_versicolor"]), [0.25, 0.5])

    def test_a_table_without_a_feature_is_the_callers_fault(self):
        with self.assertRaisesRegex(mlhost.Reject, "`sepal_length` is missing"):
            self.loaded(None)(mlhost.Table({"x": [1.0]}))

    def test_a_graph_that_is_not_there_is_said(self):
        with self.assertRaisesRegex(mlhost.GraphError, "there is no graph `rose`"):
            testing.context().graph("rose").compute({})


if __name__ == "__main__":
    unittest.main()
