"""Citation keys for works that come without one: a function of the work alone, so that they stay between runs."""

from __future__ import annotations

import re
import unicodedata

from peercycle.core.base import sha256_hex
from peercycle.core.literature import Reference
from peercycle.core.naming import family_word
from peercycle.core.sameness import work_identity

_LONGEST_PART = 40
_SMALL = frozenset("a an the on of for in to and with from by at as is are be via towards toward".split())


def citation_key(work: Reference) -> str:
    """Return family, year and first word of the title, as in `vaswani2017attention`; compiles inside `\\cite`.

    Where nothing of that can be written in ASCII, the work's identity stands for it: `w` and ten digits of a hash.
    """
    family = _plain(family_word(work.authors[0])) if work.authors else ""
    words = [_plain(word) for word in re.findall(r"[^\W_]+", work.title)]
    word = next((each for each in words if each and each not in _SMALL), "")
    key = f"{family}{work.year or ''}{word}"
    return key if family and (work.year or word) else f"w{sha256_hex(work_identity(work).encode())[:10]}{key}"


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", letters)[:_LONGEST_PART]
