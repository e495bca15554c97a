"""Citations and lists of references of plain text, as a PDF or Markdown shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_YEAR = r"(?:19|20)\d\d[a-z]?"
_NAME = r"(?:(?:van|von|der|den|de|la|le|di|du|ten)\s){0,3}[^\W\d_a-z][\w'’-]+"
_AUTHORS = rf"{_NAME}(?:\set\sal\.?|\s(?:and|&)\s{_NAME}|\s\\&\s{_NAME})?"
_YEARS = rf"{_YEAR}(?:,\s?(?:{_YEAR}|[a-z]\b)){{0,5}}"
_NUMBERED = re.compile(r"\[(\d{1,3}(?:\s?[,;–-]\s?\d{1,3}){0,30})\]")
_PARENTHETIC = re.compile(
    rf"\((?:(?:see|e\.g\.,?|cf\.)\s)?((?:{_AUTHORS},?\s{_YEARS})(?:;\s?{_AUTHORS},?\s{_YEARS}){{0,20}})\)"
)
_TEXTUAL = re.compile(rf"\b({_NAME})(\set\sal\.?|\s(?:and|&|\\&)\s{_NAME})\s\(({_YEARS})\)")
_ONE = re.compile(rf"({_NAME})[^;()]*?,?\s({_YEARS})")
_ITEM = re.compile(r"^\s{0,4}(?:\[(\d{1,3})\]|(\d{1,3})\.)\s+(\S.*)$")
_PRINTED_YEAR = re.compile(rf"(?<![\w:./-]){_YEAR}(?![\w/-]|\.\d)")
_PARTICLES = frozenset("and et al van von der den de la le di du da del ten bin & jr".split())
_INITIALS = re.compile(r"(?:[A-Z]\.?[\s-]?){1,4}")


def with_citations(text: str) -> str:
    """Return text in which citations by number or by author and year are LaTeX's."""
    text = _NUMBERED.sub(lambda m: f"\\cite{{{_expanded(m.group(1))}}}", text)
    text = _PARENTHETIC.sub(lambda m: f"\\cite{{{','.join(_keys(m.group(1)))}}}", text)
    return _TEXTUAL.sub(
        lambda m: f"{m.group(1)}{m.group(2)} \\cite{{{','.join(_keys(f'{m.group(1)}, {m.group(3)}'))}}}", text
    )


def reference_entries(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield key and text of each entry of a list of references: its number, or first author and year."""
    entries: list[str] = []
    for line in (line.strip() for line in lines):
        if not line:
            continue
        if not entries or _begins(line, entries[-1]):
            entries.append(line)
        else:
            entries[-1] += f" {line}"
    for entry in entries:
        if found := _ITEM.match(entry):
            yield found.group(1) or found.group(2), found.group(3)
        elif key := _key_of(entry):
            yield key, entry


def _begins(line: str, before: str) -> bool:
    """Tell whether a line begins an entry: by its number, its mark, or its authors behind an entry that has its year."""
    if _ITEM.match(line) or re.match(r"[-*•]\s", line):
        return True
    return before.endswith((".", ")")) and bool(_PRINTED_YEAR.search(before)) and _names(line)


def _names(line: str) -> bool:
    """Tell whether a line begins with names: capitals, initials, `and`, `et al.`, up to a full stop or a year."""
    head = re.split(rf"(?<=\w\w)\.\s|\(?{_YEAR}", line, maxsplit=1)[0]
    words = [word.strip(".,()") for word in head.replace("et al.", "et al").split()]
    return (
        bool(words)
        and ":" not in head
        and all(not word or word[0].isupper() or word.lower() in _PARTICLES for word in words)
    )


def _key_of(entry: str) -> str | None:
    """Return `Family2020a` of an entry's first author and year; None where it shows no year."""
    bracketed = re.search(rf"\(({_YEAR})\)", entry)
    years = _PRINTED_YEAR.findall(entry)
    if bracketed is None and not years:
        return None
    year = bracketed.group(1) if bracketed else next((y for y in years if y[-1].isalpha()), years[-1])
    entry = re.sub(r"^[-*•]\s*", "", entry)
    pieces = re.split(r",\s|\sand\s|\s&\s|\set\sal|(?<=\w\w)\.\s|\s\(", entry)
    first = pieces[0].split()
    family_first = len(pieces) > 1 and _INITIALS.fullmatch(pieces[1].strip()) is not None
    if not first:
        return None
    inverted = family_first or len(first) == 1 or _INITIALS.fullmatch(first[-1]) is not None
    name = first[0] if inverted and _INITIALS.fullmatch(first[-1]) else first[-1]
    return f"{name.strip('.,')}{year}"


def _keys(cited: str) -> list[str]:
    """Return the keys of `Bai et al., 2022a,b; Lee, 2020`."""
    keys: list[str] = []
    for name, years in _ONE.findall(cited):
        last = ""
        for year in re.split(r",\s?", years):
            last = year if len(year) > 1 else last[:4] + year
            keys.append(f"{name.split()[-1]}{last}")
    return keys


def _expanded(numbers: str) -> str:
    keys: list[str] = []
    for part in re.split(r"[,;]", numbers):
        ends = [int(n) for n in re.findall(r"\d+", part)]
        keys += [str(n) for n in range(ends[0], min(ends[-1], ends[0] + 40) + 1)] if ends else []
    return ",".join(keys)
