"""LaTeX: escaping, quotations, citations, tables, figures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from peercycle.agents.policies.extractive.corpus import is_citable
from peercycle.agents.policies.extractive.formulas import is_mathematics
from peercycle.core.dollars import formulas

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


def _plain(text: str) -> str:
    spaced = "".join(" " if ord(character) < 32 else character for character in text)
    return "".join(_SPECIAL.get(character, character) for character in spaced)


def escape(text: str) -> str:
    """Return text that prints as given; simple mathematics between dollar signs stays mathematics."""
    parts: list[str] = []
    end = 0
    for formula in formulas(text):
        if is_mathematics(formula.inside):
            parts += [_plain(text[end : formula.start]), f"${formula.inside}$"]
            end = formula.end
    return "".join(parts) + _plain(text[end:])


_ELISION = re.compile(
    r"(?:[’']?(?:tis|twas|twere|twill|til|till|em|cause|bout|round|cos|coz|neath|gainst|tween|n|kay|[0-9]{2}s?)\b)",
    re.IGNORECASE,
)
_OPENING = re.compile(r"(?:(?<=^)|(?<=[\s(\[/–—-]))'(?=\w)")
_CLOSING = re.compile(r"(?<=[\w.,;:!?)\]])'(?!\w)")


def titled(title: str) -> str:
    """Return a title for printing in double quotation marks: its own become single, its last stop or colon goes."""
    german = re.sub(r"„([^„“”\"]*)[“”\"]", "‚\\1‘", title.rstrip(".:;, "))
    opened = re.sub(r"(^|(?<=[\s(\[]))(?:``|\"|“)", "‘", german)
    shown = _apostrophes(re.sub(r"''|\"|”|“|``", "’", opened))
    before = "\\," if shown.startswith("‘") else ""
    return before + escape(shown) + ("\\," if shown.endswith(("’", "'")) else "")


def _apostrophes(title: str) -> str:
    """Turn `'quoted'` round; the apostrophes of `'Tis`, `don't` and `'90s` stay."""
    last = max((found.start() for found in _CLOSING.finditer(title)), default=-1)
    return _OPENING.sub(lambda found: "'" if found.end() > last or _ELISION.match(title, found.end()) else "‘", title)


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
    return "\n\n".join(part for part in parts if part.strip())


def join(*sentences: str) -> str:
    """Return the sentences that are not empty as one paragraph."""
    return " ".join(sentence for sentence in sentences if sentence)
