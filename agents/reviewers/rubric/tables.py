"""Tables as rows of cells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from peercycle.agents.reviewers.rubric.prose import plain, tokens
from peercycle.core.latex_scan import Environment, LatexScan, scan_latex
from peercycle.core.numerals import Printed, printed_numbers
from peercycle.core.remembering import remembered
from peercycle.core.result_numbers import TABLES, blank_non_prose

_RULE = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|addlinespace|cline|cmidrule|specialrule)(?![A-Za-z])(?:\[[^\]]*\])?"
    r"(?:\([a-z]*\))?(?:\{[^{}]*\})*"
)
_ROW_END = re.compile(r"\\\\(?:\[[^\]\n]{0,20}\])?|\\tabularnewline")
_CELL_END = re.compile(r"(?<!\\)&")
_BOLD = re.compile(r"\\(?:textbf|mathbf|bm|boldsymbol|bfseries|underline)(?![A-Za-z])")
_SPREAD = re.compile(r"±|\(\s?[-−]?\d*\.?\d+\s?(?:\)|,|–|-)|\[\s?[-−]?\d|\d\s?(?:–|—| to )\s?[-−]?\d")
_NAMING = re.compile(r"(?!to\b|and\b)[^\W\d_]{2,}|^[^\W\d_]\w*$")
_IN_BRACKETS = re.compile(r"(?<=\S)\s?\([^()]*\)\s*$")
"""A unit behind a name: nobody repeats it in a sentence."""
_SPAN = re.compile(r"\\multicolumn\s*\{\s*(\d{1,2})\s*\}")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: as read, its first number if it has one, and whether it shows a spread or is set bold."""

    text: str
    numbers: tuple[Printed, ...]
    bold: bool
    spread: bool

    @property
    def value(self) -> Decimal | None:
        """The number that the cell shows first."""
        return self.numbers[0].number.value if self.numbers else None


@dataclass(frozen=True, slots=True)
class Table:
    """A table, its rules left out."""

    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[int, ...]
    """Columns that each row fills, spanning cells counted whole."""
    context: str
    """Caption and heading cells, in lower case: what its numbers are of."""

    def label(self, row: int) -> str:
        """Return the name of a row: its first cell without a number in it."""
        return entity(_IN_BRACKETS.sub("", self.rows[row][0].text)) if self.rows[row] else ""

    @property
    def values(self) -> tuple[Decimal, ...]:
        """All its numbers, sorted: what two copies of a table share."""
        return tuple(sorted(n.number.value for row in self.rows for c in row[1:] for n in c.numbers))

    @property
    def headings(self) -> int:
        """How many rows at the top name columns: rows that span cells, or whose cells all hold words."""
        for index, row in enumerate(self.rows):
            named = [cell for cell in row[1:] if cell.text.strip()]
            if len(row) == self.widths[index] and not all(_NAMING.search(c.text) for c in named):
                return index
        return 0

    @property
    def data(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows below the headings."""
        return self.rows[self.headings :]

    def column(self, index: int) -> list[tuple[str, Cell]]:
        """Return a column's numeric cells, those of the headings left out, with the labels of their rows."""
        top = self.headings
        pairs = [(self.label(i), row[index]) for i, row in enumerate(self.rows) if i >= top and index < len(row)]
        return [(label, cell) for label, cell in pairs if cell.numbers]

    @property
    def columns(self) -> int:
        """How many columns the widest row has."""
        return max((len(row) for row in self.rows), default=0)


@remembered
def entity(text: str) -> str:
    """Return the name in a cell as sentences are searched for it: lower-case words, at most six."""
    return " ".join(tokens(text)[:6])


@remembered
def make_cell(source: str) -> Cell:
    """Read a cell of LaTeX, or of plain text."""
    blank = blank_non_prose(scan_latex(re.sub(r"\\measured\s*\{[^{}]*\}", "", source)))
    text = plain(blank)
    return Cell(
        text, tuple(printed_numbers(text)), _BOLD.search(source) is not None, _SPREAD.search(text) is not None
    )


def read_tables(scan: LatexScan) -> tuple[Table, ...]:
    """Return a text's tables in order; those inside others belong to the outer one."""
    found = sorted((e for e in scan.environments() if e.name in TABLES), key=lambda e: e.start)
    floats = [e for e in scan.environments() if e.name.startswith(("table", "sidewaystable"))]
    tables: list[Table] = []
    done = -1
    for environment in found:
        if environment.start >= done:
            done = environment.end
            holder = next((f for f in floats if f.start <= environment.start and f.end >= environment.end), None)
            tables.append(_read_one(scan, environment, holder))
    return tuple(tables)


def _read_one(scan: LatexScan, environment: Environment, holder: Environment | None) -> Table:
    body = scan.text[environment.body.start : environment.body.end]
    after = scan.group(environment.body.start)
    position = environment.body.start
    while after is not None or (after := scan.group(position, "[")) is not None:
        position = after.end + 1
        after = scan.group(position)
    body = _RULE.sub(" ", scan.text[position : environment.body.end]) if position > environment.body.start else body
    rows: list[tuple[Cell, ...]] = []
    widths: list[int] = []
    for line in _ROW_END.split(body):
        if line.strip():
            cells = _CELL_END.split(line)
            rows.append(tuple(make_cell(cell) for cell in cells))
            widths.append(sum(int(m.group(1)) if (m := _SPAN.search(cell)) else 1 for cell in cells))
    return make_table(rows, widths, _caption(scan, holder) if holder else "")


def _caption(scan: LatexScan, holder: Environment) -> str:
    for command in scan.commands:
        if command.name == "caption" and holder.start <= command.start < holder.end:
            _, groups, _ = scan.arguments(command, 1)
            return plain(scan.at(groups[0])) if groups else ""
    return ""


def make_table(rows: list[tuple[Cell, ...]], widths: list[int], caption: str) -> Table:
    """Put rows together; the first row's cells and the caption tell what the numbers are of."""
    heading = " ".join(cell.text for cell in rows[0]) if rows else ""
    return Table(tuple(rows), tuple(widths), f"{caption} {heading}".lower())


_MARKDOWN_ROW = re.compile(r"^\s*\|(.+)\|\s*$")


def read_markdown_tables(text: str) -> tuple[Table, ...]:
    """Return the pipe tables of plain text."""
    tables: list[Table] = []
    rows: list[tuple[Cell, ...]] = []
    for line in [*text.splitlines(), ""]:
        found = _MARKDOWN_ROW.match(line)
        if found and not re.fullmatch(r"[\s|:+-]*", found.group(1)):
            rows.append(
                tuple(
                    make_cell(re.sub(r"(?<!\\)%", r"\\%", cell.replace("**", "")))
                    for cell in found.group(1).split("|")
                )
            )
        elif not found and rows:
            tables.append(make_table(rows, [len(row) for row in rows], ""))
            rows = []
    return tuple(tables)
