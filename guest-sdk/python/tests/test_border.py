"""The contract's values to the SDK's and back, and what becomes of exceptions: with componentize-py's own bindings.

`cargo xtask test --only python` generates them and says in MLHOST_BINDINGS where; by hand:
`componentize-py -d guest-sdk/wit -w model bindings DIR`.
"""

import os
import sys
import types
import unittest
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, os.environ["MLHOST_BINDINGS"])

import mlhost
from componentize_py_types import Err
from mlhost import border
from wit_world.imports import artifacts, graphs, log
from wit_world.imports import mlhost_guest_types as guest
from wit_world.imports import mlhost_nn_types as nn


class Model(mlhost.PythonModel):
    """A model whose calls say what it is to do."""

    def load_context(self, context):
        self.greeting = context.artifact_text("greeting")

    def predict(self, context, model_input, params=None):
        print("predicting,", end=" ")
        print(params)
        if params.get("reject"):
            raise mlhost.Reject("too many flowers")
        if params.get("divide"):
            return 1 // 0
        if params.get("nonsense"):
            return object()
        return model_input if params.get("echo") else {"greeting": self.greeting, "config": context.model_config}


module = types.ModuleType("a_model")
Model.__module__ = "a_model"
module.Model = Model
sys.modules["a_model"] = module
sys.modules["mlhost_build"] = types.SimpleNamespace(MODULE="a_model")

import mlhost_predictor as predictor


def param(name):
    return guest.Param(name, guest.Value_Boolean(True))


class Calls(unittest.TestCase):
    def setUp(self):
        self.logged = []
        log.write = lambda level, line: self.logged.append((level.name, line))
        artifacts.read = lambda name: b"hello"
        streams = sys.stdout, sys.stderr
        self.addCleanup(lambda: setattr(sys, "stdout", streams[0]) or setattr(sys, "stderr", streams[1]))
        predictor.Predictor().load_context(guest.Context('{"a": 1}', ["greeting"]))

    def predict(self, *names, input=guest.Input_Tensors([])):
        return predictor.Predictor().predict(input, [param(name) for name in names])

    def test_what_is_no_value_of_the_contract_is_json(self):
        answer = self.predict()
        self.assertEqual(answer, guest.Output_Json('{"greeting": "hello", "config": {"a": 1}}'))

    def test_what_is_printed_is_logged_line_by_line(self):
        self.predict()
        self.assertEqual(self.logged, [("INFO", "predicting, {}")])

    def test_a_rejection_is_the_clients_to_read(self):
        with self.assertRaises(Err) as caught:
            self.predict("reject")
        self.assertEqual(caught.exception.value, guest.Failure_Rejected("too many flowers"))
        self.assertNotIn("ERROR", [level for level, _ in self.logged])

    def test_another_exception_is_a_failure_and_its_traceback_is_logged_from_the_models_code_on(self):
        with self.assertRaises(Err) as caught:
            self.predict("divide")
        self.assertIsInstance(caught.exception.value, guest.Failure_Failed)
        self.assertIn("ZeroDivisionError", caught.exception.value.value)
        lines = [line for level, line in self.logged if level == "ERROR"]
        self.assertEqual(lines[0], "Traceback (most recent call last):")
        self.assertIn("test_border.py", lines[1])
        self.assertIn("in predict", lines[1])
        self.assertTrue(lines[-1].startswith("ZeroDivisionError"))

    def test_an_answer_that_is_none_is_a_failure_that_says_its_type(self):
        with self.assertRaises(Err) as caught:
            self.predict("nonsense")
        self.assertIn("predict returned a value of type object", caught.exception.value.value)

    def test_every_kind_of_column_goes_there_and_back(self):
        packed = nn.Packed([0, 1, 1], b"a")
        columns = [
            guest.Column("double", guest.ColumnData_F64([1.5, 2.5]), None),
            guest.Column("float", guest.ColumnData_F32([1.5, 2.5]), None),
            guest.Column("long", guest.ColumnData_S64([1, -(2**63)]), b"\1\0"),
            guest.Column("integer", guest.ColumnData_S32([1, 2]), None),
            guest.Column("boolean", guest.ColumnData_Boolean(b"\1\0"), None),
            guest.Column("string", guest.ColumnData_Text(packed), None),
            guest.Column("binary", guest.ColumnData_Binary(packed), b"\1\0"),
            guest.Column("datetime", guest.ColumnData_Datetime([1, 2]), None),
            guest.Column("json", guest.ColumnData_Json(nn.Packed([0, 1, 2], b"12")), None),
        ]
        table = guest.Table(columns, 2)
        self.assertEqual(self.predict("echo", input=guest.Input_Table(table)), guest.Output_Table(table))

    def test_every_kind_of_tensor_goes_there_and_back(self):
        for elements in [
            nn.Elements_Boolean(b"\1\0"),
            nn.Elements_Bf16([1, 2]),
            nn.Elements_F16([1, 2]),
            nn.Elements_F32([1.5, 2.5]),
            nn.Elements_F64([1.5, 2.5]),
            nn.Elements_S8(b"\xff\1"),
            nn.Elements_S16([-1, 2]),
            nn.Elements_S32([-1, 2]),
            nn.Elements_S64([-1, 2]),
            nn.Elements_U8(b"\xff\1"),
            nn.Elements_U16([1, 2]),
            nn.Elements_U32([1, 2]),
            nn.Elements_U64([1, 2**64 - 1]),
            nn.Elements_Text(nn.Packed([0, 2, 3], "äb".encode())),
        ]:
            for names in (["a", "b"], [""]):
                tensors = [nn.NamedTensor(name, nn.Tensor([2], elements)) for name in names]
                answer = self.predict("echo", input=guest.Input_Tensors(tensors))
                self.assertEqual(answer, guest.Output_Tensors(tensors))

    def test_raw_bytes_go_there_and_back(self):
        blob = guest.Blob("image/png", b"\x89PNG")
        self.assertEqual(self.predict("echo", input=guest.Input_Blob(blob)), guest.Output_Blob(blob))

    def test_parameters_are_pythons_values(self):
        values = [guest.Value_Null(), guest.Value_Integer(1), guest.Value_Text("a"), guest.Value_Json("[1]")]
        params = [guest.Param(str(index), value) for index, value in enumerate(values)]
        self.assertEqual(border.params_in(params), {"0": None, "1": 1, "2": "a", "3": [1]})

    def test_a_graphs_failure_is_an_error_of_the_sdk(self):
        def compute(graph, inputs, outputs):
            raise Err(graphs.Error(graphs.ErrorCode.NOT_FOUND, f"no graph `{graph}`"))

        graphs.compute = compute
        with self.assertRaisesRegex(mlhost.GraphError, "no graph `rose`"):
            border.compute("rose", {"x": mlhost.Tensor([1], array("f", [1]))}, [])

    def test_numbers_that_json_has_not_are_a_failure(self):
        with self.assertRaises(ValueError):
            border.output_out([float("nan")])


if __name__ == "__main__":
    unittest.main()
