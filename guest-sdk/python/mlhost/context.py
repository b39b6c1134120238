"""What the bundle brought beside the code: artifacts, graphs, configuration. How they are reached is `border`'s matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .tensor import Tensor

#: Runs a graph: its name, its inputs, which outputs are wanted (none: all).
Compute = Callable[[str, Mapping[str, Tensor], Sequence[str]], dict[str, Tensor]]


class GraphError(Exception):
    """A graph that is not there, does not take these inputs, or failed."""


class Graph:
    """A graph of the bundle, by its name in the MLmodel. Runs outside of the sandbox, in ONNX Runtime."""

    __slots__ = ("_compute", "name")

    def __init__(self, name: str, compute: Compute) -> None:
        self.name = name
        self._compute = compute

    def compute(self, inputs: Mapping[str, Tensor], outputs: Sequence[str] = ()) -> dict[str, Tensor]:
        """The graph's outputs by name; `outputs` names those that are wanted."""
        for name, tensor in inputs.items():
            if not isinstance(tensor, Tensor):
                raise TypeError(f"input `{name}` of graph `{self.name}` is no mlhost.Tensor")
        return self._compute(self.name, inputs, outputs)


class Artifacts(Mapping[str, bytes]):
    """The bundle's files by name; each is read when it is asked for."""

    __slots__ = ("_names", "_read")

    def __init__(self, names: Sequence[str], read: Callable[[str], bytes]) -> None:
        self._names = tuple(names)
        self._read = read

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            known = ", ".join(f"`{known}`" for known in self._names) or "none"
            raise KeyError(f"there is no artifact `{name}`; there are {known}")
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Context:
    """What `load_context` and `predict` are given. Unlike in MLflow an artifact is its bytes, not a path."""

    __slots__ = ("_compute", "artifacts", "model_config")

    def __init__(self, model_config: dict[str, Any], artifacts: Artifacts, compute: Compute) -> None:
        #: MLflow's `model_config`.
        self.model_config = model_config
        #: The bundle's files: `context.artifacts["vocabulary"]`.
        self.artifacts = artifacts
        self._compute = compute

    def artifact_text(self, name: str) -> str:
        """An artifact that is text in UTF-8."""
        return self.artifacts[name].decode()

    def graph(self, name: str) -> Graph:
        """A graph of the bundle. It can be kept: nothing is opened before it is run."""
        return Graph(name, self._compute)
