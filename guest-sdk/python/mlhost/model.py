"""What a user's model is: MLflow's `PythonModel`, and its way of refusing a request. Must stay free of the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .blob import Blob
    from .context import Context
    from .table import Table
    from .tensor import Tensor


class Reject(Exception):
    """Raise it where the request is at fault: the client gets status 400 and this message.

    Every other exception is the model's own fault: its traceback goes to the log, and the client gets status 500 and a
    reference without any of it.
    """


class PythonModel:
    """The base of a model, as in MLflow.

    It is made without arguments before `load_context`. What it holds then is there in every call; what a call changes is
    gone with the call.
    """

    def load_context(self, context: Context) -> None:
        """Runs once, before the first call: read artifacts, build what all calls need."""

    def predict(
        self,
        context: Context,
        model_input: Table | Tensor | dict[str, Tensor] | Blob,
        params: dict[str, Any] | None = None,
    ) -> Any:
        """Answers one call.

        `model_input` is what the request brought: a table, one unnamed tensor, tensors by name, or raw bytes. What is
        returned may be a `Table`, a `Tensor`, a dict of tensors, a `Blob`; anything else is written as JSON.
        """
        raise NotImplementedError(f"{type(self).__name__} has no predict")
