"""Checks of what is claimed: by words, against the numbers and against each other."""

from __future__ import annotations

import re
from itertools import pairwise

from peercycle.agents.reviewers.rubric.check_tables import Arms, arms_of, better, mentions
from peercycle.agents.reviewers.rubric.check_uncertainty import named_tests
from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.prose import CITE, REF
from peercycle.agents.reviewers.rubric.quantities import P_VALUE, estimates
from peercycle.agents.reviewers.rubric.significance import is_small, significance_fault, unmeasured_p
from peercycle.core.numerals import printed_numbers

ABSOLUTE = re.compile(
    r"\b(?:prov(?:es?|ed|en) (?:that|conclusively|beyond|to)|proof that|conclusively|definitive(?:ly)?|undeniabl\w+|"
    r"unquestionabl\w+|undoubtedly|without (?:any )?(?:doubt|exception|question)|beyond (?:any )?(?:reasonable "
    r")?doubt|"
    r"guarantee\w*|solv(?:es?|ed) the problem|in (?:all|every|any) (?:\w+ )?(?:case|setting|domain|condition|"
    r"situation|"
    r"context|field|task|language|circumstance|population|environment)s?|always|never fails?|universal(?:ly)?|"
    r"unprecedented|groundbreaking|ground-breaking|revolution\w*|breakthrough|dramatic(?:ally)?|"
    r"perfect(?:ly)?|flawless(?:ly)?|first (?:ever|time in history)|for the first time|paradigm[- ]shift\w*|"
    r"state[- ]of[- ]the[- ]art|far superior|vastly|massive(?:ly)?|huge(?:ly)?|remarkabl[ey]|"
    r"extraordinar\w+|clearly (?:shows?|proves?|demonstrates?|superior)|establish(?:es)? (?:beyond|once and for "
    r"all|that)|"
    r"any (?:other )?(?:known )?(?:existing )?(?:method|approach|system|model)s?|all (?:other |known |existing "
    r")?(?:methods|"
    r"approaches|baselines|systems|competitors)|the only (?:method|way|approach)|completely (?:eliminat|solv|"
    r"remov|explain)\w+|"
    r"fully (?:solv|explain|eliminat)\w+|certain(?:ly)? (?:cause|prove|show)\w*|everywhere|whatsoever|cures?|cured|"
    r"causes? (?:the|a|an)\b|is caused by|causal(?:ly)? (?:effect|link|relation\w*|responsible|cause\w*))",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:not|no|n['’]t|cannot|nor|neither|whether|if|may|might|could|would|should|rarely|hardly|does|"
    r"did not)\b",
    re.IGNORECASE,
)
COMPARING = re.compile(
    r"\b(?:outperform\w*|surpass\w*|exceed\w*|beats?|superior|better|worse|best|worst|higher|lower|faster|slower|"
    r"greater|"
    r"improv\w+|reduc(?:es|ed|tion)|increas\w+|decreas\w+|gains?|gained|significant(?:ly)?|larger|smaller|more "
    r"accurate|"
    r"fewer|longer|shorter|doubled|halved|rose|fell|stronger|weaker|differ(?:s|ed|ence)?)\b",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:we|our|ours|this (?:study|paper|work)|the proposed|proposed)\b", re.IGNORECASE)
_DISCLAIMED = re.compile(r"\b(?:cannot|can ?not|could not|may not) (?:be|tell|say|show|follow)\b", re.IGNORECASE)
"""Denies that anything follows: no claim that evidence must stand behind."""
_STATISTIC = re.compile(r"\b(?:statistically )?significan(?:t(?:ly)?|ce)\b", re.IGNORECASE)


def claims_have_numbers(i: Inspection) -> Finding:
    """A comparison that the paper draws comes with a number, a reference to a float, or a citation."""
    name = "comparisons-have-evidence"
    claims: list[tuple[str, str, bool]] = []
    for part in i.paper.of("abstract", "results", "discussion", "conclusion", "other"):
        for before, line, after in _windows(part.sentences):
            if (
                COMPARING.search(line)
                and not _DISCLAIMED.search(line)
                and (_OWN.search(line) or part.role in {"results", "abstract"})
            ):
                claims.append((part.heading, line, any(map(_has_evidence, (line, after, before)))))
    if not claims and not _not_shown(i):
        return nothing_there(name, "the paper draws no comparison", absent=1.0)
    bare = [(where, line) for where, line, supported in claims if not supported]
    faults = [Fault(f"without a number or reference: {line[:160]!r}", where, weight=0.5) for where, line in bare]
    evidence = f"{len(claims) - len(bare)} of {len(claims)} comparisons come with evidence"
    return Finding(name, evidence, tuple(faults + _not_shown(i)))


_UNSHOWN = re.compile(
    r"\b(?:data|results?|figures?|tables?)?\s?\(?(?:not|never) (?:shown|reported) ?(?:here)?\)", re.IGNORECASE
)


def _not_shown(i: Inspection) -> list[Fault]:
    """Find results that are stated and, in brackets, said not to be shown."""
    lines = [(p.heading, line) for p in i.paper.parts if p.role != "related" for line in p.sentences]
    return [
        Fault(f"a result is claimed and not shown: {line[:160]!r}", where)
        for where, line in lines
        if _UNSHOWN.search(line) and any(printed_numbers(line))
    ]


def _windows(lines: tuple[str, ...]) -> list[tuple[str, str, str]]:
    around = ["", *lines, ""]
    return list(zip(around, lines, around[2:], strict=False))


def _has_evidence(line: str) -> bool:
    return REF in line or CITE in line or bool(estimates(line)) or any(printed_numbers(line))


def claims_are_measured(i: Inspection) -> Finding:
    """No sentence claims what no study of samples can show: proofs, guarantees, every case, causes, superlatives."""
    name = "claims-are-measured"
    faults: list[Fault] = []
    read = 0
    for part in i.paper.parts:
        if part.role in {"references", "related", "aside"}:
            continue
        for line in part.sentences:
            read += 1
            if CITE in line and part.role == "introduction":
                continue
            for claim in _absolute(line):
                faults.append(Fault(f"{claim!r} claims more than samples can show: {line[:160]!r}", part.heading))
    if not read:
        return nothing_there(name, "there is no text")
    return Finding(name, f"{len(faults)} absolute claims in {read} sentences", tuple(faults))


def _absolute(line: str) -> tuple[str, ...]:
    """Return the words of a sentence that claim what no samples can show, those behind a hedge left out."""
    found = ABSOLUTE.finditer(line)
    return tuple(m.group() for m in found if not _HEDGE.search(line[max(0, m.start() - 30) : m.start()]))


def significance_holds(i: Inspection) -> Finding:
    """Called significant is what a p-value or an interval beside it makes so."""
    name = "significance-has-a-test"
    faults: list[Fault] = []
    used = 0
    tested = bool(named_tests(i.paper))
    for part in i.paper.of("abstract", "results", "discussion", "conclusion", "introduction", "other"):
        for before, line, after in _windows(part.sentences):
            if not _STATISTIC.search(line):
                continue
            used += 1
            wrong = significance_fault(line, f"{before} {after}")
            if not wrong and not tested and P_VALUE.search(line):
                wrong = "a p-value of no test that the paper names"
            if not wrong and CITE not in line and unmeasured_p(line, i.results):
                wrong = "a p-value that no test of these experiments gave"
            faults += (
                [Fault(f"{wrong}: {line[:160]!r}", part.heading, "evidence" if "no test" in wrong else "text")]
                if wrong
                else []
            )
    faults += [Fault(text, where) for text, where in _unnamed_contradictions(i)]
    if not used and not faults:
        return nothing_there(name, "nothing is called significant", absent=1.0)
    return Finding(
        name, f"{used - len(faults)} of {used} statements of significance agree with a test", tuple(faults)
    )


def _unnamed_contradictions(i: Inspection) -> list[tuple[str, str]]:
    """A sentence that denies a difference beside a tiny p-value, or asserts one beside a large one."""
    found: list[tuple[str, str]] = []
    for part in i.paper.of("abstract", "results", "discussion", "conclusion"):
        for line in part.sentences:
            p = [m for m in P_VALUE.finditer(line) if m.group("relation") in {"=", "<"}]
            if len(p) != 1 or _STATISTIC.search(line):
                continue
            if is_small(p[0]) and re.search(
                r"\bno (?:\w+ )?(?:difference|effect|change|association|evidence)\b", line, re.I
            ):
                found.append((f"denies an effect beside {p[0].group()!r}", part.heading))
    return found


_OVER = (
    r"outperform\w*|beats?|beat|surpass\w*|exceed\w*|overt[ao]\w+|dominat\w+|(?:is|was|were|are|performs?|"
    r"performed|did|does|"
    r"fared|fares?|scores?|scored|works?|worked|came out|remains?|proved)\s(?:\w+\s){0,2}?(?:better|superior|"
    r"stronger|more accurate)\s?(?:than|to)"
)
_UNDER = (
    r"underperform\w*|trail\w*|lags? behind|lagged behind|falls? behind|fell behind|loses? to|lost to|(?:is|was|"
    r"were|are|"
    r"performs?|performed|did|does|fared|scores?|scored|works?|worked|remains?)\s(?:\w+\s){0,2}?(?:worse|inferior|"
    r"weaker|less accurate)\s?(?:than|to)"
)
_HIGHER = (
    r"(?:\w+\s){0,4}?(?:higher|greater|larger|longer|taller|heavier|hotter|warmer|older|more)\s(?:\w+\s){0,4}?than|"
    r"(?:lies|lay|is|was) above"
)
_LOWER = (
    r"(?:\w+\s){0,4}?(?:lower|smaller|shorter|fewer|less|cooler|colder|lighter|younger)\s(?:\w+\s){0,4}?than|"
    r"(?:lies|lay|is|was) below"
)
_RELATIONS = tuple(
    (sign, by_quality, re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE))
    for sign, by_quality, pattern in ((1, True, _OVER), (-1, True, _UNDER), (1, False, _HIGHER), (-1, False, _LOWER))
)


