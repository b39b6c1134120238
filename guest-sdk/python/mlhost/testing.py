"""For tests of a model in any Python: a context of a test's own making. Nothing of it goes into a component's calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .context import Artifacts, Context, GraphError
from .tensor import Tensor


def context(
    model_config: dict[str, Any] | None = None,
    artifacts: Mapping[str, bytes | str] | None = None,
    graphs: Mapping[str, Callable[[Mapping[str, Tensor]], dict[str, Tensor]]] | None = None,
) -> Context:
    """A context with these artifacts and with functions in the place of graphs."""
    files = dict(artifacts or {})
    functions = dict(graphs or {})

    def read(name: str) -> bytes:
        content = files[name]
        return content.encode() if isinstance(content, str) else content

    def compute(name: str, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
        if name not in functions:
            raise GraphError(f"there is no graph `{name}`")
        answer = functions[name](inputs)
        return {output: answer[output] for output in outputs} if outputs else answer

    return Context(model_config or {}, Artifacts(list(files), read), compute)
