"""A model in this process. What `import mlhost` gives as `load` and `Model`."""

from __future__ import annotations

import asyncio
import functools
import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from . import _native, answers, inputs, runtime

if TYPE_CHECKING:
    from ._native import Asked, Options

Port = tuple[str, str, list[int]]


class Model:
    """A loaded model. Made by `load`. May be called by many threads at one time; each call has a sandbox of its own, and
    releases the global interpreter lock."""

    def __init__(self, uri: str, options: Options) -> None:
        self._uri = uri
        self._options = options
        runtime.without_telemetry()
        runtime.handlers_in_order()
        given = {**options, "onnxruntime": options["onnxruntime"] or runtime.library()}
        self._native = _native.load(uri, given)  # type: ignore[arg-type]
        self._takes = self._native.takes
        self._tensors = self._native.tensors

    @property
    def uri(self) -> str:
        """What it was loaded from."""
        return self._uri

    @property
    def name(self) -> str:
        """What it is called: its registered name, or its directory's."""
        return self._native.name

    @property
    def is_sandboxed(self) -> bool:
        """Whether calls run the model's own code, in a sandbox; without any its graph is served as it is."""
        return self._native.is_sandboxed

    @property
    def inputs(self) -> list[Port]:
        """What it takes: name, type as numpy calls it, shape with -1 for a free axis. A column has one axis, its rows."""
        return self._native.inputs

    @property
    def outputs(self) -> list[Port]:
        """The same of what it says it answers."""
        return self._native.outputs

    def predict(
        self,
        data: Any,
        params: Mapping[str, Any] | None = None,
        *,
        output: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Predicts on a table of pandas, polars, pyarrow or whatever else speaks Arrow's C interface, on a numpy array, a dictionary
        of arrays or columns, or a list of records.

        The model's signature is enforced as `POST /invocations` enforces it for a file of Parquet: what loses nothing is
        converted, nothing else is. The answer is of the kind that came in: a table is a DataFrame or a Table; a tensor is a numpy
        array for pandas and numpy, and several are a dictionary; whatever else the model answers is plain Python. `output` chooses
        another kind: `pandas`, `polars`, `arrow`, `numpy` or `python`.

        `params` are the parameters of the signature, `timeout` the seconds that the call may take, waiting for its turn included.
        """
        taken = inputs.take(data, self._takes, self._tensors)
        kind = answers.wanted(output, taken.kind)
        asked: Asked = {
            "params": None if params is None else json.dumps(dict(params), default=_plain),
            "timeout": timeout,
            "table": kind in answers.TABLES,
        }
        if taken.tensors is None:
            form, content = self._native.predict_table(taken.table, asked)
        else:
            form, content = self._native.predict_tensors(taken.tensors, asked)
        return answers.answer(kind, form, content)

    async def predict_async(
        self,
        data: Any,
        params: Mapping[str, Any] | None = None,
        *,
        output: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """`predict` in a thread of the running loop's executor. Where it is cancelled, the call goes on to its own end."""
        call = functools.partial(self.predict, data, params, output=output, timeout=timeout)
        return await asyncio.get_running_loop().run_in_executor(None, call)

    def invoke(
        self, body: bytes, content_type: str = "application/json", *, timeout: float | None = None
    ) -> tuple[str, bytes]:
        """Answers the body of a request as `POST /invocations` does: the answer's media type and its bytes."""
        return self._native.invoke(bytes(body), {"content_type": content_type, "timeout": timeout})

    def __reduce__(self) -> tuple[Any, ...]:
        """Loads the model again, where it is unpickled: nothing of it but its URI travels."""
        return Model, (self._uri, self._options)

    def __repr__(self) -> str:
        return f"<mlhost.Model {self._uri!r}>"


def load(
    uri: str | os.PathLike[str],
    *,
    timeout: float | None = None,
    concurrency: int | None = None,
    allow: Iterable[str] = (),
    max_memory: int | None = None,
    max_data: int | None = None,
    code_cache: bool = True,
    model_config: Mapping[str, Any] | None = None,
    onnxruntime: str | os.PathLike[str] | None = None,
) -> Model:
    """Loads a model directory, or what a model URI names: `models:/iris@champion`, `runs:/ID/model`, `s3://bucket/model`.

    `timeout` is what loading, and then each call, may take in seconds (60, or MLHOST_TIMEOUT); `concurrency` how many calls may be
    in the model at one time, more wait; `allow` the grants that bundles may have, such as `env:TZ`; `max_memory` and `max_data` the
    most bytes of one call's sandbox and between it and its host; `code_cache` whether compiled code is kept; `model_config`
    what takes the place of values of the model's own, as in `mlflow.pyfunc.load_model`; `onnxruntime` the library, which otherwise is ORT_DYLIB_PATH's, the package `onnxruntime`'s or the one that `mlhost fetch-runtime` got.
    """
    named = os.fspath(uri)
    if os.path.isdir(named):
        named = os.path.abspath(named)
    return Model(
        named,
        {
            "onnxruntime": None if onnxruntime is None else os.fspath(onnxruntime),
            "timeout": timeout,
            "concurrency": concurrency,
            "allow": list(allow),
            "max_memory": max_memory,
            "max_data": max_data,
            "code_cache": code_cache,
            "model_config": json.dumps(dict(model_config), default=_plain) if model_config else None,
        },
    )


def _plain(value: Any) -> Any:
    """A parameter as JSON has it: numpy's scalars and arrays, dates."""
    for method in ("tolist", "isoformat"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"a parameter of type `{type(value).__name__}` has no JSON")
