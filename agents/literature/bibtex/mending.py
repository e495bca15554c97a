"""The text of a value whose delimiters were damaged."""

from __future__ import annotations

import re

_BRACE = re.compile(r"[{}]")


def extends_value(opening: str, rest: str, net: int) -> bool:
    """Tell whether a value goes on behind its first closing mark.

    It does where `rest`, which reaches up to the next field or entry, holds the mark that was meant:
    a surplus of closing braces (`net` below zero), an odd number of quotes; and a value without
    delimiters goes on to its line's end.
    """
    if opening == '"':
        return rest.count('"') % 2 == 1
    if net < 0:
        return True
    return opening != "{" and not rest.lstrip(" \t").startswith("\n")


def mended(raw: str) -> str:
    """Return what stands between the remains of a value's delimiters, with balanced braces."""
    text = raw.strip().rstrip(",").rstrip()
    if text[:1] == '"':
        text = text.strip('"')
    elif text[:1] == "{":
        text = text[1:]
    elif text.count('"') % 2:
        text = text.rstrip('"')
    surplus = text.count("}") - text.count("{")
    end = len(text)
    while end and (text[end - 1].isspace() or (surplus > 0 and text[end - 1] == "}")):
        end -= 1
        surplus -= text[end] == "}"
    return balanced(text[:end].rstrip(",").rstrip())


def balanced(text: str) -> str:
    """Return `text` without the braces that have no partner."""
    opened: list[int] = []
    unmatched: list[int] = []
    for found in _BRACE.finditer(text):
        if found[0] == "{":
            opened.append(found.start())
        elif opened:
            opened.pop()
        else:
            unmatched.append(found.start())
    if not opened and not unmatched:
        return text
    pieces: list[str] = []
    last = 0
    for position in sorted(unmatched + opened):
        pieces.append(text[last:position])
        last = position + 1
    pieces.append(text[last:])
    return "".join(pieces)
