"""Lists of authors as BibTeX writes them, to `Given Family` and back."""

from __future__ import annotations

import re

from peercycle.agents.literature.bibtex.accents import to_unicode
from peercycle.agents.literature.bibtex.encoding import to_latex
from peercycle.core.naming import name_of

_AND = re.compile(r"\s+and(?=\s)", re.IGNORECASE)
_MARK = re.compile(r"[{}]|\s+and(?=\s)|,", re.IGNORECASE)
_SPOILS = re.compile(r"[,{}]|\band\b", re.IGNORECASE)


def authors_of(latex: str) -> tuple[str, ...]:
    """Return the persons and corporate names of an `author` or `editor` field, less `others`."""
    persons: list[str] = []
    for name in _split(latex, " "):
        person = name.strip().strip(",").strip()
        if person and person.lower() != "others":
            text = _given_family(person)
            if text:
                persons.append(text)
    return tuple(persons)


def is_proper(latex: str) -> bool:
    """Tell whether BibTeX takes a list of names without complaint."""
    for name in _split(latex, " "):
        parts = _split(name, ",")
        if len(parts) > 3 or not all(part.strip() for part in parts):
            return False
    return True


def _given_family(name: str) -> str:
    """`Family, Given`, `Family, Jr, Given` and `Given von Family` in the order they are spoken."""
    if "," not in name:
        return to_unicode(name)
    parts = [to_unicode(part) for part in _split(name, ",")]
    if len(parts) == 1:
        return parts[0]
    family, given = parts[0], parts[-1]
    suffix = " ".join(filter(None, parts[1:-1]))
    return " ".join(part for part in (given, family, suffix) if part)


def _split(latex: str, separator: str) -> list[str]:
    """Split at brace depth 0: at commas, or (separator a blank) at the word `and`."""
    if separator == " " and "{" not in latex:
        return _AND.split(latex)
    parts: list[str] = []
    depth = last = 0
    for found in _MARK.finditer(latex):
        mark = found[0]
        if mark == "{":
            depth += 1
        elif mark == "}":
            depth = max(0, depth - 1)
        elif depth == 0 and (mark == ",") == (separator == ","):
            parts.append(latex[last : found.start()])
            last = found.end()
    parts.append(latex[last:])
    return parts


def to_author_field(authors: tuple[str, ...]) -> str:
    """Return an `author` field that reads back as `authors`: `Family, Given`, so that BibTeX finds the same parts."""
    return " and ".join(_protected(" ".join(author.split())) for author in authors if author.strip())


def _protected(author: str) -> str:
    latex = to_latex(author)
    if _SPOILS.search(author) or author.lower() == "others":
        return f"{{{latex}}}"
    name = name_of(author)
    if name.whole or name.spoken != author:
        return f"{{{latex}}}" if " " in author else latex
    return ", ".join(to_latex(part) for part in (name.family, name.suffix, name.given) if part)
