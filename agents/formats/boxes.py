"""The blocks `\\boxed_NAME{…}` of a DeepReviewer output."""

from __future__ import annotations

import re
from itertools import zip_longest

_MARK = re.compile(r"\\boxed[_ ]?(simreviewers|verification|review|questions|analysis)[ \t]*\{?", re.IGNORECASE)
_ALONE = re.compile(r"\n?[ \t`]*\}[\s`*]*\Z")
MOST_BOXES = 64


def boxes(text: str) -> dict[str, str]:
    """Return the blocks by name; of one that comes twice, the last that holds anything.

    A block reaches to the next one's mark. Its braces are not matched, because there is LaTeX inside: it is cut at
    its last brace, which in a text that stops in the middle may not be the closing one.
    """
    marks = []
    for mark in _MARK.finditer(text):
        marks.append(mark)
        if len(marks) == MOST_BOXES:
            break
    found: dict[str, str] = {}
    for mark, following in zip_longest(marks, marks[1:]):
        span = text[mark.end() : following.start() if following else len(text)]
        body = _closed(span, last=following is None)
        name = mark.group(1).lower()
        if body or name not in found:
            found[name] = body
    return found


def _closed(span: str, *, last: bool) -> str:
    """Return a block without its closing brace and what follows that."""
    close = span.rfind("}")
    if close < 0:
        return span.strip()
    alone = _ALONE.match(span, max(0, span.rfind("\n", 0, close)))
    if not last or alone or _depth(span) < 0:
        return span[:close].strip()
    return span.strip()


def _depth(text: str) -> int:
    """Return how many braces more are opened than closed; those after a backslash do not count."""
    return text.count("{") - text.count("\\{") - text.count("}") + text.count("\\}")
