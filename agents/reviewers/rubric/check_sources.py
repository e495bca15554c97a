"""Checks of what a paper takes from others: citations, attributions, borrowed text and numbers."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.citing import QUOTED
from peercycle.agents.reviewers.rubric.copied import is_telling
from peercycle.agents.reviewers.rubric.findings import Fault, Finding, not_given, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.paper import OWN_RESULTS
from peercycle.agents.reviewers.rubric.prose import CITE, plain, tokens
from peercycle.agents.reviewers.rubric.quoting import altered_quotations
from peercycle.core.numerals import printed_numbers
from peercycle.core.result_numbers import result_numbers

RUN = 10
"""So many words in a row of another's abstract are no coincidence."""


def citations_exist(i: Inspection) -> Finding:
    """Every cited key has an entry."""
    name = "citations-exist"
    if not i.submission.bibliography.entries and i.paper.bibitems is None:
        return not_given(name, "no bibliography was submitted or printed")
    cited = i.cited
    keys = list(dict.fromkeys(use.key for use in cited.uses))
    told = cited.told > 0
    if not keys:
        fault = Fault("nothing is cited")
        return Finding(name, "0 works are cited", (fault,), 0.2)
    missing = [key for key in keys if key not in cited.works]
    if not i.paper.from_latex and 2 * len(missing) > len(keys):
        return not_given(name, "the list of references could not be read from the text")
    bad = [
        c
        for c in (i.submission.check.citations if i.submission.check else ())
        if c.status in {"mismatch", "retracted"}
    ]
    faults = [Fault(f"{key!r} is cited, but has no entry") for key in missing]
    faults += [Fault(f"{c.key!r} is {c.status}: {c.detail}") for c in bad if c.key in keys]
    faults += [] if told else [Fault("no work is cited for anything that is said of it")]
    evidence = f"{len(keys) - len(missing)} of {len(keys)} cited keys have an entry"
    return Finding(name, evidence, tuple(faults), 1.0 if told else 0.2)


def citations_say_something(i: Inspection) -> Finding:
    """Works are cited where something is said of them, not in lumps, and most of the bibliography is."""
    name = "citations-say-something"
    cited = i.cited
    if not cited.works:
        return not_given(name, "no bibliography was submitted or printed")
    padded = sorted({u.key for lump in cited.lumps for u in lump} - cited.supported)
    known = len(cited.works)
    faults = [Fault(f"{len(lump)} works are cited in one lump", None) for lump in cited.lumps]
    faults += [
        Fault(f"{key!r} is cited where nothing of its title or abstract is spoken of", weight=0.5)
        for key in cited.stray
    ]
    share = len(cited.supported) / known
    faults += (
        [Fault(f"{known - len(cited.supported)} of {known} entries are never cited for anything")]
        if share < 0.5
        else []
    )
    evidence = (
        f"{len(cited.supported)} of {known} entries are cited where their subject is spoken of; "
        f"{len(cited.lumps)} lumps, "
        f"{len(padded)} entries cited in lumps only, {len(cited.stray)} off their subject"
    )
    told = len(cited.supported)
    return Finding(name, evidence, tuple(faults), 0.5 + 0.5 * told / (told + 1))


_ATTRIBUTION = re.compile(
    r"\b(?:previous(?:ly)?|prior|earlier|recent|existing|other|several|many|numerous|most)\s(?:\w+\s)?(?:stud(?:y|"
    r"ies)|work|works|"
    r"research|authors|researchers|papers|approaches|experiments|surveys|trials|"
    r"investigations)\b(?=[^.]{0,60}\b(?:show|found|"
    r"find|report|suggest|argue|demonstrat|propos|observ|establish|have|has|use))|\bet al\b|\bit (?:is|has been) "
    r"(?:well[- ])?"
    r"(?:known|established|shown|reported|argued)\b|\b(?:studies|researchers|scholars) (?:have|show|report|argue|"
    r"found)",
    re.IGNORECASE,
)


_PRINTED_CITATION = re.compile(r"[(,]\s?(?:19|20)\d\d[a-z]?\b[^()]{0,80}\)|\[\d")
"""A citation of a form that was not read as one, in text without LaTeX."""


