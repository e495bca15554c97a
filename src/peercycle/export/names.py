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


def editors_of(entry: Reference) -> list[Name]:
    """Return the names of the editors of a work that has no author; else none."""
    return [] if names_of(entry) else names_in(entry.fields.get("editor", ""), plain)


def short_name(entry: Reference) -> str:
    """Return who a work is cited as: its authors, else its editors, else the beginning of its title, else its key."""
    families = [name.family for name in names_of(entry) or editors_of(entry)]
    if not families:
        return " ".join(visible(entry.title).split()[:4]) or entry.key
    if len(families) > 2 or has_others(entry):
        return f"{families[0]} et al."
    return " and ".join(families)


def has_others(entry: Reference) -> bool:
    """Say whether the entry's own field of authors, or of editors where it has no author, ends in `and others`."""
    field = entry.fields.get("author") or ("" if entry.authors else entry.fields.get("editor", ""))
    return [name.lower() for name in split_latex(field, "and")][-1:] == ["others"]
