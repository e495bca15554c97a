"""How values are shown to people: numbers, times, and text inside Markdown."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~$!])")
_COUNTS = frozenset({"words", "works", "pairs", "titles", "years"})
"""Units of counts, which are singular after a one."""
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://")
_TICKED = re.compile(r"`([^`]*)`")


def md(text: object) -> str:
    """Return text on one line that Markdown shows as it is; HTML in it is text too."""
    return _markdown(str(text)).strip()


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", re.sub(r"\s+", " ", text))


def md_code(text: str) -> str:
    """Return text for Markdown in which what stands between backticks stays code."""
    parts = _TICKED.split(text)
    return "".join(f"`{code(part)}`" if index % 2 else _markdown(part) for index, part in enumerate(parts)).strip()


def code(text: object) -> str:
    """Return text that fits between backticks."""
    return " ".join(str(text).split()).replace("`", "'")


def ticks(text: str) -> Markup:
    """Return text as HTML in which what stands between backticks is code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(_TICKED.split(text))
    )


def score(value: float | None, digits: int = 2) -> str:
    """Return a score with two decimals, or as many as are asked for; a missing one is missing."""
    return "none" if value is None else f"{value:.{digits}f}"


def sentence(text: str) -> str:
    """Return text as a sentence: a capital at its beginning, a mark at its end; nothing stays nothing.

    An address keeps its small letter: it is copied.
    """
    text = text.strip()
    if not text:
        return text
    begun = text if _ADDRESS.match(text) else text[:1].upper() + text[1:]
    return begun + ("" if text[-1] in ".!?…" else ".")


def short(value: float) -> str:
    """Return a number without needless zeros."""
    return f"{value:g}"


def number(value: float | None) -> str:
    """Return a measured value with four figures that count."""
    return "" if value is None else f"{value:.4g}"


def unit(name: str, value: float | None) -> str:
    """Return a unit as it is written after a value: `words`, and `word` after 1."""
    return name.removesuffix("s") if value == 1 and name in _COUNTS else name


def interval(bounds: list[float] | None) -> str:
    """Return an interval, or a dash where none was computed."""
    return "-" if bounds is None else f"{bounds[0]:.4g} to {bounds[1]:.4g}"


def amount(value: float | None) -> str:
    """Return an amount; an unknown one says so."""
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """Return a length of time in the units that fit it."""
    if seconds is None:
        return "unknown time"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def when(at: float | None) -> str:
    """Return a time in UTC, to the second."""
    if at is None:
        return "at an unknown time"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def brief(ref: str) -> str:
    """Return the beginning of an artefact's reference."""
    return ref[:19]


FILTERS = {
    f.__name__: f
    for f in (md, md_code, code, ticks, score, sentence, short, number, unit, interval, amount, duration, when, brief)
}
"""What templates may apply, by name."""
