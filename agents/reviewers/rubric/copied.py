"""A submission without the numbers that it copied from its sources, so that no check can hold because of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from peercycle.agents.reviewers.rubric.plain_text import looks_like_latex
from peercycle.agents.reviewers.rubric.prose import plain, stem
from peercycle.core.citations import cite_uses
from peercycle.core.latex_scan import LatexScan, Span, scan_latex, span_at
from peercycle.core.literature import Bibliography
from peercycle.core.numerals import Numeral, printed_numbers
from peercycle.core.result_numbers import blank_non_prose, table_spans
from peercycle.core.reviews import Submission
from peercycle.core.sentences import sentence_spans

INSTEAD = "several"
"""Stands where a copied number stood: the sentence and its citation still say what they say."""
COPIED_SHARE = 0.5
"""A table with this share of copied numbers is left out whole."""
_WORDS = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
_WORD_VALUES = {word: n for n, word in enumerate(_WORDS.split(), 2)}
_WORD_NUMBER = re.compile(rf"\b(?:{'|'.join(_WORD_VALUES)})\b", re.IGNORECASE)
_NEXT = re.compile(r"[\s~-]{0,2}(?:\\%\s?)?([A-Za-z]{3,})")
_FLOAT = re.compile(r"\\begin\{(table\*?|sidewaystable)\}.*?\\end\{\1\}", re.DOTALL)
_PIPE_ROW = re.compile(r"(?m)^[^\S\n]*\|.*\|[^\S\n]*$")


@dataclass(frozen=True, slots=True)
class Sources:
    """The numbers that the abstracts of a bibliography state."""

    telling: frozenset[tuple[Decimal, int]]
    """Value and place of the last digit of those that nobody gives by chance."""
    counting: frozenset[tuple[Decimal, str]]
    """Value and the word behind it of every one."""
    by_key: dict[str, frozenset[Decimal]]


def sources_of(bibliography: Bibliography) -> Sources:
    """Read the numbers of every abstract, those in words too."""
    telling: set[tuple[Decimal, int]] = set()
    counting: set[tuple[Decimal, str]] = set()
    by_key: dict[str, frozenset[Decimal]] = {}
    for entry in bibliography.entries:
        text = plain(entry.abstract or "")
        found = list(printed_numbers(text))
        telling.update((n.number.value, n.number.last) for n in found if is_telling(n.number))
        said = [(n.number.value, n.end) for n in found] + list(_in_words(text))
        counting.update((value, word) for value, end in said if (word := _word_after(text, end)))
        by_key[entry.key] = frozenset(value for value, _ in said)
    return Sources(frozenset(telling), frozenset(counting), by_key)


def is_telling(number: Numeral) -> bool:
    """Tell whether nobody gives a number by chance: three digits that say something, two with decimals, a percentage."""
    return number.significant >= 3 or (not number.integral and number.significant >= 2) or number.percent


def _in_words(text: str) -> Iterator[tuple[Decimal, int]]:
    for m in _WORD_NUMBER.finditer(text):
        yield Decimal(_WORD_VALUES[m.group().lower()]), m.end()


def _word_after(text: str, end: int) -> str:
    found = _NEXT.match(text, end)
    return stem(found.group(1).lower()) if found else ""


def without_copied(submission: Submission) -> Submission | None:
    """Return the submission with every number of a source taken out, or None where it states none.

    A number is a source's where an abstract that was submitted states it and it is telling, where both say it of one
    thing, or where its sentence cites that work. What is bound to a measurement is the paper's own.
    """
    sources = sources_of(submission.bibliography)
    if not any(sources.by_key.values()):
        return None
    manuscript = submission.manuscript
    if manuscript is None:
        text = submission.text or ""
        masked = _masked(text, sources, uncited=_cites_for_numbers((text,), sources))
        return None if masked == text else submission.model_copy(update={"text": masked})
    texts = (manuscript.abstract, *(s.body for s in manuscript.sections))
    uncited = _cites_for_numbers(texts, sources)
    abstract, *bodies = (_masked(text, sources, uncited=uncited) for text in texts)
    if (abstract, *bodies) == texts:
        return None
    sections = tuple(s.model_copy(update={"body": body}) for s, body in zip(manuscript.sections, bodies, strict=True))
    parts = {"abstract": abstract, "sections": sections}
    return submission.model_copy(update={"manuscript": manuscript.model_copy(update=parts)})


def _cites_for_numbers(texts: tuple[str, ...], sources: Sources) -> bool:
    """Tell whether half of the sentences that cite, or more, state a source's number: such a paper cites for it."""
    citing = beside = 0
    for text in texts:
        scan = scan_latex(text)
        spans = sentence_spans(scan.text)
        sentences = {span_at(spans, use.start) for use in cite_uses(scan)} - {None}
        citing += len(sentences)
        beside += len(sentences & {span_at(spans, start) for start, _ in _copied(scan, sources)})
    return 0 < citing <= 2 * beside


