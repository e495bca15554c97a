"""Checks for what is said twice: sentences, paragraphs, tables, sections."""

from __future__ import annotations

import re
from collections import Counter

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.paper import Paper
from peercycle.agents.reviewers.rubric.prose import tokens

OFTEN = 3
"""A remark in brackets may be made so many times in the same words."""
LONG = 5
"""Sentences of fewer words repeat innocently."""


def nothing_is_repeated(i: Inspection) -> Finding:
    """No sentence, table or heading occurs twice."""
    name = "nothing-is-repeated"
    faults = _sentences(i.paper) + _tables(i.paper) + _headings(i.paper) + _captions(i.paper)
    faults += _asides(i.paper)
    lines = sum(len(p.sentences) for p in i.paper.body)
    if not lines:
        return nothing_there(name, "there is no text")
    evidence = f"{len(faults)} repetitions in {lines} sentences and {len(i.paper.tables)} tables"
    return Finding(name, evidence, tuple(faults))


def _sentences(paper: Paper) -> list[Fault]:
    index: dict[tuple[str, ...], list[int]] = {}
    shingles: list[set[tuple[str, ...]]] = []
    faults: list[Fault] = []
    for part in paper.parts:
        for line in (*part.sentences, *part.refrains):
            words = tokens(line)
            if len(words) < LONG:
                continue
            grams = {words[at : at + 4] for at in range(len(words) - 3)}
            rivals = {n for gram in grams for n in index.get(gram, ())[:20]}
            if any(len(grams & shingles[n]) >= 0.8 * len(grams | shingles[n]) for n in rivals):
                faults.append(Fault(f"said twice: {line[:120]!r}", part.heading))
            shingles.append(grams)
            for gram in grams:
                index.setdefault(gram, []).append(len(shingles) - 1)
    return faults


def _asides(paper: Paper) -> list[Fault]:
    """Find brackets of several words, without a citation or reference, that stand in a paper again and again."""
    said = Counter(
        " ".join(tokens(m.group(1))) for part in paper.parts for m in re.finditer(r"\(([^()⟨⟩]{8,120})\)", part.prose)
    )
    often = [(text, n) for text, n in said.items() if n > OFTEN and len(re.findall(r"[a-z]{2,}", text)) >= 3]
    return [Fault(f"({text}) stands in the text {n} times") for text, n in often for _ in range(n - OFTEN)]


def _tables(paper: Paper) -> list[Fault]:
    seen: set[tuple[object, ...]] = set()
    faults: list[Fault] = []
    for number, table in enumerate(paper.tables, 1):
        key = tuple(table.values)
        if len(key) >= 2 and key in seen:
            faults.append(Fault(f"table {number} holds the numbers of an earlier one"))
        seen.add(key)
    for number, table in enumerate(paper.tables, 1):
        rows = [(table.label(n), tuple(c.value for c in row[1:])) for n, row in enumerate(table.rows)]
        named = [r for r in rows if r[0] and any(v is not None for v in r[1])]
        faults += [Fault(f"table {number} holds a row twice")] * (len(named) - len(set(named)))
    return faults


def _headings(paper: Paper) -> list[Fault]:
    names = [tokens(p.heading) for p in paper.body]
    return [Fault(f"two sections are called {' '.join(n)!r}") for n in {n for n in names if n and names.count(n) > 1}]


def _captions(paper: Paper) -> list[Fault]:
    names = [tokens(f.caption) for f in paper.floats if len(tokens(f.caption)) >= 3]
    return [Fault("two floats have one caption")] * (len(names) - len(set(names)))
