"""What can go wrong. Raised by the native library by name, which maps each kind of fault to one of these."""

from __future__ import annotations


class Error(Exception):
    """Everything that mlhost raises. `kind` is the fault's name, as logs and metrics of the server call it."""

    kind: str

    def __init__(self, message: str, kind: str = "error") -> None:
        super().__init__(message)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[type[Error], tuple[str, str]]:
        return type(self), (str(self), self.kind)


class LoadError(Error):
    """The model cannot be had, or does not load."""


class InputError(Error, ValueError):
    """The input does not fit the model's signature."""


class RejectedError(InputError):
    """The model's own code says that the input is wrong."""


class ModelError(Error, RuntimeError):
    """The model's own code or its graph failed. The process is as it was: the code ran in a sandbox, which is gone."""


class ExhaustedError(ModelError):
    """The model's own code used up its memory, stack or data."""


class DeadlineError(Error, TimeoutError):
    """The call took longer than it may, waiting for its turn included."""


class OverloadedError(Error):
    """There is no room for another call; a later one may have it."""


class ForkedError(Error, RuntimeError):
    """The model was loaded before this process was forked, and cannot be called here."""


class InternalError(Error, RuntimeError):
    """A defect of mlhost."""
