"""Names of persons: what is family, what is given, what is neither."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_SUFFIX = re.compile(r"(?:Jr|Sr|Jnr|Snr)\.?|I{2,3}|IV|VI{1,3}")
_JOINING = frozenset(("y", "e", "i"))
"""Words that join two family names, `Ortega y Gasset`; other words in lower case before one belong to it."""
_GROUP = re.compile(
    r"\b(?:academy|agency|alliance|association|bureau|cent(?:er|re)|collaboration|college|commission|committee|company"
    r"|consortium|council|corporation|department|foundation|group|inc|institute|lab|laborator(?:y|ies)|league|llc|ltd"
    r"|ministry|network|office|organi[sz]ation|project|research|society|team|union|universit(?:y|ies|é|ät))\b",
    re.IGNORECASE,
)
_SKIPPED = r"\{(?:[^{}\\]++|\\.)*+\}|\\(?:[A-Za-z]+(?:\s+(?!and\s))?|.)|[{}]"
"""What parts no list of names: braces, a pair at once where none are inside it, and commands with the blank that
ends them, as in `Bj\\o rn`."""
_SEPARATORS = {"and": r"\s+and(?=\s)", ",": ",", " ": r"\s+"}
_MARKS = {
    separator: re.compile(f"{_SKIPPED}|{pattern}", re.IGNORECASE | re.DOTALL)
    for separator, pattern in _SEPARATORS.items()
}
_PLAIN = {separator: re.compile(pattern, re.IGNORECASE) for separator, pattern in _SEPARATORS.items()}


@dataclass(frozen=True, slots=True)
class Name:
    """The parts of a name, in whatever spelling they were given."""

    family: str
    """With the words that belong to it: `van der Berg`. The whole name where `whole`."""
    given: str = ""
    suffix: str = ""
    """`Jr.`, `III`."""
    whole: bool = False
    """A corporate name, or one of a single word: it has no parts."""

    @property
    def spoken(self) -> str:
        """The name as it is spoken: given, family, suffix."""
        return " ".join(filter(None, (self.given, self.family, self.suffix)))


def name_of(text: str) -> Name:
    """Return the parts of `Given von Family Jr.` or of `Family, Jr., Given`, plain text."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    parts = [part for part in parts if part]
    if len(parts) not in {1, 2, 3} or _GROUP.search(text):
        return Name(" ".join(text.replace(",", " , ").split()).replace(" ,", ","), whole=True)
    if len(parts) == 2 and _SUFFIX.fullmatch(parts[1]):
        return _spoken(f"{parts[0]} {parts[1]}".split())
    if len(parts) == 1:
        return _spoken(parts[0].split())
    return _listed(parts)


def family_word(name: str) -> str:
    """Return the last word of a name's family, `Berg` of `Jan van den Berg`: what works are compared and keyed by.

    Records differ over the words before it (`van`, the `García` of `García Márquez`), and hardly over the last.
    """
    return (name_of(name).family.split() or [""])[-1]


def names_in(field: str, plain: Callable[[str], str]) -> list[Name]:
    """Return the names of a BibTeX `author` field, less `others`; `plain` turns its LaTeX into text.

    Braces hold a name, or several words of one, together.
    """
    names = [_name_in(latex, plain) for latex in split_latex(field, "and") if latex.lower() != "others"]
    return [name for name in names if name.family or name.given or name.suffix]


def _name_in(latex: str, plain: Callable[[str], str]) -> Name:
    if "{" not in latex:
        return name_of(plain(latex))
    parts = split_latex(latex, ",")
    if len(parts) < 2:
        return _spoken([plain(word) for word in split_latex(latex, " ")])
    parts = [plain(part) for part in parts]
    return _listed(parts) if len(parts) < 4 else Name(", ".join(parts), whole=True)


def split_latex(latex: str, separator: str, *, empty: bool = False) -> list[str]:
    """Split at brace depth 0, at `,`, at blanks or at the word `and`; what is empty is left out unless `empty`."""
    if "{" not in latex and "\\" not in latex:
        return [part.strip() for part in _PLAIN[separator].split(latex) if empty or part.strip()]
    parts: list[str] = []
    depth = last = 0
    for found in _MARKS[separator].finditer(latex):
        mark = found[0]
        if mark == "{":
            depth += 1
        elif mark == "}":
            depth = max(0, depth - 1)
        elif depth == 0 and mark[0] not in "\\{":
            parts.append(latex[last : found.start()].strip())
            last = found.end()
    parts.append(latex[last:].strip())
    return [part for part in parts if part or empty]


def _listed(parts: Sequence[str]) -> Name:
    return Name(parts[0], parts[-1], " ".join(parts[1:-1]))


def _spoken(words: Sequence[str]) -> Name:
    suffix = words[-1] if len(words) > 2 and _SUFFIX.fullmatch(words[-1]) else ""
    names = list(words[:-1] if suffix else words)
    if len(names) < 2:
        return Name(" ".join(words), whole=True)
    last = len(names) - 1
    start = next((index for index in range(1, last) if _is_small(names[index])), last)
    if names[start] in _JOINING and start > 1:
        start -= 1
    return Name(" ".join(names[start:]), " ".join(names[:start]), suffix)


def _is_small(word: str) -> bool:
    letter = next((letter for letter in word if letter.isalpha()), "")
    return letter.islower()
