"""A paper's title for a terminal: what its LaTeX prints."""

from __future__ import annotations

import re

_SPELLED = {
    r"\textbackslash": "\\", r"\textasciitilde": "~", r"\textasciicircum": "^", r"\textless": "<",
    r"\textgreater": ">", r"\textbar": "|", r"\ldots": "…", r"\dots": "…",
}  # fmt: skip
_TOKENS = re.compile(r"\\[A-Za-z]+\s*(?:\{\})?|\\.|---|--|``|''|[{}$~]")


def plain(latex: str) -> str:
    """Return a title without commands, braces and dollar signs, on one line."""
    return " ".join(_TOKENS.sub(_piece, latex).split())


def _piece(found: re.Match[str]) -> str:
    token = found[0]
    if len(token) == 2 and token[0] == "\\":
        return token[1] if not token[1].isalpha() else ""
    quotes = {"``": "“", "''": "”", "---": "—", "--": "–", "~": " "}
    return quotes.get(token) or _SPELLED.get(token.rstrip("{} \n"), "")
