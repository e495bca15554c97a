"""HTML, JATS and MathML in the texts of a service, to what a reader sees.

Only what is surely markup goes: an element that is known, or has a prefix, and is closed again. `a<b and c>d` stays.
"""

from __future__ import annotations

import html
import re

from peercycle.agents.literature.scripts import lowered, raised

_INLINE = frozenset(
    "i b em strong u s tt sub sup sc scp small big span font a q code abbr ins del mark italic bold roman monospace "
    "underline overline strike inline-formula ext-link xref named-content styled-content math mrow mi mn mo mtext "
    "mstyle msup msub msubsup mfrac msqrt mover munder mfenced semantics".split()
)
_BLOCKS = frozenset(
    "p br hr div title sec section abstract label list list-item ul ol li table tr td disp-formula disp-quote "
    "h1 h2 h3 h4 h5 h6".split()
)
"""Elements between which there is a blank."""
_UNCLOSED = frozenset({"br", "hr", "p", "li"})
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_ATTRIBUTES = r"""(?>(?:\s+[\w:.-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))*)"""
_TAG = re.compile(rf"<(/?)([A-Za-z]+:)?([A-Za-z][A-Za-z0-9-]*){_ATTRIBUTES}\s*(/?)>")
_LEAF = r"<(?:mml:|m:)?m[ino]\b[^<>]*>([^<>]*)</(?:mml:|m:)?m[ino]>\s*"
_POWER = re.compile(rf"<(?:mml:|m:)?msu(p|b)\b[^<>]*>\s*{_LEAF}{_LEAF}</(?:mml:|m:)?msu\1>")
_SCRIPT = re.compile(r"<(?:[A-Za-z]+:)?su(p|b)\b[^<>]*>([^<>]*)</(?:[A-Za-z]+:)?su\1>", re.IGNORECASE)
_LAYERS = 3
"""How often a service may have escaped one text."""


def bare(text: str) -> str:
    """Return a text without markup and entities, powers raised and indices lowered where Unicode can."""
    for _ in range(_LAYERS):
        if "&" not in text:
            break
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if "<" not in text:
        return text
    text = _POWER.sub(r"\2<su\1>\3</su\1>", text)
    text = _SCRIPT.sub(lambda found: raised(found[2]) if found[1] in "pP" else lowered(found[2]), text)
    closed = {found[3].lower() for found in _TAG.finditer(text) if found[1]}

    def shown(found: re.Match[str]) -> str:
        name = found[3].lower()
        is_element = found[2] or name in _INLINE or name in _BLOCKS
        if not is_element or not (name in closed or found[4] or name in _UNCLOSED):
            return found[0]
        return " " if name in _BLOCKS else ""

    return _TAG.sub(shown, text)
