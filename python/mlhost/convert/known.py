"""Values that a model's encoders and vectorizers know, by column: what `rows` draws from, so that more than the unknown
is compared. Must never guess: a column that no encoder sees has none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .steps import steps


@dataclass
class Known:
    """By the position of the column."""

    categories: dict[int, list[Any]] = field(default_factory=dict)
    words: dict[int, list[str]] = field(default_factory=dict)


def known(model: Any, columns: list[Any]) -> Known:
    """Of all steps that see a column as it comes."""
    found = Known()
    for step, positions in steps(model, columns):
        categories = getattr(step, "categories_", None)
        if categories is not None and len(categories) == len(positions):
            for position, values in zip(positions, categories, strict=True):
                kept = [value for value in values if value is not None and value == value]
                found.categories.setdefault(position, []).extend(kept)
        vocabulary = getattr(step, "vocabulary_", None)
        if vocabulary:
            for position in positions:
                found.words.setdefault(position, []).extend(sorted(vocabulary))
    return found
