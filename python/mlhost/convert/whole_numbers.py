"""Truth values in lists of integers: skl2onnx 1.20 writes some (gradient boosting by histograms), and protobuf takes none
from version 7 on. Called by `core` around a conversion; must never change anything else, nor anything afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy


@contextlib.contextmanager
def whole_numbers() -> Iterator[None]:
    """Within it, skl2onnx makes its nodes with 0 and 1."""
    from skl2onnx.common import _container

    made = getattr(_container, "make_node", None)
    if made is None:
        yield
        return

    def make_node(*places: Any, **attributes: Any) -> Any:
        return made(*places, **{name: _whole(value) for name, value in attributes.items()})

    _container.make_node = make_node
    try:
        yield
    finally:
        _container.make_node = made


def _whole(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [int(item) if isinstance(item, bool | numpy.bool_) else item for item in value]
