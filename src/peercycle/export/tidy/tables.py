"""Tables: every row as wide as the table says, rules only between rows."""

from __future__ import annotations

import re

from peercycle.export.tidy.environments import close_environment, unbracketed
from peercycle.export.tidy.formulas import source_of
from peercycle.export.tidy.text import Place, TextWriter

_RULES = {"hline": "midrule", "toprule": "toprule", "midrule": "midrule", "bottomrule": "bottomrule"}
_MOST_COLUMNS = 40


def write_table(writer: TextWriter, name: str, place: Place) -> str:
    """Write the table that begins here, its `\\begin{name}` being read."""
    if name in {"tabular*", "tabularx"}:
        writer.cursor.raw_group()
    writer.cursor.bracket()
    columns = _columns(source_of(writer.cursor.raw_group() or []))
    inside = place.deeper(group=False, environments=(*place.environments, name), cell=True, inline=True)
    rows = _rows(writer, inside)
    close_environment(writer, name)
    width = max((row[1] for row in rows), default=0)
    if width > _MOST_COLUMNS:
        writer.ledger.remark(f"a table of {width} columns is too wide and is left out")
        return "(A table is left out: it is too wide.)"
    if not width:
        return ""
    if place.inline or place.cell:
        flat = (re.sub(r" *(?<!\\)& *", ", ", row).removesuffix(r" \\") for row, span in rows if span)
        return re.sub(r"\\multicolumn\{[0-9]+\}\{[a-z]\}", "", "; ".join(flat))
    if width > len(columns):
        writer.ledger.remark("a table has rows that are wider than its columns; columns are added")
        columns += "l" * (width - len(columns))
    body = "\n".join(_ruled([row[0] for row in rows]))
    return writer.target.table(f"\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}")


def _ruled(rows: list[str]) -> list[str]:
    """Return rows and rules in the manner of booktabs: rules above, below and under the head only."""
    filled = sum(1 for row in rows if not row.endswith("rule"))
    first = next((i for i, row in enumerate(rows) if not row.endswith("rule")), 0)
    inner = [i for i, row in enumerate(rows) if row.endswith("rule") and first < i < len(rows) - 1]
    every = len(inner) >= filled - 1 > 1
    kept = inner[:1] if every else inner
    ruled = [row for i, row in enumerate(rows) if not row.endswith("rule") or i in kept]
    return ["\\toprule", *("\\midrule" if row.endswith("rule") else row for row in ruled), "\\bottomrule"]


def _columns(spec: str) -> str:
    """Return one letter per column, whatever widths and rules the specification holds."""
    spec = re.sub(r"\*\{?([0-9]{1,2})\}?\{([^{}]*)\}", lambda m: m.group(2) * min(int(m.group(1)), 40), spec)
    spec = re.sub(r"[@!<>]\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "", spec)
    spec = re.sub(r"\{[^{}]*\}", "", spec)
    return "".join({"X": "l", "p": "l", "m": "l", "b": "l", "S": "r"}.get(c, c) for c in spec if c in "lcrXpmbS")


def _rows(writer: TextWriter, place: Place) -> list[tuple[str, int]]:
    """Return each row or rule as LaTeX, with the number of columns it spans."""
    rows: list[tuple[str, int]] = []
    cells: list[str] = []
    width = 0

    def finish() -> None:
        nonlocal cells, width
        if any(cell.strip() for cell in cells):
            rows.append((unbracketed(" & ".join(cell.strip() for cell in cells)) + r" \\", width))
        cells, width = [], 0

    while True:
        text, span = _cell(writer, place)
        if text.strip() or span > 1 or cells:
            cells.append(text)
            width += span
        token = writer.cursor.peek()
        if token is None or token.kind == "close" or (token.kind == "word" and token.text == "end"):
            finish()
            return rows
        writer.cursor.place += 1
        if token.kind == "align":
            if not cells:
                cells, width = [""], 1
            continue
        finish()
        rule = _after_row(writer, token.text if token.kind == "word" else "\\")
        if rule and not (rows and rows[-1][0] == rule):
            rows.append((rule, 0))


def _cell(writer: TextWriter, place: Place) -> tuple[str, int]:
    """Return a cell's LaTeX and how many columns it spans."""
    writer.cursor.skip_blanks()
    token = writer.cursor.peek()
    while token is not None and token.kind == "par":
        writer.cursor.place += 1
        writer.cursor.skip_blanks()
        token = writer.cursor.peek()
    if token is None or token.kind != "word" or token.text != "multicolumn":
        return writer.flow(place), 1
    writer.cursor.place += 1
    count = (writer.cursor.raw_text() or "1").strip()
    span = int(count) if count.isascii() and count.isdigit() and 0 < int(count[:3]) <= _MOST_COLUMNS else 1
    column = (_columns(writer.cursor.raw_text() or "") or "c")[0]
    text = writer.group(place)
    rest = writer.flow(place).strip()
    return f"\\multicolumn{{{span}}}{{{column}}}{{{text.strip()} {rest}}}".replace(" }", "}"), span


def _after_row(writer: TextWriter, word: str) -> str:
    """Read what belongs to the end of a row or to a rule, and return the rule."""
    if word in {"\\", "tabularnewline"}:
        writer.cursor.star()
        writer.cursor.bracket()
        return ""
    if word in _RULES:
        writer.cursor.bracket()
        return f"\\{_RULES[word]}"
    if word in {"cmidrule", "cline"}:
        token = writer.cursor.peek()
        if token is not None and token.kind == "text" and token.text.startswith("("):
            writer.cursor.tokens[writer.cursor.place] = token._replace(text=token.text.partition(")")[2])
        writer.cursor.raw_group()
        return ""
    if word == "specialrule":
        for _ in range(3):
            writer.cursor.raw_group()
    else:
        writer.cursor.bracket()
    return ""
