"""Text of a service to one line that a reference may hold."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from peercycle.agents.literature.online.markup import bare

_ABSTRACT_HEAD = re.compile(r"^\s*(?:abstract|summary)\s*[:.]?\s+(?=[A-Z])", re.IGNORECASE)
LONGEST = 20_000


def one_line(value: Any, *, markup: bool = False) -> str:
    """Return a text's words with single blanks, without characters that no reader sees; empty for what is no text.

    With `markup` the service is one that writes HTML, JATS or entities into its texts, and what they mean is kept.
    """
    if not isinstance(value, str):
        return ""
    text = value[: 4 * LONGEST]
    if markup:
        text = bare(text)
    kept = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cn", "Cs"})
    return " ".join(unicodedata.normalize("NFC", kept).split())[:LONGEST]


def abstract_of(value: Any, *, markup: bool = False) -> str | None:
    """Return an abstract without its heading, or None."""
    return _ABSTRACT_HEAD.sub("", one_line(value, markup=markup)) or None


def year_of(value: Any) -> int | None:
    """Return a year that a work may have, or None."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 1000 <= value <= 2999 else None


def moment(at: float) -> str:
    """Return a time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def says_withdrawn(title: str) -> bool:
    """Whether a title says that its work was taken back, as publishers mark it."""
    return title.lower().startswith(("retracted:", "retracted article:", "withdrawn:"))
