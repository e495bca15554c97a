"""What a section is for: by its heading where that says so, else by what it does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from peercycle.agents.reviewers.rubric.prose import CITE, sentences
from peercycle.core.result_numbers import result_numbers

_BY_HEADING: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (role, re.compile(pattern, re.IGNORECASE))
    for role, pattern in (
        ("abstract", r"^(?:abstract|zusammenfassung)$"),
        ("references", r"^(?:references|bibliography|literature cited|works cited)$"),
        ("aside", r"acknowledg|funding|conflicts? of interest|competing|author contributions|disclosure|data avail"),
        ("limitations", r"limitation|threats?\b|caveat|weakness|validity|shortcoming|"
                        r"does not (?:show|cover)|boundar"),
        ("appendix", r"^append|supplement"),
        ("introduction", r"introduc|motivation"),
        ("related", r"related|background|prior (?:work|art)|previous|literature|state of the art"),
        ("conclusion", r"conclu|^summary|closing|outlook|final remarks|future (?:work|direction)"),
        ("method", r"method|materials|approach|procedure|set-?up|design|protocol|implementation|participants|"
                   r"algorithm|technique|model|data\b|dataset|corpus|measures$|apparatus|sampl"),
        ("results", r"result|finding|experiment|evaluation|outcome|observation|analys"),
        ("discussion", r"discuss|implication|interpret"),
    )
)  # fmt: skip

LIMIT_CUE = re.compile(
    r"\b(?:did|do|does|was|were|is|are|has|have|had|could|can)(?: not|n['’]t)\b|\bcannot\b|\bneither\b|\bnor\b|\bno\s"
    r"|\bonly\b|\bwithout\b|\black(?:s|ed|ing)?\b|\blimit|\bcaveat|\bunable\b|\bexclu|\bbeyond\b|\bunknown\b|"
    r"\buntested\b"
    r"|\bunclear\b|\bnot\b|\bmay (?:not|differ|bias|over|under|affect)|\bmight\b|\bbias|\bconfound|\bsmall\b|"
    r"\bsingle\b"
    r"|\brestrict|\bgenerali[sz]|\bfail|\bremains? (?:open|to be)|\bthreat|\bassum|\bnarrow\b|\bshort(?:er)?\b|"
    r"\bfew\b",
    re.IGNORECASE,
)
_DOING = (
    "train|collect|measur|recruit|sampl|assign|simulat|comput|appl|evaluat|compar|run|ran|repeat|estimat|annotat|"
    "select|"
    "exclud|includ|fit|fitted|tun|split|record|calculat|randomi[sz]|weigh|count|extract|cluster|score|test|perform|"
    "obtain|analy[sz]|implement|record|observ|draw|drawn|drew|grow|grew|grown|plant|administ|incubat|stain|"
    "digiti[sz]|"
    "interview|survey|cod|model|sow|sown|set|divid|regress|initiali[sz]|optimi[sz]|normali[sz]|permut|rank|build|"
    "built|"
    "us|assess|place|water|heat|cool|mix|prepar|transcrib|scan|track|filter|interpolat|calibrat|bootstrap|resampl|laid|made|took|taken|chose|kept|gave|given|cut|held|sent|put"
)
PROCEDURE_CUE = re.compile(
    rf"\b(?:we|they|i|one of us|the authors)\s(?:\w+\s){{0,2}}?(?:{_DOING})\w*|\b(?:was|were|is|are|been)\s"
    rf"(?:\w+\s){{0,2}}?(?:{_DOING})\w*|\beach (?:run|seed|fold|participant|plot|sample)\b",
    re.IGNORECASE,
)
CLOSING_CUE = re.compile(
    r"\b(?:in (?:summary|conclusion|short|sum)|overall|taken together|we (?:have )?(?:conclude|show|present|found|"
    r"find|"
    r"report|studied|compared|examined|argued|described)|this (?:paper|study|work|article|note) (?:has )?\w+|our "
    r"(?:results|"
    r"findings|study|data)|future|the (?:results|findings|evidence|study|data)|these (?:results|findings))\b",
    re.IGNORECASE,
)


def role_by_heading(heading: str) -> str | None:
    """Return the role that a heading names, or None."""
    return next((role for role, pattern in _BY_HEADING if pattern.search(heading.strip(" .:"))), None)


def roles_by_content(bodies: Sequence[str], known: Sequence[str | None]) -> list[str]:
    """Fill in the roles that headings did not name, from what the sections do and where they stand."""
    last = max((i for i, role in enumerate(known) if role not in {"references", "aside", "appendix"}), default=-1)
    found: list[str] = []
    for index, (body, role) in enumerate(zip(bodies, known, strict=True)):
        found.append(
            role
            or _by_content(
                body,
                first=index == 0,
                late=2 * index >= len(bodies),
                last=index == last,
                taken={r for r in known if r},
            )
        )
    return found


def _by_content(body: str, *, first: bool, late: bool, last: bool, taken: set[str]) -> str:
    lines = sentences(body)
    if not lines:
        return "other"
    if first and "introduction" not in taken:
        return "introduction"
    limits = sum(1 for line in lines if LIMIT_CUE.search(line))
    doing = sum(1 for line in lines if PROCEDURE_CUE.search(line))
    decimals = sum(1 for n in result_numbers(body, []) if not n.number.integral or n.number.percent)
    if late and "limitations" not in taken and limits >= 2 and limits >= 0.5 * len(lines) and decimals <= 2:
        return "limitations"
    if "results" not in taken and decimals >= 3 and decimals >= doing:
        return "results"
    if "method" not in taken and doing >= 2 and doing >= 0.3 * len(lines):
        return "method"
    if "related" not in taken and sum(line.count(CITE) for line in lines) >= max(2, len(lines) / 3):
        return "related"
    if last and "conclusion" not in taken and any(CLOSING_CUE.search(line) for line in lines):
        return "conclusion"
    return "results" if decimals >= 3 else "other"
