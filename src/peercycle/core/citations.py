"""Which works a text cites, and what its bibliography says of them. Nothing here asks the network."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from peercycle.core.latex_scan import LatexScan, Span, scan_latex, span_at
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.sentences import sentence_spans
from peercycle.core.writing import CitationCheck, CitingSentence, Manuscript

_CITE = re.compile(
    r"(?:[Cc]ite(?:p|t|alp|alt|author|year|yearpar|title|num|text|url|date|fullauthor|authorpar|s|online|fp|tp)?"
    r"|[Cc]ite(?:alp|alt|author|p|t)s?|[Pp]arencites?|[Tt]extcites?|[Aa]utocites?|[Ss]martcites?|[Ff]ootcites?"
    r"|[Ff]ootcitetexts?|[Ss]upercites?|[Ff]ullcite|[Ff]ootfullcite|[Nn]otecite|[Pp]nocite|[Vv]olcite|[Ff]tvolcite"
    r"|citeA|citeNP|citeANP|shortcite|shortciteA|onlinecite|possessivecite|citeposs)"
)
_MULTIPLE = re.compile(
    r"(?:[Cc]ites|[Pp]arencites|[Tt]extcites|[Aa]utocites|[Ss]martcites|[Ff]ootcites|[Ss]upercites)"
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_MARKUP = re.compile(r"\\[A-Za-z@]+\*?|[{}$~\\]")
_STOP_WORDS = (
    "the and for with that this are was were from have has been its not can our their they which also than into "
    "these those such other more most between over under using used use show shows shown based both each may here"
)
_STOP = frozenset(_STOP_WORDS.split())
_LONGEST = 400
_MOST_SENTENCES = 20
"""Sentences that are kept for one work."""


@dataclass(frozen=True, slots=True)
class CiteUse:
    """One key in one citation command; `lump` tells how many keys the command has."""

    key: str
    start: int
    lump: int


def cite_uses(scan: LatexScan) -> tuple[CiteUse, ...]:
    """Return every cited key in order, repetitions included; `*` and `\\nocite` cite nothing."""
    uses: list[CiteUse] = []
    for command in scan.commands:
        if _CITE.fullmatch(command.name) is None:
            continue
        groups = _key_groups(scan, command.end, multiple=_MULTIPLE.fullmatch(command.name) is not None)
        keys = [key for group in groups for part in scan.at(group).split(",") if (key := " ".join(part.split()))]
        uses += [CiteUse(key, command.start, len(keys)) for key in keys if key != "*"]
    return tuple(uses)


def _key_groups(scan: LatexScan, position: int, *, multiple: bool) -> list[Span]:
    """Return the groups that hold keys: one, or one after each pair of optional arguments for `\\cites`."""
    position += scan.text.startswith("*", position)
    groups: list[Span] = []
    while True:
        for _ in range(2):
            if (option := scan.group(position, "[")) is not None:
                position = option.end + 1
        group = scan.group(position)
        if group is None:
            return groups
        groups.append(group)
        position = group.end + 1
        if not multiple:
            return groups


def citation_keys(latex: str) -> tuple[str, ...]:
    """Return the cited keys, each once, in the order of their first citation."""
    return tuple(dict.fromkeys(use.key for use in cite_uses(scan_latex(latex))))


def words_of(text: str) -> Counter[str]:
    """Return the content words of a text, lower case, without markup, and how often each occurs."""
    plain = _MARKUP.sub(" ", text).lower()
    return Counter(word for word in _WORD.findall(plain) if word not in _STOP)


def check_citations(manuscript: Manuscript, bibliography: Bibliography) -> tuple[CitationCheck, ...]:
    """Return one finding per cited key: in the bibliography or missing, citing sentences, the nearest passages."""
    works: dict[str, Reference] = {}
    for entry in bibliography.entries:
        works.setdefault(entry.key, entry)
    citing: dict[str, list[str]] = {}
    for latex in (manuscript.title, manuscript.abstract, *(s.body for s in manuscript.sections)):
        scan = scan_latex(latex)
        spans = sentence_spans(scan.text)
        for use in cite_uses(scan):
            span = span_at(spans, use.start)
            sentence = _shortened(" ".join(scan.at(span).split())) if span else ""
            known = citing.setdefault(use.key, [sentence])
            if sentence not in known and len(known) < _MOST_SENTENCES:
                known.append(sentence)
    return tuple(_finding(key, sentences, works.get(key)) for key, sentences in citing.items())


def _shortened(sentence: str) -> str:
    """Return a sentence up to a length, cut at a blank and not inside a command's argument."""
    if len(sentence) <= _LONGEST:
        return sentence
    cut = sentence[:_LONGEST].rpartition(" ")[0] or sentence[:_LONGEST]
    opened = cut.rfind("\\") if cut.rfind("{") > cut.rfind("}") else len(cut)
    return f"{cut[:opened].rstrip()} …"


def _finding(key: str, sentences: list[str], work: Reference | None) -> CitationCheck:
    sentence, *others = sentences
    if work is None:
        detail = "no entry of the bibliography has this key"
        return CitationCheck(key=key, status="missing", detail=detail, sentence=sentence or None)
    detail = "the entry was damaged in its file and recovered" if work.recovered else ""
    return CitationCheck(
        key=key,
        status="in_bibliography",
        detail=detail,
        sentence=sentence or None,
        support=nearest_passage(sentence, work.abstract or ""),
        others=tuple(
            CitingSentence(sentence=other, support=nearest_passage(other, work.abstract or ""))
            for other in others
            if other
        ),
    )


def nearest_passage(sentence: str, abstract: str) -> str | None:
    """Return the sentence of an abstract that shares most content words with `sentence`; None where none does.

    Shares are relative to the passage's length (Dice), so that a long passage does not win by its length.
    """
    wanted = set(words_of(sentence))
    best: tuple[float, str] | None = None
    for span in sentence_spans(abstract):
        passage = " ".join(abstract[span.start : span.end].split())
        words = set(words_of(passage))
        shared = len(words & wanted)
        score = 2 * shared / (len(words) + len(wanted)) if shared else 0.0
        if score > 0 and (best is None or score > best[0]):
            best = (score, passage[:_LONGEST])
    return best[1] if best else None
