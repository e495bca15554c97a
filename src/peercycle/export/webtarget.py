"""LaTeX for the reader that makes HTML: what it must not touch goes through as marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from peercycle.export.tidy.ledger import NumberKind

OPEN, OPENED, CLOSE, CLOSED = "\ue000", "\ue001", "\ue002", "\ue003"
"""Around a mark's index: characters that no manuscript can contain, because reading one strips them."""

_QUOTES = (("``", "“"), ("''", "”"), ("`", "‘"), ("'", "’"))
"""As TeX sets them. Left to pandoc, opening quotes that nothing closes make it try every group in braces anew."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that is put into the HTML after it was made."""

    kind: Literal["cite", "number", "formula", "label", "reference"]
    names: tuple[str, ...]
    """Citation keys, measurement ids, or a label."""
    detail: str = ""
    """The citing command, or the kind of a number."""


@dataclass(slots=True)
class WebTarget:
    """Plain LaTeX with marks; Unicode stays as it is."""

    marks: list[Mark] = field(default_factory=list)
    _in_formula: list[tuple[str, NumberKind]] = field(default_factory=list)

    def _mark(self, mark: Mark, inside: str | None = None) -> str:
        self.marks.append(mark)
        index = len(self.marks) - 1
        return f"{OPEN}{index}{OPENED}" + ("" if inside is None else f"{inside}{CLOSE}{index}{CLOSED}")

    def characters(self, text: str, lost: Callable[[str], None], *, math: bool) -> str:
        if math:
            return text
        for typed, shown in _QUOTES:
            text = text.replace(typed, shown)
        return text

    def cite(self, command: str, keys: Sequence[str], before: str, after: str) -> str:
        if command in {"citet", "Citet", "citealt", "citeauthor", "citeyear"}:
            shown = ", ".join(self._mark(Mark("cite", (key,), command.lower())) for key in keys)
            return shown + (f" ({after})" if after else "")
        shown = "; ".join(self._mark(Mark("cite", (key,), "citep")) for key in keys)
        whole = (f"{before} " if before else "") + shown + (f", {after}" if after else "")
        return whole if command == "citealp" else f"({whole})"

    def number(self, measurement: str, kind: NumberKind, shown: str, *, math: bool) -> str:
        if math:
            self._in_formula.append((measurement, kind))
            return shown + ("\\text{ [simulated]}" if kind == "simulated" else "")
        return self._mark(Mark("number", (measurement,), kind), shown)

    def formula(self, body: str) -> str:
        return self._formula(f"${body}$")

    def _formula(self, whole: str) -> str:
        numbers, self._in_formula = self._in_formula, []
        if not numbers:
            return whole
        kind = "simulated" if any(kind == "simulated" for _, kind in numbers) else "measured"
        return self._mark(Mark("formula", tuple(name for name, _ in numbers), kind), whole)

    def graphic(self, file: str, width: str) -> str:
        return f"\\includegraphics[width={width}\\linewidth]{{figures/{file}}}"

    def label(self, name: str) -> str:
        return self._mark(Mark("label", (name,)))

    def reference(self, command: str, name: str) -> str:
        mark = self._mark(Mark("reference", (name,)))
        return f"({mark})" if command == "eqref" else mark

    def caption(self, kind: str, number: str, text: str) -> str:
        return f"\\caption{{{kind.capitalize()} {number}. {text}}}"

    def table(self, tabular: str) -> str:
        return tabular

    def equation(self, environment: str, body: str, number: str) -> str:
        del environment
        head, _, rest = body.partition("\n")
        shown = f"\\qquad({number})" if number else ""
        return f"{head}{self._formula(f'$${rest.strip()}{shown}$$')}"

    def heading(self, command: str, number: str, text: str) -> str:
        return f"\\{command}{{{number} {text}}}" if number else f"\\{command}{{{text}}}"

    def missing(self, file: str) -> str:
        return f"\\emph{{[figure \\texttt{{{file}}} is missing]}}"

    def code(self, source: str, lost: Callable[[str], None]) -> str:
        body = source.expandtabs(4).rstrip().replace("\\end{verbatim}", "\\end {verbatim}")
        return f"\n\n\\begin{{verbatim}}\n{body}\n\\end{{verbatim}}\n\n"

    def theorem(self, name: str, number: str, title: str, body: str) -> str:
        head = f"{name} {number}".rstrip() + (f" ({title})" if title else "")
        return f"\n\n\\textbf{{{head}.}} {body}\n\n"
