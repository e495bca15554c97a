"""JSON as models write it: in a fence, among prose, cut short, with LaTeX in its strings."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from peercycle.agents.formats.latex_escapes import protect_latex
from peercycle.agents.formats.plain import clean, quoted
from peercycle.core.base import JSON

MOST_READ = 1_000_000
"""Characters of JSON that are read; longer is no answer."""
MOST_REPAIRED = 50_000
"""Characters that are given to the repair."""
MOST_REPAIR_WORK = 20_000_000
"""Characters times quotation marks that are given to it: in bad cases its time grows with their product."""
MOST_DEPTH = 60
_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*+"?|[\[\]{}]', re.DOTALL)


class NotJSONError(ValueError):
    """A text holds no JSON, even with everything mended that can be."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and whether something had to be mended to read it."""

    value: JSON
    mended: str | None = None
    """The fault that strict JSON finds in it."""


def read_json(text: str, *, prose: bool = True) -> Found:
    """Return the first JSON object or list of a text. Raises `NotJSONError` with the fault in one line.

    Fences and prose around it are left out, LaTeX in its strings survives (`protect_latex`), and what is still no
    JSON is repaired where that can be done without inventing: an open bracket or string at the end is closed.
    """
    source = json_text(clean(text))
    if len(source) > MOST_READ:
        raise NotJSONError(f"{len(source)} characters of JSON, over the limit of {MOST_READ}")
    if not source:
        raise NotJSONError(f"there is no JSON object or list in {quoted(text)}" if text.strip() else "it is empty")
    if depth_of(source) > MOST_DEPTH:
        raise NotJSONError(f"it is nested deeper than {MOST_DEPTH}")
    protected = protect_latex(source, prose=prose)
    try:
        return Found(_whole(json.loads(protected, strict=False, parse_constant=_no_constant)))
    except NotJSONError:
        raise
    except ValueError as error:
        fault = str(error)
    return Found(_repaired(protected, fault), fault)


def json_text(text: str) -> str:
    """Return the part of a text that is to be read as JSON: from its first bracket to that one's end, or to the end."""
    begin = min((at for mark in "{[" if (at := text.find(mark)) >= 0), default=-1)
    if begin < 0:
        return ""
    end = end_of_json(text, begin)
    if end is not None:
        return text[begin:end]
    fence = text.rfind("```", begin)
    return text[begin : fence if fence > 0 else len(text)].strip()


def end_of_json(text: str, begin: int) -> int | None:
    """Return where the bracket at `begin` is closed, strings skipped; None where it is not."""
    depth = 0
    for token in _TOKEN.finditer(text, begin, begin + MOST_READ):
        mark = text[token.start()]
        if mark != '"':
            depth += 1 if mark in "[{" else -1
            if depth <= 0:
                return token.end()
    return None


def depth_of(source: str) -> int:
    """Return how deep the brackets outside strings are nested."""
    depth = deepest = 0
    for token in _TOKEN.finditer(source):
        mark = source[token.start()]
        if mark != '"':
            depth += 1 if mark in "[{" else -1
            deepest = max(deepest, depth)
    return deepest


def _repaired(source: str, fault: str) -> JSON:
    from json_repair import repair_json

    if len(source) > MOST_REPAIRED or len(source) * source.count('"') > MOST_REPAIR_WORK:
        raise NotJSONError(f"{fault}; at {len(source)} characters it is too long to be repaired")
    try:
        value = repair_json(source, return_objects=True, skip_json_loads=True)
        plain = json.loads(json.dumps(value, allow_nan=False))
    except (ValueError, RecursionError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise NotJSONError(f"{fault} ({type(error).__name__} in its repair)") from None
    if not isinstance(plain, dict | list) or not plain:
        raise NotJSONError(fault)
    return _whole(plain)


def _no_constant(name: str) -> float:
    raise NotJSONError(f"{name} is not a number of JSON")


def _whole(value: JSON) -> JSON:
    """Return a value whose strings are whole Unicode: `\\ud800` alone is valid JSON and no text."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise NotJSONError(f"{value} is not a number of JSON")
    if isinstance(value, list):
        return [_whole(entry) for entry in value]
    if isinstance(value, dict):
        return {clean(key): _whole(entry) for key, entry in value.items()}
    return value
