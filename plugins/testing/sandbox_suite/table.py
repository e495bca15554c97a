"""The table of the suite, as docs/sandbox.md shows it: each attack, what it takes to let it through, and the proof."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from peercycle.plugins.testing.sandbox_suite.rows import ROWS, Kind, Nothing, Row

BEGIN, END = "<!-- the suite's table -->", "<!-- end of the suite's table -->"
KINDS: tuple[str, ...] = get_args(Kind)

MEANINGS = ("<!-- the protections -->", "<!-- end of the protections -->")

_NAMES = re.compile(r"/var/tmp/peercycle-attack-\w+|(?<=-)[0-9a-f]{8,}|\d{2,}-\d{4,}-")  # noqa: S108
"""What is another in each run."""

Proofs = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By row and kind: `removed`, the protections that were taken away, and `got`, what the attack then got."""


def render(proofs: Proofs) -> str:
    """Return the table, between its marks."""
    lines = [
        BEGIN,
        "",
        "| row | attack (test) | bubblewrap as root | as an ordinary user | Docker | what the run with these removed let through |",
        "|---|---|---|---|---|---|",
    ]
    numbered = sorted((row for row in ROWS.values() if row.is_attack), key=lambda row: row.number or 99)
    lines += [_line(row, proofs.get(row.name, {})) for row in numbered]
    return "\n".join([*lines, "", END])


def _line(row: Row, proved: Mapping[str, Mapping[str, Any]]) -> str:
    cells = [_cell(row, kind) for kind in KINDS]
    number = "" if row.number is None else str(row.number)
    return f"| {number} | {_escaped(row.says)} `test_{row.name}` | {' | '.join(cells)} | {_proof(row, proved)} |"


def _cell(row: Row, kind: str) -> str:
    needs = row.needs[kind]
    if isinstance(needs, Nothing):
        return f"(none: {needs.why})"
    return " + ".join(f"`{each}`" for each in needs)


def _proof(row: Row, proved: Mapping[str, Mapping[str, Any]]) -> str:
    told: dict[str, list[str]] = {}
    for kind in KINDS:
        if isinstance(row.needs[kind], Nothing):
            continue
        found = proved.get(kind)
        current = found is not None and tuple(found["removed"]) == tuple(sorted(row.needs[kind]))  # type: ignore[arg-type]
        got = "; ".join(str(each) for each in found["got"][:3]) if found and current else "not proved yet"
        told.setdefault(_escaped(got), []).append(kind)
    if not told:
        return "(see above)"
    if len(told) == 1:
        return next(iter(told))
    return "; ".join(f"{', '.join(kinds)}: {got}" for got, kinds in told.items())


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def read(path: Path) -> dict[str, Any]:
    """Return the proofs that are kept; none where there is no file."""
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else {}


def keep(path: Path, about: Mapping[str, Any], kind: str, row: str, removed: list[str], got: list[str]) -> None:
    """Add a proof to the file, in the place of an earlier one."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"rows": {}}
    plain = [_NAMES.sub("…", each) for each in got]
    known["rows"].setdefault(row, {})[kind] = {"removed": sorted(removed), "got": plain}
    known["about"] = dict(about)
    known["rows"] = dict(sorted(known["rows"].items()))
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def put_into(text: str, proofs: Proofs, meaning: Iterable[tuple[str, str]]) -> str:
    """Return a page with both tables in the place of those that it holds: the suite's, and what protections are."""
    listed = [f"- `{name}`: {what}" for name, what in sorted(meaning)]
    text = _between(text, BEGIN, END, render(proofs))
    return _between(text, *MEANINGS, "\n".join([MEANINGS[0], "", *listed, "", MEANINGS[1]]))


def _between(text: str, begin: str, end: str, new: str) -> str:
    head, begun, rest = text.partition(begin)
    _, ended, tail = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"the page has no {begin!r} … {end!r}")
    return head + new + tail
