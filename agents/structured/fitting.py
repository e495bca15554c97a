"""Whether a value fits a schema of `schemas`; what is slightly off is mended, the rest is told."""

from __future__ import annotations

from peercycle.core.base import JSON


class UnfitError(ValueError):
    """A value does not fit its schema; the message says where and how, for whoever wrote it."""


def fit(value: JSON, schema: JSON, where: str = "the answer") -> JSON:
    """Return the value as the schema wants it. Raises `UnfitError`.

    Mended are what a schema-blind writer gets wrong and a reader understands: unknown properties are left out, a
    number in quotes becomes one, a lone string becomes a list, a list that is too long is cut at its last item.
    A string that is far too long is a fault: cutting it would lose its end.
    """
    if not isinstance(schema, dict):
        return value
    kind = schema["type"]
    if kind == "object":
        return _object(value, schema, where)
    if kind == "array":
        return _array(value, schema, where)
    if kind == "integer":
        return _number(value, schema, where)
    if not isinstance(value, str):
        raise UnfitError(f"{where} must be a string, not {_named(value)}")
    return _string(value, schema, where)


def _object(value: JSON, schema: dict[str, JSON], where: str) -> JSON:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    properties, required = schema["properties"], schema["required"]
    assert isinstance(properties, dict) and isinstance(required, list)
    if not isinstance(value, dict):
        raise UnfitError(f"{where} must be an object with {', '.join(properties)}, not {_named(value)}")
    missing = [str(name) for name in required if value.get(str(name)) is None]
    if missing:
        raise UnfitError(f"{where} lacks {', '.join(missing)}")
    return {name: fit(value[name], inner, f"{where}: {name}") for name, inner in properties.items()}


def _array(value: JSON, schema: dict[str, JSON], where: str) -> JSON:
    if isinstance(value, str):
        value = [value] if value.strip() else []
    if not isinstance(value, list):
        raise UnfitError(f"{where} must be a list, not {_named(value)}")
    least, most = schema["minItems"], schema["maxItems"]
    assert isinstance(least, int) and isinstance(most, int)
    if len(value) < least:
        raise UnfitError(f"{where} has {len(value)} items and needs at least {least}")
    return [fit(item, schema["items"], f"{where}[{n}]") for n, item in enumerate(value[:most])]


def _number(value: JSON, schema: dict[str, JSON], where: str) -> JSON:
    if isinstance(value, str):
        try:
            value = float(value.strip())
        except ValueError:
            raise UnfitError(f"{where} must be an integer, not {_named(value)}") from None
    # False of what `float` reads beside numbers, too: "nan", "inf".
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnfitError(f"{where} must be an integer, not {_named(value)}")
    return _among(value, schema, where)


def _string(value: str, schema: dict[str, JSON], where: str) -> JSON:
    if "enum" in schema:
        return _among(value.strip(), schema, where)
    most = schema["maxLength"]
    assert isinstance(most, int)
    if not value.strip():
        raise UnfitError(f"{where} is empty")
    if len(value) > most + most // 4 + 20:
        raise UnfitError(f"{where} has {len(value)} characters; at most {most} are allowed")
    return value.strip()


def _among(value: JSON, schema: dict[str, JSON], where: str) -> JSON:
    allowed = schema["enum"]
    assert isinstance(allowed, list)
    if value not in allowed:
        shown = ", ".join(str(name) for name in allowed[:40])
        raise UnfitError(f"{where} is {_named(value)}, which is none of: {shown}")
    return value


def _named(value: JSON) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
