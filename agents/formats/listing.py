"""Free text of a review as the list of points that it makes."""

from __future__ import annotations

import re

MOST_ITEMS = 200
"""What follows the last of these stays part of it."""
_ITEM = re.compile(r"^ ?(?:[-*+•–](?![-*])|\(?[0-9]{1,2}[.)]|[WSQ][0-9]{1,2}[.:)])[ \t]+(?=\S)", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_EMPTY_HEADING = re.compile(
    r"^[ ]{0,3}#{3,6}+[ \t]*+(?:comments?|some related works?)[ \t]*+:?+[ \t]*+$", re.I | re.M
)
_NOTHING = frozenset({"", "none", "na", "nothing", "noquestions", "nosuggestions", "noweaknesses"})


def items(text: str | None) -> tuple[str, ...]:
    """Return the points of a text: its list entries, or else its paragraphs; "None." is no point."""
    body = _EMPTY_HEADING.sub("\n", text or "").strip()
    if not body:
        return ()
    starts = []
    for found in _ITEM.finditer(body):
        starts.append((found.start(), found.end()))
        if len(starts) == MOST_ITEMS:
            break
    parts = _entries(body, starts) if starts else _PARAGRAPH.split(body, maxsplit=MOST_ITEMS)
    stripped = [part.strip() for part in parts]
    return tuple(part for part in stripped if part and not _is_nothing(part))


def _entries(body: str, starts: list[tuple[int, int]]) -> list[str]:
    """Return the list entries; what stands before the first is one of its own, unless it only announces them."""
    before = body[: starts[0][0]].strip()
    found = [] if before.endswith(":") else [before]
    ends = [start for start, _ in starts[1:]] + [len(body)]
    return found + [body[begin:end] for (_, begin), end in zip(starts, ends, strict=True)]


def _is_nothing(part: str) -> bool:
    return len(part) < 40 and part.isascii() and re.sub(r"[^a-z0-9]", "", part.lower()) in _NOTHING
