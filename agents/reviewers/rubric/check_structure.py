"""Checks of what a paper must contain: its parts, its method, its limitations."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, not_given, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.paper import Paper, Part
from peercycle.agents.reviewers.rubric.prose import stem, stems
from peercycle.agents.reviewers.rubric.quantities import all_values
from peercycle.agents.reviewers.rubric.roles import LIMIT_CUE, PROCEDURE_CUE
from peercycle.core.counting import counted

_NEEDED = ("abstract", "introduction", "related", "method", "results", "limitations", "conclusion")
TELLING_WORDS = 12
"""A part of fewer words tells a reader nothing."""
_SETTLES_ALSO = {"introduction": ("related",), "conclusion": ("discussion",)}


def parts_are_there(i: Inspection) -> Finding:
    """The parts that readers look for are there, none is empty, and the text does not break off."""
    name = "parts-are-there"
    paper = i.paper
    missing = [role for role in _NEEDED if not _has(paper, role)]
    faults = [Fault(f"nothing was found that serves as {role}") for role in missing]
    own = [p for p in paper.body if p.role != "aside"]
    if 0 < (told := len(paper.abstract.split())) < TELLING_WORDS:
        faults.append(Fault(f"the abstract has no more than {counted(told, 'word')}", "abstract"))
    for index, part in enumerate(own):
        if part.words < 5 and not _holds_subsections(i, part, own[index + 1 :]):
            faults.append(Fault(f"the section {part.heading!r} is empty", part.heading))
        elif part.words >= 5 and _breaks_off(part.prose):
            faults.append(Fault(f"the section {part.heading!r} breaks off: {part.prose[-60:]!r}", part.heading))
    if not paper.title.strip() and (paper.manuscript is not None or "\\documentclass" in paper.scan.text):
        faults.append(Fault("there is no title"))
    faults += [Fault(f"the {late} comes before the {early}") for early, late in _out_of_order(own)]
    evidence = f"{len(_NEEDED) - len(missing)} of {len(_NEEDED)} parts found; {len(own)} sections"
    return Finding(name, evidence, tuple(faults))


_ORDER = (("introduction", "results"), ("introduction", "conclusion"), ("results", "conclusion"),
          ("introduction", "limitations"), ("introduction", "method"), ("results", "discussion"))  # fmt: skip


def _out_of_order(parts: list[Part]) -> list[tuple[str, str]]:
    """Return the pairs of parts that a reader needs in one order and finds in the other; methods may stand last."""
    first = {part.role: at for at, part in reversed(list(enumerate(parts)))}
    last = {part.role: at for at, part in enumerate(parts)}
    return [(a, b) for a, b in _ORDER if a in first and b in last and last[b] < first[a]]


def _has(paper: Paper, role: str) -> bool:
    if role == "limitations":
        return bool(_telling_limits(paper))
    least = 1 if role == "abstract" else TELLING_WORDS
    if any(part.words >= least for part in paper.of(role)):
        return True
    if role == "related":
        return any("⟨c⟩" in part.prose for part in paper.of("introduction"))
    if role == "results":
        return bool(paper.tables) and bool(paper.of("results"))
    return any(part.words >= TELLING_WORDS for also in _SETTLES_ALSO.get(role, ()) for part in paper.of(also))


def _holds_subsections(i: Inspection, part: Part, following: list[Part]) -> bool:
    """An empty section is none where floats, displays or subsections fill it."""
    heading = re.escape(part.heading[:40])
    found = re.search(
        rf"\\section\*?\{{{heading}[^{{}}]*\}}(.{{0,4000}}?)(?=\\section|\Z)", i.paper.scan.text, re.DOTALL
    )
    return bool(following) and found is not None and re.search(r"\\subsection|\\begin\{", found.group(1)) is not None


def _breaks_off(prose: str) -> bool:
    tail = re.sub(r"(?:\s|⟨[cr]⟩)+$", "", prose)
    return re.search(r"[A-Za-z,(–-]$", tail) is not None and len(tail.rsplit("\n\n", 1)[-1].split()) >= 6


def method_is_told(i: Inspection) -> Finding:
    """What was done is described: in a section of its own, in sentences that say who did what."""
    name = "method-is-described"
    parts = i.paper.of("method")
    words = sum(p.words for p in parts)
    doing = sum(1 for p in parts for line in p.sentences if PROCEDURE_CUE.search(line))
    details = sum(len(all_values(p.prose)) for p in parts)
    if not parts or words < 8:
        return Finding(name, "no section describes what was done", (Fault("describe what was done"),), 0.0)
    credit = 0.4 * min(1.0, words / 40) + 0.4 * (1 - 0.6**doing) + 0.2 * (1 - 0.7**details)
    evidence = (
        f"{words} words in {len(parts)} sections on method; {doing} sentences say what was done, {details} figures"
    )
    short = (Fault("the method is too short to be repeated"),) if words < 25 else ()
    return Finding(name, evidence, short, 0.3 + 0.7 * credit)


def experiments_are_described(i: Inspection) -> Finding:
    """The method of each experiment that was run can be found in the text."""
    name = "experiments-are-described"
    results = i.results
    if results is None or not results.experiments:
        return not_given(name, "no experiments were submitted")
    said = [p.prose for p in i.paper.of("abstract", "introduction", "method", "results", "appendix", "other")]
    text = stems("\n".join((i.paper.title, *said, *(f.caption for f in i.paper.floats))))
    faults: list[Fault] = []
    shares: list[float] = []
    for e in results.experiments:
        wanted = stems(f"{e.question} {e.method}")
        share = len(wanted & text) / len(wanted) if wanted else 1.0
        shares.append(min(1.0, share / 0.6))
        if share < 0.35:
            faults.append(Fault(f"experiment {e.id!r} ({e.question[:80]}) is not described"))
    evidence = f"{len(shares) - len(faults)} of {len(shares)} experiments are described in their own terms"
    return Finding(name, evidence, tuple(faults), 0.6 + 0.4 * sum(shares) / len(shares))


def limitations_are_specific(i: Inspection) -> Finding:
    """The limitations name things of this study: what was not done, measured or covered."""
    name = "limitations-are-specific"
    parts = i.paper.of("limitations")
    telling = _telling_limits(i.paper)
    fault = Fault("say what was not done, not measured or not covered, in terms of this study")
    n = len(telling)
    evidence = f"{n} sentences on limitations name something of this study"
    credit = (1 - 0.55**n) * (1.0 if parts else 0.8)
    if n and not parts:
        return Finding(name, evidence + ", outside a section of their own", (), max(0.0, credit))
    return Finding(name, evidence, () if n else (fault,), min(1.0, 0.45 + 0.6 * credit) if n else 0.0)


_OWN_LIMIT = re.compile(
    r"\b(?:limitations?|caveats?|we (?:did|do|could|can) ?not|(?:was|were) not (?:\w+ )?(?:observ|measur|record|test|availab|"
    r"control|sampl|includ|collect|examin)\w*|may not (?:carry|hold|generali|apply|extend)\w*|cannot|too few|only one|remains? "
    r"(?:open|unknown|unclear|untested|a conjecture)|our (?:study|sample|data|results) (?:do|does|did|is|are|was|were) "
    r"(?:not|limited|restricted|only))",
    re.IGNORECASE,
)


def _telling_limits(paper: Paper) -> list[str]:
    """Return the sentences that say, in the terms of this study, what was not done, measured or covered.

    A section of its own counts as a whole: where it speaks of other things than the rest of the paper, single words
    in common are chance.
    """
    parts = paper.of("limitations")
    rest = [stems(line) for p in paper.parts if p.role not in {"limitations", "related"} for line in p.sentences]
    rest += [stems(f.caption) for f in paper.floats] + [stems(paper.title)]
    known = frozenset[str]().union(*rest) - _OF_ANY_STUDY
    lines = {line: stems(line) - _OF_ANY_STUDY for p in parts for line in p.sentences}
    said = frozenset[str]().union(*lines.values())
    if parts and len(said & known) < OWN_SHARE * len(said):
        return []
    if not parts:
        lines = {line: stems(line) - _OF_ANY_STUDY for line in _own_limits(paper)}
    return [line for line, words in lines.items() if LIMIT_CUE.search(line) and len(words & known) >= 2]


OWN_SHARE = 0.25
"""At least this share of the words of the limitations, those of any study left out, must occur elsewhere in the paper."""
_OF_ANY_STUDY = frozenset(
    stem(word)
    for word in (
        "examined measured tested observed studied compared found reported known unknown change changes changing group "
        "groups sample samples case cases time times condition conditions further left limited limiting general "
        "different difference differences effect effects same single small larger smaller number numbers next come came "
        "made make take taken given possible need needs used available question questions part parts point points "
        "kind kinds side sides look looked draw drawn before after year years season month week days every always"
    ).split()
)
"""Words that the limitations of any study share with it."""


def _own_limits(paper: Paper) -> list[str]:
    """Return the sentences on limits that stand outside a section of their own."""
    parts = paper.of("discussion", "conclusion")
    return [line for part in parts for line in part.sentences if _OWN_LIMIT.search(line)]


def paragraphs_belong(i: Inspection) -> Finding:
    """Every longer paragraph shares words with the rest of the paper, and none is filler."""
    name = "paragraphs-belong"
    paragraphs = [
        (p.heading, t)
        for p in i.paper.body
        if p.role != "aside"
        for t in p.prose.split("\n\n")
        if len(t.split()) >= 25
    ]
    if not paragraphs:
        return nothing_there(name, "there is no paragraph of 25 words", absent=1.0)
    counts: dict[str, int] = {}
    sets = [stems(text) for _, text in paragraphs]
    for found in [*sets, stems(i.paper.abstract + " " + i.paper.title)]:
        for word in found:
            counts[word] = counts.get(word, 0) + 1
    faults = [
        Fault(f"shares hardly a word with the rest: {text[:120]!r}", where)
        for (where, text), words in zip(paragraphs, sets, strict=True)
        if words and len(paragraphs) > 2 and sum(counts[w] > 1 for w in words) < 0.12 * len(words)
    ]
    faults += _foreign(i)
    faults += [
        Fault("a list of numbers stands there without a word", p.heading) for p in i.paper.parts if p.number_lists
    ]
    faults += [Fault(f"filler: {text!r}", p.heading) for p in i.paper.parts for text in _filler(p.prose)]
    return Finding(name, f"{len(paragraphs) - len(faults)} of {len(paragraphs)} paragraphs belong", tuple(faults))


def _filler(prose: str) -> tuple[str, ...]:
    return tuple(m.group() for m in _FILLER.finditer(prose))


FOREIGN_SHARE = 0.2


def _foreign(i: Inspection) -> list[Fault]:
    """Find sections that share hardly a word with the rest: they are about something else."""
    own = [p for p in i.paper.parts if p.role not in {"aside", "references"}]
    words = [stems(p.prose) - _OF_ANY_STUDY for p in own]
    captions = stems(" ".join(f.caption for f in i.paper.floats))
    faults: list[Fault] = []
    for at, (part, mine) in enumerate(zip(own, words, strict=True)):
        others = captions.union(*words[:at], *words[at + 1 :])
        if len(own) > 3 and len(mine) >= 12 and len(mine & others) < FOREIGN_SHARE * len(mine):
            faults.append(Fault(f"the section {part.heading!r} is about something else", part.heading))
    return faults


_FILLER = re.compile(
    r"\blorem ipsum\b|\bTODO\b|\bTBD\b|\bFIXME\b|\bXXX+\b|\?\?|\[(?:citation needed|insert [^\]]{1,40})\]|\bas an "
    r"AI\b",
    re.I,
)
