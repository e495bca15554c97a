"""How a paper cites: which works, in what sentences, in lumps or with something said of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from peercycle.agents.reviewers.rubric.paper import Paper
from peercycle.agents.reviewers.rubric.prose import LUMP, plain, stems, tokens
from peercycle.core.citations import CiteUse, cite_uses
from peercycle.core.latex_scan import Span, span_at
from peercycle.core.literature import Bibliography
from peercycle.core.sentences import sentence_spans

QUOTED = re.compile(r"“[^”]{1,1500}”|\"[^\"]{1,1500}\"")


@dataclass(frozen=True, slots=True)
class Cited:
    """The works that a paper may cite, and how it cites them."""

    works: dict[str, str]
    """Title and abstract, by key."""
    uses: tuple[CiteUse, ...]
    lumps: tuple[tuple[CiteUse, ...], ...]
    supported: frozenset[str]
    """Keys cited outside lumps, in a sentence that shares a word with the work's title or abstract."""
    stray: tuple[str, ...]
    """Keys whose citing sentences all share none."""
    told: int
    """Citations, a key once per sentence, whose sentence shares a word with the work."""
    telling: float
    """The works, each by the share of its citations outside lumps whose sentence speaks of it."""


def read_citations(paper: Paper, bibliography: Bibliography) -> Cited:
    """Read the citations of the whole text against its bibliography, submitted or printed."""
    works = dict(paper.entries)
    printed = {} if paper.from_latex else {key: " ".join(tokens(text)) for key, text in works.items()}
    for entry in bibliography.entries:
        said = f"{entry.title}. {entry.abstract or ''} {' '.join(entry.authors)}"
        title = " ".join(tokens(plain(entry.title)))
        # Text without LaTeX has keys of its own for the same works.
        same = [key for key, text in printed.items() if title and title in text]
        for key in same:
            works[key] += f" {said}"
        if not same:
            works.setdefault(entry.key, said)
    scan = paper.scan
    uses = cite_uses(scan)
    lumps = _lumps(
        scan.text, uses, {c.start: scan.arguments(c)[2] for c in scan.commands if "cite" in c.name.lower()}
    )
    in_lump = {(u.key, u.start) for lump in lumps for u in lump}
    spans = sentence_spans(scan.text)
    fits: dict[str, list[bool]] = {}
    borrowed = _borrowed_words(bibliography)
    # Read once, however many works a sentence cites: a list of a thousand citations is one sentence.
    read: dict[Span | None, tuple[str, frozenset[str], bool]] = {}
    sought = {key: stems(works.get(key, "")) for key in {use.key for use in uses}}
    told: set[tuple[str, str]] = set()
    for use in uses:
        if (use.key, use.start) in in_lump:
            continue
        span = span_at(spans, use.start)
        if span not in read:
            text = plain(_CITING.sub(" ", scan.at(span))) if span else ""
            read[span] = text, stems(text), _is_borrowed(text, borrowed)
        sentence, spoken, pasted = read[span]
        wanted = sought[use.key]
        fit = (bool(wanted & spoken) if len(wanted) >= 3 else len(spoken) >= 3) and not pasted
        fits.setdefault(use.key, []).append(fit)
        if fit:
            told.add((use.key, sentence))
    supported = frozenset(key for key, found in fits.items() if any(found) and key in works)
    stray = tuple(key for key, found in fits.items() if not any(found) and key in works)
    # By share, not by number: one work cited after every sentence says no more than where it is spoken of.
    telling = sum(sum(found) / len(found) for found in fits.values())
    return Cited(works, uses, tuple(lumps), supported, stray, len(told), telling)


PASTED = 6
"""So many words in a row, in a sentence that is mostly such runs, are pasted."""


def _borrowed_words(bibliography: Bibliography) -> set[tuple[str, ...]]:
    """Return every run of `PASTED` words of the abstracts that were submitted."""
    found: set[tuple[str, ...]] = set()
    for entry in bibliography.entries:
        words = tokens(plain(entry.abstract or ""))
        found.update(words[at : at + PASTED] for at in range(len(words) - PASTED + 1))
    return found


def _is_borrowed(sentence: str, runs: set[tuple[str, ...]]) -> bool:
    """Tell whether most words of a sentence, quotations left out, stand in runs taken from an abstract."""
    words = tokens(QUOTED.sub(" ", sentence))
    taken: set[int] = set()
    for at in range(len(words) - PASTED + 1):
        if words[at : at + PASTED] in runs:
            taken.update(range(at, at + PASTED))
    return len(taken) > 0.6 * len(words)


_CITING = re.compile(r"\\[A-Za-z]*cite[A-Za-z]*\*?(?:\[[^\]]*\])*\{[^{}]*\}")


def _lumps(text: str, uses: tuple[CiteUse, ...], ends: dict[int, int]) -> list[tuple[CiteUse, ...]]:
    """Group citations with nothing but blanks and punctuation between them; return the groups that are too large."""
    groups: list[list[CiteUse]] = []
    for use in uses:
        last = groups[-1][-1] if groups else None
        near = last is not None and (
            last.start == use.start or not text[ends.get(last.start, last.start) : use.start].strip(" \n\t~,;.()")
        )
        groups[-1].append(use) if near else groups.append([use])
    return [tuple(group) for group in groups if len({u.key for u in group}) > LUMP]
