"""What is wrong with an answer before anything is read in it."""

from __future__ import annotations

import unicodedata
import zlib

from peercycle.core.modelling import Completion

_REPEATING_FROM = 6000
"""Characters from which a text that says one thing again and again is told; shorter ones may be tables."""
_REPEATING = 0.03
"""Share of its length that such a text compresses to."""


def fault_of(completion: Completion, max_tokens: int | None) -> str | None:
    """Return why an answer is none: empty, cut at the limit, filtered, a tool call, one thing over and over."""
    reason = completion.finish_reason
    if reason == "length":
        most = f" of {max_tokens} tokens" if max_tokens else ""
        return f"the answer was cut off at the limit{most}; give a shorter one that is whole"
    if reason == "content_filter":
        return "the answer was stopped by a content filter"
    if reason in {"tool_calls", "function_call"}:
        return "the answer calls a tool, and there are no tools; answer in text"
    text = completion.text
    if not text.strip():
        return "the answer ended within its reasoning; think less" if completion.reasoning else "the answer is empty"
    packed = text.encode("utf-8", "replace")
    if len(packed) >= _REPEATING_FROM and len(zlib.compress(packed, 1)) < _REPEATING * len(packed):
        return "the answer says the same over and over; say each thing once"
    return None


def other_script(text: str) -> bool:
    """Tell whether most letters of a text are of another script than Latin and Greek."""
    letters = [c for c in text[:4000] if c.isalpha()]
    foreign = sum(not c.isascii() and not unicodedata.name(c, "").startswith(("LATIN", "GREEK")) for c in letters)
    return len(letters) >= 40 and foreign > 0.5 * len(letters)
