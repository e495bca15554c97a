"""Authors of a work as the exporters print them."""

from __future__ import annotations

from peercycle.core.literature import Reference
from peercycle.core.naming import Name, name_of, names_in, split_latex
from peercycle.export.text import plain
from peercycle.export.tidy.characters import visible


def names_of(entry: Reference) -> list[Name]:
    """Return the authors' names in parts, as the entry's own `author` field divides them where it has one.

    `Given Family` does not tell where a compound family name begins: `Gabriel García Márquez`.
    """
    divided = {name.spoken: name for name in names_in(entry.fields.get("author", ""), plain)}
    spoken = [" ".join(visible(author).split()) for author in entry.authors]
    return [divided.get(author) or name_of(author) for author in spoken if author]


def has_others(entry: Reference) -> bool:
    """Say whether the entry's own `author` field ends in `and others`."""
    return [name.lower() for name in split_latex(entry.fields.get("author", ""), "and")][-1:] == ["others"]
