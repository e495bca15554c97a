"""Settings checked against a component's model, with messages that name the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from peercycle.core.base import JSON
from peercycle.core.complaints import complaint_of
from peercycle.core.errors import SettingsError
from peercycle.core.nearest import did_you_mean

ModelT = TypeVar("ModelT", bound=BaseModel)

_SECRET = re.compile(r"key|token(?!s)|secret|password|credential", re.IGNORECASE)
"""Settings whose values are never shown."""


def validated(model: type[ModelT], settings: Mapping[str, JSON], what: str) -> ModelT:
    """Return the settings as an instance of `model`.

    Raises `SettingsError` naming each bad key, `what` it belongs to, and the nearest names that exist; of a missing
    one also its field's `description`. A key that the model does not have is an error even where it would ignore it.
    """
    if model.model_config.get("extra") != "allow":
        known = _names(model)
        unknown = [key for key in settings if key not in known]
        if unknown:
            raise SettingsError("; ".join(_unknown(key, known, what) for key in unknown))
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        raise SettingsError("; ".join(_fault(fault, what, model) for fault in error.errors())) from None


def _names(model: type[BaseModel]) -> tuple[str, ...]:
    """Return every key that the model understands, aliases included."""
    names = list(model.model_fields)
    for field in model.model_fields.values():
        names += [alias for alias in (field.alias, field.validation_alias) if isinstance(alias, str)]
    return tuple(dict.fromkeys(names))


def _unknown(key: str, known: tuple[str, ...], what: str) -> str:
    there_are = f"; it has {', '.join(known)}" if known else "; it has no settings"
    return f"unknown setting {key!r} of {what}{did_you_mean(key, known) or there_are}"


def _fault(fault: Any, what: str, model: type[BaseModel]) -> str:
    location = [str(part) for part in fault["loc"]]
    key = ".".join(location)
    field = model.model_fields.get(key)
    advice = f": {field.description}" if field is not None and field.description else ""
    if fault["type"] == "missing":
        return f"setting {key!r} of {what} is missing and has no default{advice}"
    if fault["type"] == "extra_forbidden":
        return f"unknown setting {key!r} of {what}"
    value = "(not shown)" if _SECRET.search(key) else _shown(fault["input"])
    given = f"setting {key!r} of {what} is {value}" if key else f"settings of {what}"
    return f"{given}: {complaint_of(fault)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
