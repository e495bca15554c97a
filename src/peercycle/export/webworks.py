"""Citations in HTML: author-year labels, and the list of works at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from peercycle.core.literature import Reference
from peercycle.export.accents import sorted_as
from peercycle.export.bibliography import address, title_latex
from peercycle.export.names import editors_of, has_others, names_of, short_name
from peercycle.export.tidy.characters import escape, visible
from peercycle.export.tidy.ledger import Ledger
from peercycle.export.tidy.targets import Target

_MOST_AUTHORS = 8


def labels(entries: Sequence[Reference]) -> dict[str, tuple[str, str]]:
    """Return who and when each work is cited as, by key; works that would look the same get letters."""
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        year = str(entry.year) if entry.year is not None else "n.d."
        groups.setdefault((short_name(entry), year), []).append(entry.key)
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
    order = sorted(entries, key=lambda entry: (sorted_as(shown[entry.key][0]), shown[entry.key]))
    items = [_item(entry, shown[entry.key], ledger, target) for entry in order]
    return "\\section{References}\n\\begin{itemize}\n" + "\n".join(items) + "\n\\end{itemize}\n"


def _item(entry: Reference, shown: tuple[str, str], ledger: Ledger, target: Target) -> str:
    editors = [name.spoken for name in editors_of(entry)]
    names = editors or [name.spoken for name in names_of(entry)]
    if len(names) > _MOST_AUTHORS or (names and has_others(entry)):
        names = [*names[:_MOST_AUTHORS], "et al."]
    mark = f" ({'ed.' if len(editors) == 1 else 'eds.'})" if editors else ""
    title = title_latex(entry.title, ledger, target)
    parts = [f"{escape(', '.join(names))}{mark} ({shown[1]}).", f"{title}."] if names else [f"{title} ({shown[1]})."]
    if entry.venue:
        parts.append(f"\\emph{{{escape(' '.join(visible(entry.venue).split()))}}}.")
    where = address(entry)
    if where:
        quoted = "".join(f"\\{c}" if c in "%#&_$" else c for c in where)
        parts.append(f"\\href{{{quoted}}}{{{escape(where.removeprefix('https://').removeprefix('http://'))}}}")
    return f"\\item {target.label('work-' + ledger.keys[entry.key])}{' '.join(parts)}"
