"""Columns, tables and tensors, without a sandbox: `python3 -m unittest discover -s guest-sdk/python/tests`."""

import sys
import unittest
from array import array
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import mlhost


class Columns(unittest.TestCase):
    def test_the_type_is_that_of_the_first_value_that_is_there(self):
        for values, type in [
            ([1.0, 2], "double"),
            ([1, 2.5], "double"),
            ([1, None, 3], "long"),
            ([None, True], "boolean"),
            (["a", None], "string"),
            ([b"a"], "binary"),
            ([datetime(2026, 1, 2)], "datetime"),
            ([[1, 2], {"a": None}], "json"),
            ([None], "double"),
            (array("f", [1]), "float"),
            (array("i", [1]), "integer"),
            (array("q", [1]), "long"),
        ]:
            self.assertEqual(mlhost.Column.of(values).type, type, values)

    def test_values_come_back_as_they_were(self):
        moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
        for values in [[1.5, -2.0], [1, None], [True, None], ["ä", "", None], [b"\0", b""], [moment, None], [[1], None]]:
            self.assertEqual(list(mlhost.Column.of(values)), values)

    def test_a_buffer_is_seen_without_a_copy(self):
        values = array("d", [1, 2, 3])
        column = mlhost.Column.of(values)
        values[1] = 5
        self.assertIs(column.floats(), values)
        self.assertEqual(column.memory()[1], 5)

    def test_missing_whole_numbers_are_nan_among_doubles(self):
        first, second = mlhost.Column.of([7, None]).floats()
        self.assertEqual(first, 7)
        self.assertNotEqual(second, second)

    def test_what_is_no_number_has_no_buffer(self):
        with self.assertRaises(TypeError):
            mlhost.Column.of(["a"]).memory()
        with self.assertRaises(TypeError):
            mlhost.Column.of(["a"]).floats()

    def test_an_index_past_the_end_is_an_error_and_a_negative_one_counts_from_it(self):
        column = mlhost.Column.of(["a", "b"])
        self.assertEqual(column[-1], "b")
        with self.assertRaises(IndexError):
            column[2]


class Tables(unittest.TestCase):
    def test_records_and_columns_are_the_same_table(self):
        records = [{"x": 1.5, "name": "a"}, {"x": None, "name": "b"}]
        table = mlhost.Table.of_records(records)
        self.assertEqual(table.rows, 2)
        self.assertEqual(table.records(), records)
        self.assertEqual(table.to_dict()["name"], ["a", "b"])

    def test_a_missing_column_is_the_clients_fault_and_says_which_there_are(self):
        table = mlhost.Table({"x": [1.0], "name": ["a"]})
        with self.assertRaisesRegex(mlhost.Reject, "column `y` is missing; there are `x`, `name`"):
            table["y"]
        with self.assertRaisesRegex(mlhost.Reject, "`name` is of type string and must hold numbers"):
            table.floats("name")
        self.assertIsNone(table.get("y"))
        self.assertNotIn("y", table)

    def test_columns_of_different_lengths_are_no_table(self):
        with self.assertRaisesRegex(ValueError, "`b` has 1 values, and the table 2 rows"):
            mlhost.Table({"a": [1, 2], "b": [1]})


class Tensors(unittest.TestCase):
    def test_columns_are_interleaved_into_rows(self):
        tensor = mlhost.Tensor.interleaved([array("d", [1, 2, 3]), array("f", [4, 5, 6])])
        self.assertEqual((tensor.shape, tensor.type), ((3, 2), "f32"))
        self.assertEqual(tensor.tolist(), [[1, 4], [2, 5], [3, 6]])
        self.assertEqual(list(tensor.column(1)), [4, 5, 6])

    def test_the_type_is_the_arrays_or_as_asked(self):
        for data, asked, type in [
            (array("q", [1]), None, "s64"),
            (array("B", [1]), None, "u8"),
            ([1.0], None, "f32"),
            ([1], None, "s64"),
            ([True], None, "boolean"),
            (["a"], None, "text"),
            ([1], "f64", "f64"),
        ]:
            self.assertEqual(mlhost.Tensor([1], data, asked).type, type)

    def test_a_shape_that_does_not_fit_is_an_error(self):
        with self.assertRaisesRegex(ValueError, r"shape \[2, 2\] has no 3 elements"):
            mlhost.Tensor([2, 2], [1.0, 2.0, 3.0])
        with self.assertRaisesRegex(TypeError, "there are no tensors of type 'f80'"):
            mlhost.Tensor([1], [1.0], "f80")


if __name__ == "__main__":
    unittest.main()