def directions_hold(i: Inspection) -> Finding:
    """`A outperforms B` is said one way throughout, and as the tables or measurements have it."""
    name = "comparisons-point-one-way"
    arms = arms_of(i)
    said: dict[tuple[str, str, bool], set[int]] = {}
    faults: list[Fault] = []
    checked = 0
    for part in i.paper.parts:
        for line in part.sentences if part.role not in {"related", "references"} else ():
            for a, b, sign, by_quality in compared(line, arms):
                checked += 1
                (first, second), direction = ((a, b), sign) if a < b else ((b, a), -sign)
                known = said.setdefault((first, second, by_quality), set())
                if -direction in known:
                    faults.append(Fault(f"contradicts what is said elsewhere: {line[:160]!r}", part.heading))
                known.add(direction)
                truth = _truth(i, first, second, by_quality=by_quality)
                if truth and truth != direction:
                    faults.append(Fault(f"the numbers say the opposite: {line[:160]!r}", part.heading))
    if not checked:
        return nothing_there(name, "no sentence compares two named arms", absent=1.0)
    return Finding(name, f"{checked} comparisons of named arms, {len(faults)} point the wrong way", tuple(faults))


def compared(line: str, arms: Arms) -> list[tuple[str, str, int, bool]]:
    """Return `(A, B, direction, by quality)` for each comparison between two neighbouring names in a sentence."""
    found = mentions(line, arms)
    out: list[tuple[str, str, int, bool]] = []
    for (_, end, a), (start, _, b) in pairwise(found):
        between = line[end:start]
        if a == b or len(between) > 90 or re.search(r"\b(?:not|n['’]t|neither|nor)\b|;", between):
            continue
        hits = [(sign, quality) for sign, quality, pattern in _RELATIONS if pattern.search(between)]
        if hits and (hits[0][1] or not _VAGUE.search(between)):
            out.append((a, b, *hits[0]))
    return out


_VAGUE = re.compile(r"\b(?:costs? \w+, )?(?:less|more) than\b", re.IGNORECASE)
"""More or less of what, the words do not say."""


def _truth(i: Inspection, a: str, b: str, *, by_quality: bool) -> int:
    """Return which of two arms has the higher (or better) numbers: 1, -1, or 0 where the numbers do not agree."""
    signs: set[int] = set()
    for table in i.paper.tables:
        for index in range(1, table.columns):
            column = {label: cell.value for label, cell in table.column(index)}
            x, y = column.get(a), column.get(b)
            if x is not None and y is not None and x != y:
                if min(x, y) < 0 and not by_quality:
                    return 0  # `larger` may speak of size or of sign
                polarity = better(table, index) if by_quality else 1
                signs.add(polarity * (1 if x > y else -1))
    return signs.pop() if len(signs) == 1 else 0
