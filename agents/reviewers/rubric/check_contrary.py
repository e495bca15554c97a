"""The check that a paper tells what speaks against it: where its result does not hold, and what it cannot say."""

from __future__ import annotations

import re

from peercycle.agents.reviewers.rubric.findings import Fault, Finding, nothing_there
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.prose import stems

_CONTRARY = re.compile(
    r"\b(?:not|no|nor|neither|cannot|never|nowhere|hardly|without)\b(?! shown\)| reported\))|n['’]t\b|"
    r"\b(?:los(?:es?|t|s|ses)|worse\w*|fail\w*|defeat\w*|miss(?:es|ed)?|mistak\w+|overlap\w*|instead|however|although|"
    r"but|though|except|unless|despite|at the (?:price|cost|expense)|cost more|only (?:where|when|if|for)|weaker|ahead|behind|harm\w*)\b",
    re.IGNORECASE,
)
_PLACES = ("abstract", "results", "discussion", "conclusion")
ROOTED = 2
"""A sentence speaks of this study when it shares so many content words with its other sections."""


def contrary_findings_are_told(i: Inspection) -> Finding:
    """Abstract, results, discussion or conclusion say, in terms of the study, what speaks against its findings."""
    name = "contrary-findings-are-told"
    parts = i.paper.of(*_PLACES)
    if not parts:
        return nothing_there(name, "there is no result, discussion or conclusion")
    words = {id(part): stems(part.prose) for part in i.paper.parts if part.role != "related"}
    told: set[str] = set()
    for part in parts:
        others = frozenset[str]().union(*(found for of, found in words.items() if of != id(part)))
        told |= {line for line in part.sentences if _CONTRARY.search(line) and len(stems(line) & others) >= ROOTED}
    n = len(told)
    fault = Fault("say where the findings do not hold, or what speaks against them")
    return Finding(name, f"{n} sentences say what speaks against the findings", () if n else (fault,), _credit(n))


def _credit(n: int) -> float:
    return 0.6 + 0.4 * n / (n + 2) if n else 0.3
