"""Raw bytes with their content type: a request's body as it came, or an answer's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Blob:
    """An image, a sound, a document."""

    data: bytes
    content_type: str = "application/octet-stream"
