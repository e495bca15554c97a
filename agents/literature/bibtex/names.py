"""Lists of authors as BibTeX writes them, to `Given Family` and back."""

from __future__ import annotations

import re

from peercycle.agents.literature.bibtex.accents import to_unicode
from peercycle.agents.literature.bibtex.encoding import to_latex
from peercycle.core.naming import name_of, names_in, split_latex

_SPOILS = re.compile(r"[,{}]|\band\b", re.IGNORECASE)


def authors_of(latex: str) -> tuple[str, ...]:
    """Return the persons and corporate names of an `author` or `editor` field, less `others`."""
    if "," not in latex:
        # Nothing to be put in order, and no need to know which part is which.
        names = (to_unicode(name) for name in split_latex(latex, "and") if name.lower() != "others")
        return tuple(name for name in names if name)
    return tuple(name.spoken for name in names_in(latex, to_unicode))


def is_proper(latex: str) -> bool:
    """Tell whether BibTeX takes a list of names without complaint."""
    names = [split_latex(name, ",", empty=True) for name in split_latex(latex, "and", empty=True)]
    return all(len(parts) <= 3 and all(parts) for parts in names)


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
