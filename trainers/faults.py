"""What is wrong with a line or a file that a person wrote, in one clause: the key, and the nearest ones where it is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from peercycle.core.complaints import complaint_of
from peercycle.core.nearest import did_you_mean

_SET_BY_US = frozenset({"arm"})
"""Fields that are no keys of a file."""


def fault_line(fault: Any, model: type[BaseModel]) -> str:
    """Return what pydantic says of a key of `model` as one clause; for a key that is unknown, the nearest ones."""
    *above, last = fault["loc"] or ("the file",)
    place = ".".join(map(str, fault["loc"])) or "the file"
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"] != "extra_forbidden":
        return f"{place}: {complaint_of(fault)}"
    known = _fields(model, above)
    near = did_you_mean(str(last), known) or (f"; there are {', '.join(known)}" if known else "")
    return f"{place}: there is no such key{near}"


def _fields(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Return the keys of a table that a model describes, however deep it lies."""
    for name in path:
        field = model.model_fields.get(str(name))
        kinds = [] if field is None else [field.annotation, *get_args(field.annotation)]
        below = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if below is None:
            return []
        model = below
    return [name for name in model.model_fields if name not in _SET_BY_US]


def fault_of(error: Exception) -> str:
    """Return what makes a row none, from what reading it raised."""
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {complaint_of(fault)}".removeprefix(": ")
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return "it is no JSON object" if isinstance(error, TypeError) else str(error)
