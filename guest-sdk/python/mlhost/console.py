"""`print` and warnings, a line at a time, into the host's log.

Put in place by `mlhost_predictor` before a model's code runs. Not by way of WASI: a stream that the host holds for a guest
keeps its calls from starting at a snapshot.
"""

from __future__ import annotations

import io
from collections.abc import Callable


class Console(io.TextIOBase):
    """A text stream whose lines are handed to `write`."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._partial = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._write(line)
        return len(text)

    def end(self) -> None:
        """Writes a line that was begun and not ended."""
        if self._partial:
            partial, self._partial = self._partial, ""
            self._write(partial)
