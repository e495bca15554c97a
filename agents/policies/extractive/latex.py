"""LaTeX: escaping, quotations, citations, tables, figures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from peercycle.agents.policies.extractive.corpus import is_citable

_SPECIAL = {
    "\\": "\\textbackslash{}",
    "&": "\\&",
    "%": "\\%",
    "$": "\\$",
    "#": "\\#",
    "_": "\\_",
    "{": "\\{",
    "}": "\\}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "''",
}
_MATHEMATICS = re.compile(r"\$([^$]*)\$")
_SAFE_MATHEMATICS = re.compile(
    r"(?:[A-Za-z0-9 +\-=()<>,.*/]|[_^](?:[A-Za-z0-9]|\{[A-Za-z0-9 +\-]+\})|"
    r"\\(?:alpha|beta|gamma|delta|epsilon|eta|theta|kappa|lambda|mu|nu|pi|rho|sigma|tau|phi|chi|psi|omega|ell|times|cdot"
    r"|le|ge|leq|geq|approx|sim|infty|Delta|Sigma|Omega|Lambda)(?![A-Za-z]))+"
)


def _plain(text: str) -> str:
    spaced = "".join(" " if ord(character) < 32 else character for character in text)
    return "".join(_SPECIAL.get(character, character) for character in spaced)


def escape(text: str) -> str:
    """Return text that prints as given; simple mathematics between dollar signs stays mathematics."""
    parts: list[str] = []
    end = 0
    for match in _MATHEMATICS.finditer(text):
        kept = _is_mathematics(match.group(1))
        parts += [_plain(text[end : match.start()]), match.group(0) if kept else _plain(match.group(0))]
        end = match.end()
    return "".join(parts) + _plain(text[end:])


_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}|[A-Za-z]{2,} +[A-Za-z]{2,}")


def _is_mathematics(inside: str) -> bool:
    """Return whether what stands between two dollar signs is mathematics, and not text between two prices."""
    if inside != inside.strip() or not inside or _PROSE.search(inside):
        return False
    return _SAFE_MATHEMATICS.fullmatch(inside) is not None and _no_double(inside)


def titled(title: str) -> str:
    """Return a title for printing in double quotation marks: its own become single ones, its last full stop goes."""
    opened = re.sub(r"(^|(?<=[\s(\[]))(?:``|\"|“)", "‘", title.rstrip(". "))
    return escape(re.sub(r"''|\"|”|“|``", "’", opened))


def _no_double(mathematics: str) -> bool:
    """Return whether no superscript or subscript follows another of its kind, which TeX refuses."""
    return re.search(r"([_^])(?:\w|\{[^}]*\}|\\\w+)\1", mathematics) is None


def cite(keys: Sequence[str]) -> str:
    """Return a citation in parentheses of those keys that can be cited, with the blank before it; else nothing."""
    usable = [key for key in dict.fromkeys(keys) if is_citable(key)]
    return f"~\\citep{{{','.join(usable)}}}" if usable else ""


def quotation(text: str, key: str, *, cut: bool) -> str:
    """Return a passage in quotation marks with its source."""
    more = " [\\dots]" if cut else ""
    return f"``{escape(text)}{more}''{cite([key])}"


def table(caption: str, label: str, columns: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table float with rules as booktabs draws them."""
    body = " \\\\\n".join(" & ".join(row) for row in rows)
    return (
        f"\\begin{{table}}[t]\n\\centering\n\\caption{{{caption}}}\n\\label{{{label}}}\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{' & '.join(head)} \\\\\n\\midrule\n{body} \\\\\n\\bottomrule\n"
        "\\end{tabular}\n\\end{table}"
    )


def figure(file: str, caption: str, label: str) -> str:
    """Return a figure float that includes one file."""
    return (
        "\\begin{figure}[t]\n\\centering\n"
        f"\\includegraphics[width=0.72\\linewidth]{{figures/{file}}}\n"
        f"\\caption{{{caption}}}\n\\label{{{label}}}\n\\end{{figure}}"
    )


def paragraphs(*parts: str) -> str:
    """Return the parts that are not empty as paragraphs."""
    return "\n\n".join(part for part in (" ".join(p.split(" ")) for p in parts) if part.strip())


def join(*sentences: str) -> str:
    """Return the sentences that are not empty as one paragraph."""
    return " ".join(sentence for sentence in sentences if sentence)
