"""LaTeX to the plain text that a reader sees: one spelling for what is written in many ways."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from peercycle.core.citations import cite_uses
from peercycle.core.latex_scan import LatexScan, Span
from peercycle.core.remembering import remembered
from peercycle.core.sentences import sentence_spans

CITE = "⟨c⟩"
"""Stands in prose where works are cited."""
LUMP = 4
"""More keys than this in one place are a lump: each says no more than that the work exists."""
REF = "⟨r⟩"
"""Stands in prose where a float, section or equation is referred to."""

_REFERRING = frozenset({"ref", "eqref", "autoref", "cref", "Cref", "vref", "pageref", "nameref", "subref"})
_DROPPED = frozenset({"label", "vspace", "hspace", "includegraphics", "input", "include", "bibliography", "maketitle",
                      "bibliographystyle", "nocite", "usepackage", "documentclass", "setlength", "newcommand", "item",
                      "renewcommand", "date", "addbibresource", "index", "pagestyle", "thispagestyle",
                      "providecommand"})  # fmt: skip
_NOT_PROSE = frozenset({"table", "table*", "figure", "figure*", "tabular", "tabular*", "tabularx", "longtable",
                        "equation", "equation*", "align", "align*", "thebibliography", "algorithm", "tikzpicture",
                        "gather", "gather*", "sidewaystable", "wrapfigure", "displaymath", "eqnarray"})  # fmt: skip
_ACCENT = re.compile(
    r"""\\(?:(['"`^~=.])\s?(?:\{\s?(\\?[A-Za-z])\s?\}|(\\?[A-Za-z]))|([cvuHkr])\s?\{\s?(\\?[A-Za-z])\s?\})"""
)
_COMBINING = {"'": "\u0301", '"': "\u0308", "`": "\u0300", "^": "\u0302", "~": "\u0303", "=": "\u0304", ".": "\u0307",
              "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a"}  # fmt: skip
_LETTERS = {"ss": "ß", "o": "ø", "O": "Ø", "ae": "æ", "AE": "Æ", "aa": "å", "AA": "Å", "oe": "œ", "OE": "Œ", "l": "ł",
            "L": "Ł", "i": "i", "j": "j", "pm": "±", "times": "×", "cdot": "×", "leq": "≤", "le": "≤", "geq": "≥",
            "ge": "≥", "approx": "≈", "sim": "≈", "lt": "<", "gt": ">", "to": "→", "ldots": "…", "dots": "…",
            "par": "\n\n", "textless": "<", "textgreater": ">", "textminus": "-", "textpm": "±",
            "textpercent": "\\%"}  # fmt: skip
_SYMBOL = re.compile(rf"\\({'|'.join(sorted(_LETTERS, key=len, reverse=True))})(?![A-Za-z])(?:\{{\}})?")
_HEADING = re.compile(r"\\(?:sub)*(?:section|paragraph)\*?\s?\{")
_COMMAND = re.compile(r"\\(?!%)[A-Za-z@]+\*?(?:\[[^\]\n]{0,80}\])?")
_SPACES = re.compile(r"[ \t\u00a0\u2009\u202f]+")


def to_prose(scan: LatexScan) -> str:
    """Return what a scan's text says outside floats, displays and the list of references."""
    cuts: list[tuple[Span, str]] = [
        (Span(e.start, e.end), "\n\n") for e in scan.environments() if e.name in _NOT_PROSE
    ]
    seen_cites = Counter(use.start for use in cite_uses(scan))
    for command in scan.commands:
        if command.start in seen_cites:
            mark = f" {CITE} " if seen_cites[command.start] <= LUMP else " "
            cuts.append((Span(command.start, scan.arguments(command)[2]), mark))
        elif command.name in _REFERRING:
            cuts.append((Span(command.start, scan.arguments(command, 1)[2]), f" {REF} "))
        elif command.name in _DROPPED:
            limit = 0 if command.name == "item" else 3
            cuts.append((Span(command.start, scan.arguments(command, limit)[2]), "\n\n" if not limit else " "))
        elif command.name in {"begin", "end"}:
            cuts.append((Span(command.start, scan.arguments(command, 1)[2]), "\n\n"))
        elif command.name == "measured" and len(groups := scan.arguments(command, 2)[1]) == 2:
            cuts.append((Span(command.start, groups[1].start), ""))
    return plain(_replace(scan.text, cuts))


def _replace(text: str, cuts: list[tuple[Span, str]]) -> str:
    parts: list[str] = []
    done = 0
    for span, instead in sorted(cuts, key=lambda cut: (cut[0].start, -cut[0].end)):
        if span.start >= done:
            parts += [text[done : span.start], instead]
            done = span.end
    return "".join([*parts, text[done:]])


@remembered
def plain(text: str) -> str:
    """Return LaTeX inline markup as Unicode; a percent sign stays `\\%`, so that comments cannot come back."""
    text = _ACCENT.sub(_accent, text)
    text = text.replace("\\\\", " ").replace("---", "—").replace("--", "–")
    text = text.replace("``", "“").replace("''", "”").replace("~", " ").replace("\\$", " ").replace("$", "")
    text = re.sub(r"\\[,;:! ]", " ", text)
    text = _SYMBOL.sub(lambda m: _LETTERS[m.group(1)], text)
    text = re.sub(r"\\([&_#{}])", r"\1", text)
    text = _HEADING.sub("\n\n", text)
    text = _COMMAND.sub("", text)
    text = re.sub(r"(?<!\\)%", r"\\%", text).replace("{", "").replace("}", "").replace("\\(", "").replace("\\)", "")
    text = text.replace("+/-", "±").replace("+-", "±")
    text = re.sub(r"\n[ \t]*\n\s*", "\n\n", _SPACES.sub(" ", text))
    return unicodedata.normalize("NFC", text).strip()


def _accent(found: re.Match[str]) -> str:
    mark = found.group(1) or found.group(4)
    letter = (found.group(2) or found.group(3) or found.group(5)).lstrip("\\")
    return unicodedata.normalize("NFC", letter + _COMBINING[mark])


@remembered
def sentences(prose: str) -> tuple[str, ...]:
    """Return the sentences of prose, blanks collapsed, fragments without a letter left out."""
    found = (" ".join(prose[s.start : s.end].split()) for s in sentence_spans(prose))
    return tuple(s for s in found if re.search(r"[^\W\d_]", s))


def is_number_list(paragraph: str) -> bool:
    """Tell whether a paragraph lists numbers and hardly says a word of them."""
    numbers = len(re.findall(r"\d+(?:[.,]\d+)*", paragraph))
    words = set(re.findall(r"[^\W\d_]{2,}", paragraph.lower()))
    return numbers >= 6 and len(words) < 0.6 * numbers


_WORD = re.compile(r"[^\W\d_]+(?:['’][a-z]+)?|\d+(?:[.,]\d+)*")


@remembered
def tokens(prose: str) -> tuple[str, ...]:
    """Return words and numbers in lower case, accents folded, citations left out."""
    text = prose.replace(CITE, " ").replace(REF, " ")
    if not text.isascii():
        text = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return tuple(_WORD.findall(text.lower()))


_MARKS = re.compile(r"[\u0300-\u036f]")


_GENERIC_WORDS = (
    "the and for with that this are was were from have has been its not can our their they which also than into "
    "these "
    "those such other more most between over under using used use show shows shown based both each may here will "
    "would "
    "could should some any all only very much many one two three first second there where when while but however "
    "thus "
    "therefore work paper study research result results limitation limitations future approach method methods "
    "further "
    "section discuss important several various aspects issue issues address addressed remain remains areas area "
    "about "
    "certain possible potential like other what how why who because against within without per via etc did does done "
    "had being them then she his her you your out off own same too just it is we an of to in on by as at be or if no"
)
GENERIC = frozenset(_GENERIC_WORDS.split())


@remembered
def stems(prose: str) -> frozenset[str]:
    """Return the content words cut to a stem of at most six letters, British spelling folded into American."""
    found = (word for word in tokens(prose) if len(word) > 3 and word not in GENERIC and word[0].isalpha())
    return frozenset({stem(word) for word in found})


@remembered
def stem(word: str) -> str:
    """Return a rough stem: what inflection and spelling variants of a word share."""
    word = word.replace("isa", "iza").replace("ise", "ize").replace("isi", "izi").replace("our", "or")
    for ending in ("ations", "ation", "ings", "ing", "ied", "ies", "ed", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    return word[:6]
