"""JSON schemas as engines can follow them: no references, every property required, nothing else allowed."""

from __future__ import annotations

from collections.abc import Sequence

from peercycle.core.base import JSON

Schema = dict[str, JSON]


def text(most: int) -> Schema:
    """Return the schema of a string that is not empty, of bounded length."""
    return {"type": "string", "minLength": 1, "maxLength": most}


def one_of(values: Sequence[str]) -> Schema:
    """Return the schema of one of some strings."""
    return {"type": "string", "enum": list[JSON](dict.fromkeys(values))}


def integer(low: int, high: int) -> Schema:
    """Return the schema of an integer between two bounds, which are written out: few engines constrain ranges."""
    return {"type": "integer", "enum": list[JSON](range(low, high + 1))}


def listed(item: Schema, most: int, *, least: int = 0) -> Schema:
    """Return the schema of a list of bounded length."""
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def record(**properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": dict[str, JSON](properties),
        "required": list[JSON](properties),
        "additionalProperties": False,
    }
