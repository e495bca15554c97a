"""Displayed formulas: the environments of amsmath that stand alone."""

from __future__ import annotations

from peercycle.export.tidy.environments import unbracketed
from peercycle.export.tidy.formulas import MathWriter, UnsettableError
from peercycle.export.tidy.text import TextWriter
from peercycle.export.tidy.tokens import Token
from peercycle.export.tidy.words import safe_label

_ALIGNED = {"align", "gather", "multline", "flalign", "eqnarray", "alignat"}


def write_display(writer: TextWriter, tokens: list[Token], environment: str, *, inline: bool) -> str:
    """Write a displayed formula; one that would stop TeX is shown as its source."""
    base = environment.rstrip("*")
    maths = MathWriter(list(tokens), writer.ledger, writer.target)
    try:
        body = maths.write(aligned=base in _ALIGNED).strip()
    except UnsettableError as error:
        return writer.shown_source(tokens, error)
    body = "\n".join(line for line in body.split("\n") if line.strip())
    if inline:
        flat = body.replace("\\\\", ",\\ ").replace("&", "").replace("\\nonumber ", "").replace("\\notag ", "")
        return writer.target.formula(flat)
    numbered = base in {"equation", "align", "gather", "multline", "eqnarray"} and not environment.endswith("*")
    if body.endswith("\\\\"):
        body, maths.lines = body[:-2].rstrip(), maths.lines - 1
    return _framed(writer, base, body, maths, numbered=numbered)


def _framed(writer: TextWriter, base: str, body: str, maths: MathWriter, *, numbered: bool) -> str:
    """Set one number per display: lines are aligned inside it."""
    if base in _ALIGNED and maths.lines > 1:
        inner = "gathered" if base in {"gather", "multline"} else "aligned"
        body = f"\\begin{{{inner}}}\n{unbracketed(body)}\n\\end{{{inner}}}"
    elif base in _ALIGNED:
        body = (
            body.replace("&", "")
            if "\\begin" not in body
            else f"\\begin{{aligned}}{unbracketed(body)}\\end{{aligned}}"
        )
    body = body.replace("\\nonumber ", "").replace("\\notag ", "")
    numbered = numbered and not (maths.lines == 1 and maths.unnumbered)
    number = writer.ledger.numbered("equation") if numbered else ""
    labels = "".join(writer.define_label(safe_label(raw), number) for raw in maths.labels if raw.strip())
    environment = "equation" if number else "equation*"
    return writer.target.equation(environment, f"{labels}\n{body}\n", number)
