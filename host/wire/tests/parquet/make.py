"""Writes the files beside it: run with pandas 3 and pyarrow, `python make.py`. They are small and committed, so that
tests need neither."""

import datetime
import pathlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent

types = pd.DataFrame({
    "boolean": [True, False, True],
    "integer": np.array([1, -2, 3], dtype="int32"),
    "long": np.array([1, -(2**62), 3], dtype="int64"),
    "float": np.array([1.5, -2.5, np.nan], dtype="float32"),
    "double": [1.5, np.inf, np.nan],
    "string": ["a", None, "é"],
    "binary": [b"\x01\x02", None, b""],
    "datetime": pd.to_datetime(["2021-01-01", None, "2021-02-02T12:34:56.789"], format="ISO8601"),
})
types.to_parquet(HERE / "types.parquet")
for codec in ["none", "gzip", "lz4", "zstd", "brotli"]:
    types.to_parquet(HERE / f"types_{codec}.parquet", compression=None if codec == "none" else codec)
pq.write_table(pa.Table.from_pandas(types), HERE / "types_v2.parquet", data_page_version="2.0", compression="gzip")
pq.write_table(pa.Table.from_pandas(types), HERE / "types_plain.parquet", use_dictionary=False)

pd.DataFrame({
    "int8": np.array([1, -2], dtype="int8"),
    "int16": np.array([1, -2], dtype="int16"),
    "uint8": np.array([1, 255], dtype="uint8"),
    "uint16": np.array([1, 65535], dtype="uint16"),
    "uint32": np.array([1, 2**32 - 1], dtype="uint32"),
    "uint64": np.array([1, 2**63], dtype="uint64"),
    "float16": np.array([1.5, -2.5], dtype="float16"),
    "nanoseconds": pd.Series([1, 2], dtype="datetime64[ns]"),
    "seconds": pd.Series([1, 2], dtype="datetime64[s]"),
    "zoned": pd.to_datetime(["2021-01-01T00:00:00+02:00"] * 2, utc=True),
    "date": [datetime.date(2021, 1, 1), datetime.date(1969, 12, 31)],
    "category": pd.Series(["x", "y"], dtype="category"),
    "Int64": pd.Series([1, None], dtype="Int64"),
    "Boolean": pd.Series([True, None], dtype="boolean"),
    "truths": [True, None],
    "nothing": [None, None],
}).to_parquet(HERE / "more.parquet")

pd.DataFrame({
    "list": [[1, 2], [], None],
    "lists": [[[1.5], []], [], None],
    "texts": [["a", None], ["é"], []],
    "object": [{"x": 1, "y": "q"}, {"x": 2, "y": None}, None],
    "objects": [[{"x": 1}, {"x": 2}], [], [{"x": None}]],
}).to_parquet(HERE / "nested.parquet")

pq.write_table(
    pa.table({"map": pa.array([[("k", 1)], [], None], type=pa.map_(pa.string(), pa.int64()))}), HERE / "map.parquet"
)
pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"])).to_parquet(HERE / "index.parquet")
pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key")).to_parquet(HERE / "named_index.parquet")
pd.DataFrame(np.arange(8, dtype="float32").reshape(2, 4)).to_parquet(HERE / "numbered.parquet")
iris = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
pd.DataFrame([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], columns=iris).to_parquet(HERE / "iris.parquet")
pd.DataFrame({"a": pd.Series([], dtype="float64")}).to_parquet(HERE / "empty.parquet")
pq.write_table(pa.table({"a": list(range(2500)), "s": [str(n % 7) for n in range(2500)]}), HERE / "groups.parquet",
               row_group_size=1000, data_page_size=256)
# Half a gigabyte of one text, in some hundred bytes.
pq.write_table(pa.table({"a": ["x" * 5000] * 100_000}), HERE / "bomb.parquet", compression="gzip")
pq.write_table(pa.table({"a": ["x" * (80 << 20)]}), HERE / "page_bomb.parquet", compression="gzip", compression_level=9, use_dictionary=False, write_statistics=False)
