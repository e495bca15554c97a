"""Citations in HTML: author-year labels, and the list of works at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from peercycle.core.literature import Reference
from peercycle.export.bibliography import address, title_latex
from peercycle.export.names import has_others, names_of
from peercycle.export.tidy.characters import escape, visible
from peercycle.export.tidy.ledger import Ledger
from peercycle.export.tidy.targets import Target

_MOST_AUTHORS = 8


def _authors(entry: Reference) -> str:
    families = [name.family for name in names_of(entry)]
    if not families:
        return " ".join(visible(entry.title).split()[:4]) or entry.key
    if len(families) > 2 or has_others(entry):
        return f"{families[0]} et al."
    return " and ".join(families)


def labels(entries: Sequence[Reference]) -> dict[str, tuple[str, str]]:
    """Return who and when each work is cited as, by key; works that would look the same get letters."""
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        year = str(entry.year) if entry.year is not None else "n.d."
        groups.setdefault((_authors(entry), year), []).append(entry.key)
    found: dict[str, tuple[str, str]] = {}
    for (who, year), keys in groups.items():
        for index, key in enumerate(keys):
            letter = chr(ord("a") + index % 26) if len(keys) > 1 else ""
            found[key] = (who, year + letter)
    return found


def works_latex(
    entries: Sequence[Reference], shown: Mapping[str, tuple[str, str]], ledger: Ledger, target: Target
) -> str:
    """Return the list of works as LaTeX paragraphs, in the order of their labels."""
    if not entries:
        return ""
    items = [_item(entry, shown[entry.key], ledger, target) for entry in sorted(entries, key=lambda e: shown[e.key])]
    return "\\section{References}\n\\begin{itemize}\n" + "\n".join(items) + "\n\\end{itemize}\n"


def _item(entry: Reference, shown: tuple[str, str], ledger: Ledger, target: Target) -> str:
    names = [name.spoken for name in names_of(entry)]
    if len(names) > _MOST_AUTHORS or (names and has_others(entry)):
        names = [*names[:_MOST_AUTHORS], "et al."]
    who = escape(", ".join(names)) if names else ""
    parts = [f"{who} ({shown[1]})." if who else f"({shown[1]}).", f"{title_latex(entry.title, ledger, target)}."]
    if entry.venue:
        parts.append(f"\\emph{{{escape(' '.join(visible(entry.venue).split()))}}}.")
    where = address(entry)
    if where:
        quoted = "".join(f"\\{c}" if c in "%#&_$" else c for c in where)
        parts.append(f"\\href{{{quoted}}}{{{escape(where.removeprefix('https://').removeprefix('http://'))}}}")
    return f"\\item {target.label('work-' + ledger.keys[entry.key])}{' '.join(parts)}"