def _masked(text: str, sources: Sources, *, uncited: bool) -> str:
    """Return a text without its copied numbers and, where `uncited`, without the citations in their sentences."""
    given = text
    if not looks_like_latex(text):
        text = _without_pipe_rows(re.sub(r"(?<!\\)%", r"\\%", text), sources)
    text = _without_tables(text, sources)
    scan = scan_latex(text)
    found = _copied(scan, sources)
    if not found and text.replace("\\%", "%") == given.replace("\\%", "%"):
        return given
    cuts = [(start, end, INSTEAD) for start, end in found]
    if uncited:
        spans = sentence_spans(scan.text)
        sentences = {span_at(spans, start) for start, _ in found} - {None}
        starts = {use.start for use in cite_uses(scan) if span_at(spans, use.start) in sentences}
        cuts += [(c.start, scan.arguments(c)[2], "") for c in scan.commands if c.start in starts]
    for start, end, instead in sorted(cuts, reverse=True):
        text = f"{text[:start]}{instead}{text[end:]}"
    return text


def _copied(scan: LatexScan, sources: Sources) -> set[tuple[int, int]]:
    """Return where copied numbers stand, with a sign or percent sign that belongs to them."""
    prose = blank_non_prose(scan)
    listed = prose.find("\\begin{thebibliography}")
    prose = prose if listed < 0 else prose[:listed]
    spans = sentence_spans(prose)
    stated = [(n.start, n.end, n.number.value, _tells(n.number, sources)) for n in printed_numbers(prose)]
    stated += [
        (m.start(), m.end(), Decimal(_WORD_VALUES[m.group().lower()]), False) for m in _WORD_NUMBER.finditer(prose)
    ]
    beside: dict[Span | None, frozenset[Decimal]] = {}
    for use in cite_uses(scan):
        _join(beside, span_at(spans, use.start), sources.by_key.get(use.key, frozenset()))
    for start, _, value, telling in stated:
        for numbers in sources.by_key.values() if telling else ():
            # Whoever copies one number of a source into a sentence has the others beside it from there too.
            _join(beside, span_at(spans, start), numbers if value in numbers else frozenset())
    found: set[tuple[int, int]] = set()
    for start, end, value, telling in stated:
        near = beside.get(span_at(spans, start), frozenset())
        if telling or value in near or (value, _word_after(prose, end)) in sources.counting:
            found.add((start, end))
    return found


def _join(beside: dict[Span | None, frozenset[Decimal]], span: Span | None, numbers: frozenset[Decimal]) -> None:
    if span is not None:
        beside[span] = beside.get(span, frozenset()) | numbers


def _tells(number: Numeral, sources: Sources) -> bool:
    return is_telling(number) and (number.value, number.last) in sources.telling


def _without_tables(text: str, sources: Sources) -> str:
    """Take out tables most of whose numbers are copied, with the float around them where it holds no other."""
    tables = table_spans(scan_latex(text))
    copied = {table for table in tables if _is_copied_table(text, table, sources)}
    cuts: set[tuple[int, int]] = set()
    floats = [m.span() for m in _FLOAT.finditer(text)] if copied else []
    for table in copied:
        holder = next(((a, b) for a, b in floats if a <= table.start < b), None)
        alone = holder and copied.issuperset(t for t in tables if holder[0] <= t.start < holder[1])
        cuts.add(holder if holder and alone else (table.start, table.end))
    for start, end in sorted(cuts, reverse=True):
        text = text[:start] + text[end:]
    return text


def _is_copied_table(text: str, table: Span, sources: Sources) -> bool:
    prose = blank_non_prose(scan_latex(text[table.start : table.end]))
    return _is_mostly_copied(prose, text.count("\\measured", table.start, table.end), sources)


def _without_pipe_rows(text: str, sources: Sources) -> str:
    def change(m: re.Match[str]) -> str:
        return "" if _is_mostly_copied(plain(m.group()), 0, sources) else m.group()

    return _PIPE_ROW.sub(change, text)


def _is_mostly_copied(prose: str, own: int, sources: Sources) -> bool:
    numbers = [n.number for n in printed_numbers(prose)]
    copied = sum(_tells(n, sources) for n in numbers)
    return copied > 0 and copied >= COPIED_SHARE * (len(numbers) + own)
