"""What a model thought before it answered, where it stands in the text itself: `<think>…</think>` and its kin."""

from __future__ import annotations

import re

_NAME = "(think|thinking|reasoning)"
_OPENING = re.compile(rf"\s*+<{_NAME}>", re.IGNORECASE)
_ANY_OPENING = re.compile(rf"<{_NAME}>", re.IGNORECASE)
_ALONE = re.compile(rf"^[ \t]*+</{_NAME}>|</{_NAME}>[ \t]*+$", re.IGNORECASE | re.MULTILINE)
"""A closing tag at a line's beginning or end: a string of JSON, in which there are no lines, may speak of one."""


def split_thoughts(text: str, told_apart: str | None = None) -> tuple[str | None, str]:
    """Return what a model thought, and its answer; `told_apart` is what the server had told apart already.

    Thoughts stand in front. A template may have written the opening tag, so that a text begins in its thoughts and
    only closes them; thoughts that nothing closes were cut off, and no answer followed.
    """
    thoughts, begin = [told_apart or ""], 0
    while opening := _OPENING.match(text, begin):
        closing = re.compile(f"</{opening[1]}>", re.IGNORECASE).search(text, opening.end())
        thoughts.append(text[opening.end() : closing.start() if closing else len(text)])
        begin = closing.end() if closing else len(text)
    # Where a server told thoughts apart, a tag that stands alone is one that the answer speaks of.
    closed = _ALONE.search(text) if begin == 0 and not told_apart else None
    if closed and not _ANY_OPENING.search(text, 0, closed.start()):
        thoughts.append(text[: closed.start()])
        begin = closed.end()
    thought = "\n\n".join(stripped for each in thoughts if (stripped := each.strip()))
    return thought or None, text[begin:].lstrip() if begin else text
