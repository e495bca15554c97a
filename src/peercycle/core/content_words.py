"""The words of a text as they are spelt and as they are counted, and which of them say something of a subject."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from peercycle.core.common_words import STOPWORDS
from peercycle.core.dollars import formulas

_COMMAND = re.compile(r"\\[A-Za-z]+")
_DOTTED = re.compile(r"\b(?:[A-Za-z]\.){2,}")
"""An abbreviation such as `U.S.`, which is one word."""
_MARKUP = re.compile(
    r"<(script|style)\b.*?</\1\s*>|</?[A-Za-z!][^<>]{0,500}>|&(?:[A-Za-z]{2,8}|#\d{1,6});|(?:https?://|www\.)\S+",
    re.IGNORECASE | re.DOTALL,
)
WORD = re.compile(r"[^\W\d_](?:[\w]|['’-](?=\w))*")


def words_of(text: str) -> list[str]:
    """Return the words of a text as spelt there, without numbers, mathematics, markup and web addresses."""
    if "<" in text or "&" in text or "://" in text or "www." in text.lower():
        text = _MARKUP.sub(" ", text.replace("&lt;", "<").replace("&gt;", ">"))
    bare = _COMMAND.sub(" ", _without_formulas(text))
    plain = (
        unicodedata.normalize("NFKC", _DOTTED.sub(lambda found: f"{found[0].replace('.', '')} ", bare))
        .replace("‐", "-")
        .replace("‑", "-")
    )
    return WORD.findall(plain)


def _without_formulas(text: str) -> str:
    """Return a text with a blank for each formula; what stands between two amounts of dollars stays."""
    parts: list[str] = []
    end = 0
    for formula in formulas(text):
        parts.append(text[end : formula.start])
        end = formula.end
    return " ".join([*parts, text[end:]])


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """Return the form under which a word is counted: lower case, the plainest English plurals undone."""
    low = word.lower().replace("’", "'").removesuffix("'s")
    if len(low) > 4 and low.endswith("ies"):
        return low[:-3] + "y"
    if len(low) > 4 and low.endswith(("sses", "shes", "ches", "xes")):
        return low[:-2]
    if len(low) > 3 and low.endswith("s") and not low.endswith(("ss", "us", "is", "as")):
        return low[:-1]
    return low


FOLDED_STOPWORDS: frozenset[str] = STOPWORDS | frozenset(fold(word) for word in STOPWORDS)
"""The stop words as they are counted."""


def is_content(token: str) -> bool:
    """Return whether a folded word says something of the subject."""
    return len(token) > 2 and token not in FOLDED_STOPWORDS
