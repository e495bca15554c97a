"""What differs between LaTeX for TeX and LaTeX for the reader that makes HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from peercycle.export.tidy.characters import escape, settable
from peercycle.export.tidy.ledger import NumberKind


class Target(Protocol):
    """Spells the things that a paper's LaTeX and its HTML say differently."""

    def characters(self, text: str, lost: Callable[[str], None], *, math: bool) -> str:
        """Return characters that the target can set."""
        ...

    def cite(self, command: str, keys: Sequence[str], before: str, after: str) -> str:
        """Return a citation of works that are in the bibliography, by their printed keys."""
        ...

    def number(self, measurement: str, kind: NumberKind, shown: str, *, math: bool) -> str:
        """Return a number that an experiment produced."""
        ...

    def graphic(self, file: str, width: str) -> str:
        """Return a picture; `width` is a share of the line, such as `0.8`."""
        ...

    def label(self, name: str) -> str:
        """Return the mark of a place that can be referred to."""
        ...

    def reference(self, command: str, name: str) -> str:
        """Return a reference to a label; `command` is `ref` or `eqref`."""
        ...

    def caption(self, kind: str, number: str, text: str) -> str:
        """Return a float's caption."""
        ...

    def table(self, tabular: str) -> str:
        """Return a table that does not stick out of the page."""
        ...

    def equation(self, environment: str, body: str, number: str) -> str:
        """Return a displayed formula; `number` is empty where it has none."""
        ...

    def formula(self, body: str) -> str:
        """Return a formula within a line."""
        ...

    def heading(self, command: str, number: str, text: str) -> str:
        """Return a heading below the section's; `number` is empty where it has none."""
        ...

    def missing(self, file: str) -> str:
        """Return what stands in the place of a figure that does not exist; `file` is set already."""
        ...

    def code(self, source: str, lost: Callable[[str], None]) -> str:
        """Return a block of source, line by line."""
        ...

    def theorem(self, name: str, number: str, title: str, body: str) -> str:
        """Return a theorem or its like."""
        ...


class TexTarget:
    """LaTeX that pdflatex sets, under the preamble of `peercycle.export.document`."""

    def characters(self, text: str, lost: Callable[[str], None], *, math: bool) -> str:
        return settable(text, lost, math=math)

    def cite(self, command: str, keys: Sequence[str], before: str, after: str) -> str:
        notes = f"[{before}][{after}]" if before else f"[{after}]" if after else ""
        return f"\\{command}{notes}{{{','.join(keys)}}}"

    def number(self, measurement: str, kind: NumberKind, shown: str, *, math: bool) -> str:
        command = "simulated" if kind == "simulated" else "measured"
        return f"\\{command}{{{measurement}}}{{{shown}}}"

    def graphic(self, file: str, width: str) -> str:
        return f"\\includegraphics[width={width}\\linewidth,height=0.6\\textheight,keepaspectratio]{{figures/{file}}}"

    def label(self, name: str) -> str:
        return f"\\label{{{name}}}"

    def reference(self, command: str, name: str) -> str:
        return f"\\{command}{{{name}}}"

    def caption(self, kind: str, number: str, text: str) -> str:
        return f"\\caption{{{text}}}"

    def table(self, tabular: str) -> str:
        return f"\\fitted{{{tabular}}}"

    def equation(self, environment: str, body: str, number: str) -> str:
        return f"\\begin{{{environment}}}{body}\\end{{{environment}}}"

    def formula(self, body: str) -> str:
        return f"${body}$"

    def heading(self, command: str, number: str, text: str) -> str:
        return f"\\{command}{'' if number or 'paragraph' in command else '*'}{{{text}}}"

    def missing(self, file: str) -> str:
        return f"\\fbox{{figure \\texttt{{{file}}} is missing}}"

    def code(self, source: str, lost: Callable[[str], None]) -> str:
        shown = []
        for line in source.expandtabs(4).rstrip().split("\n"):
            indent = min(len(line) - len(line.lstrip(" ")), 40)
            text = self.characters(escape(line.strip(), code=True), lost, math=False)
            shown.append("~" * indent + text if text else "~")
        return "\n\n{\\ttfamily\\small\\raggedright\\noindent " + "\\newline\n".join(shown) + "\\par}\n\n"

    def theorem(self, name: str, number: str, title: str, body: str) -> str:
        head = f"{name} {number}".rstrip() + (f" ({title})" if title else "")
        return f"\n\n\\noindent\\textbf{{{head}.}} {body}\n\n"
