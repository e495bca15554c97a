"""Which mathematics of a title or an abstract is printed as mathematics.

It is safe because nothing passes that is not listed here: no command that reads, defines or typesets text, no
alignment, no comment, and braces and scripts that TeX takes. What does not pass is printed as it was written.
"""

from __future__ import annotations

import re

_DEEPEST = 8
_TOKEN = re.compile(
    r"\\(?:(?P<command>alpha|beta|gamma|delta|epsilon|varepsilon|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi"
    r"|varphi|chi|psi|omega|ell|times|cdots?|ldots|le|ge|leq|geq|neq|in|to|log|ln|exp|min|max|approx|sim|infty|pm|sum"
    r"|prod|int|partial|nabla|rightarrow|leftarrow|propto|equiv|subset|cup|cap|Delta|Sigma|Omega|Lambda|Gamma|Theta|Phi"
    r"|Psi|Pi|circ|star|prime)|(?P<taking>mathbb|mathcal|mathrm|mathbf|mathit|mathsf|sqrt|hat|bar|tilde|vec|overline))"
    r"(?![A-Za-z])|(?P<script>[_^])|(?P<open>\{)|(?P<close>\})|(?P<blank> )"
    r"|(?P<plain>[A-Za-z0-9+\-=()<>,.*/;:!|]|\\[,;:!%])"
)
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{4,}|[A-Za-z]{2,} +[A-Za-z]{2,}")
_NAMED = re.compile(r"\\math[a-z]+\{[A-Za-z]+\}")


def is_mathematics(inside: str) -> bool:
    """Return whether what stands between two dollar signs is mathematics that TeX can set, and not text."""
    if not inside or inside != inside.strip() or (" " in inside and _PROSE.search(_NAMED.sub("", inside))):
        return False
    reader, place = _Reader(), 0
    while place < len(inside):
        found = _TOKEN.match(inside, place)
        if found is None or not reader.takes(str(found.lastgroup), found[0]):
            return False
        place = found.end()
    return len(reader.scripts) == 1 and not reader.wanted


class _Reader:
    """What is open so far, token by token."""

    def __init__(self) -> None:
        self.scripts: list[set[str]] = [set()]
        """The scripts that the last piece has, for each open brace."""
        self.wanted = ""
        """What an argument is due to: a `script`, or a command that is `taking` one and needs a brace."""
        self.last = ""

    def takes(self, kind: str, text: str) -> bool:
        """Go beyond one token; false where TeX would stumble over it."""
        due, self.wanted = self.wanted, kind if kind in {"script", "taking"} else ""
        if (due == "taking" and kind != "open") or (due and kind in {"script", "close", "blank", "taking"}):
            return False
        before, self.last = self.last, kind
        if kind == "open":
            if not due:
                self.scripts[-1].clear()
            self.scripts.append(set())
            return len(self.scripts) <= _DEEPEST + 1
        if kind == "close":
            self.scripts.pop()
            return bool(self.scripts) and before != "open"
        if kind == "script":
            twice = text in self.scripts[-1]
            self.scripts[-1].add(text)
            return not twice
        if kind != "blank" and due != "script":
            self.scripts[-1].clear()
        return True