def attributions_are_cited(i: Inspection) -> Finding:
    """A sentence that speaks of others' work cites it, and the paper places itself by citations."""
    name = "attributions-are-cited"
    faults: list[Fault] = []
    spoken = 0
    for part in i.paper.body:
        for line in part.sentences:
            if part.role != "aside" and _ATTRIBUTION.search(line):
                spoken += 1
                if CITE not in line and (i.paper.from_latex or not _PRINTED_CITATION.search(line)):
                    faults.append(Fault(f"speaks of others' work and cites none: {line[:160]!r}", part.heading))
    faults += [Fault(text) for text in _wrong_names(i)]
    cited = i.cited
    if not cited.told:
        faults.append(Fault("the paper cites nothing for what it says"))
    credit = 0.4 + 0.6 * cited.telling / (cited.telling + 3)
    evidence = f"{cited.told} citations say something of their work; {spoken} sentences speak of others' work by name"
    return Finding(name, evidence, tuple(faults), credit)


_NAMED = re.compile(
    r"(?<![\w’'-])(?P<name>[A-Z][\w’'-]{3,40})(?:\s(?:et al\.|and (?:others|[A-Z][\w’'-]{1,40})))?[~\s]?\\cite\w*\s*\{(?P<key>[^{},]+)\}"
)


def _wrong_names(i: Inspection) -> list[str]:
    """Find `Koch et al. [7]` where 7 is not by Koch, and another entry is."""
    families = {
        e.key: {a.split()[-1].lower() for a in e.authors if a.split()} for e in i.submission.bibliography.entries
    }
    known = frozenset[str]().union(*families.values())
    faults: list[str] = []
    for m in _NAMED.finditer(i.paper.scan.text):
        name, key = m.group("name").lower(), m.group("key").strip()
        if name in known and families.get(key) and name not in families[key]:
            faults.append(
                f"{m.group('name')!r} stands before {key!r}, which is by {', '.join(sorted(families[key]))}"
            )
    return faults


def text_is_own(i: Inspection) -> Finding:
    """No run of ten words or more is an abstract's without quotation marks, and what stands in them is the source's."""
    name = "text-is-own"
    abstracts = {e.key: tokens(plain(e.abstract)) for e in i.submission.bibliography.entries if e.abstract}
    if not abstracts:
        return not_given(name, "no abstracts were submitted")
    where: dict[tuple[str, ...], str] = {}
    for key, words in abstracts.items():
        for at in range(len(words) - RUN + 1):
            where.setdefault(words[at : at + RUN], key)
    faults: list[Fault] = []
    taken = 0
    for part in i.paper.parts:
        words = tokens(QUOTED.sub(" ¶ ", part.prose))
        for begin, end in _runs(words, where):
            taken += end - begin
            key = where[words[begin : begin + RUN]]
            text = " ".join(words[begin : begin + 14])
            faults.append(
                Fault(
                    f"{end - begin} words in a row are those of {key!r}: {text!r}",
                    part.heading,
                    weight=(end - begin) / RUN,
                )
            )
    altered = altered_quotations(i)
    evidence = (
        f"{len(faults)} runs of {RUN} or more words ({taken} words) shared with {len(abstracts)} abstracts; "
        f"{len(altered)} quotations altered or without their source"
    )
    return Finding(name, evidence, (*faults, *altered))


def _runs(words: tuple[str, ...], known: dict[tuple[str, ...], str]) -> list[tuple[int, int]]:
    """Return maximal stretches of `words` all of whose windows are known."""
    runs: list[tuple[int, int]] = []
    for at in range(len(words) - RUN + 1):
        if words[at : at + RUN] in known:
            if runs and at < runs[-1][1]:
                runs[-1] = (runs[-1][0], at + RUN)
            else:
                runs.append((at, at + RUN))
    return runs


def numbers_are_own(i: Inspection) -> Finding:
    """No number of a source's abstract stands among the paper's own results without a citation."""
    name = "numbers-are-own"
    theirs: dict[object, str] = {}
    for e in i.submission.bibliography.entries:
        for n in printed_numbers(plain(e.abstract or "")):
            if is_telling(n.number):
                theirs.setdefault((n.number.value, n.number.last), e.key)
    if not theirs:
        return not_given(name, "no abstract that was submitted states a number")
    bound = {n.shown for n in i.numbers if n.status in {"bound", "simulated", "by_value"}}
    faults: list[Fault] = []
    read = 0
    for part in i.paper.parts:
        for line in part.sentences if part.role in OWN_RESULTS else ():
            for n in result_numbers(line, []):
                read += 1
                key = theirs.get((n.number.value, n.number.last))
                if key and CITE not in line and n.shown not in bound:
                    faults.append(
                        Fault(f"{n.shown!r} is a number of {key!r}, given here without citing it", part.heading)
                    )
    if not read:
        return nothing_there(name, "no own number is stated", absent=1.0)
    return Finding(name, f"{len(faults)} of {read} own numbers are those of a source and cite none", tuple(faults))
