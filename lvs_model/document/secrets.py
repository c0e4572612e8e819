"""Where a cluster document has secrets."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from lvs_model.document.cluster import Cluster


@cache
def secret_paths() -> tuple[tuple[str, ...], ...]:
    """The keys that lead to each secret of a document: its fields that are marked so."""
    return tuple(_paths(Cluster))


def _paths(model: type[BaseModel]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("secret"):
            found.append((name,))
        for inner in _models(field.annotation):
            found += [(name, *steps) for steps in _paths(inner)]
    return found


def _models(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - a type of any form
    """The typed objects that a field may directly hold; no secret stands in a list or a mapping."""
    choices = get_args(annotation) or (annotation,)
    return [one for one in choices if isinstance(one, type) and issubclass(one, BaseModel)]
