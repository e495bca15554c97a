"""Whether cited works exist, as online sources see it: by id, else by title; what disagrees; what was retracted.

Only sources beyond the run's own are asked, and only where the run names one: else the report says that nothing was
checked online.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peercycle.core.agreement import ALIKE, disagreements, is_named_alike, title_similarity
from peercycle.core.citations import citation_keys
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.outlasting import together
from peercycle.core.sameness import merge
from peercycle.core.writing import CheckReport, CitationCheck, Manuscript
from peercycle.graphs import sources
from peercycle.graphs.finding import id_of

if TYPE_CHECKING:
    from peercycle.graphs.context import DriverContext

OWN = frozenset({"local"})
"""Sources that know what the run gave them."""
MOST_TITLES = 40
"""Works looked up by their title, each one search."""
FOUND_A_TITLE = 5


@dataclass(slots=True)
class Look:
    """What was found out about the cited works."""

    sources: list[str] = field(default_factory=list)
    """Online sources that answered."""
    records: dict[str, Reference] = field(default_factory=dict)
    """What they say of a work, by our key."""
    how: dict[str, str] = field(default_factory=dict)
    """By what it was found."""
    nearest: dict[str, str] = field(default_factory=dict)
    """The nearest title of one that was not found, with its similarity."""


async def verified(
    report: CheckReport, manuscript: Manuscript, works: Bibliography, ctx: DriverContext
) -> CheckReport:
    """Return the report with what online sources say of each cited work; as it is where the run names none."""
    if frozenset(ctx.options.literature) <= OWN:
        return report
    cited = {key: work for key in citation_keys(manuscript.latex) if (work := works.get(key)) is not None}
    look = Look()
    await _by_id(cited, look, ctx)
    missing = [key for key in cited if key not in look.records]
    await _by_title({key: cited[key] for key in missing[:MOST_TITLES]}, look, ctx)
    if not look.sources:
        return report
    untried = frozenset(missing[MOST_TITLES:])
    checked = tuple(_judged(c, cited, look, untried) for c in report.citations)
    return report.model_copy(update={"citations": checked, "online": True, "sources": tuple(sorted(look.sources))})


async def _by_id(cited: Mapping[str, Reference], look: Look, ctx: DriverContext) -> None:
    ids = {key: identity for key, work in cited.items() if (identity := id_of(work))}
    for said in await sources.ask_for(ctx, list(ids.values())):
        if _counts(said):
            _note(said, look)
            for (key, identity), record in zip(ids.items(), said.works, strict=False):
                if record is not None:
                    known = look.records.get(key)
                    look.records[key] = record if known is None else merge(known, record)
                    look.how[key] = identity


async def _by_title(works: Mapping[str, Reference], look: Look, ctx: DriverContext) -> None:
    titled = {key: work for key, work in works.items() if work.title.strip()}
    answers = await together(sources.search_each(ctx, work.title, FOUND_A_TITLE) for work in titled.values())
    for (key, work), said in zip(titled.items(), answers, strict=True):
        counted = [one for one in said if _counts(one)]
        for one in counted:
            _note(one, look)
        _pick(key, work, [found for one in counted for found in sources.works_of(one)], look)


def _pick(key: str, work: Reference, found: Sequence[Reference], look: Look) -> None:
    best = max(found, key=lambda record: is_named_alike(work, record), default=None)
    if best is not None and (similarity := is_named_alike(work, best)) >= ALIKE:
        look.records[key] = best
        look.how[key] = f"its title, similarity {similarity:.2f}"
    elif found:
        near = max(found, key=lambda record: title_similarity(work.title, record.title))
        look.nearest[key] = f"{near.title[:120]!r}, similarity {title_similarity(work.title, near.title):.2f}"


def _counts(said: sources.Said) -> bool:
    return said.online and said.able and said.outage is None and said.refusal is None


def _note(said: sources.Said, look: Look) -> None:
    if said.source not in look.sources:
        look.sources.append(said.source)


def _judged(
    check: CitationCheck, cited: Mapping[str, Reference], look: Look, untried: frozenset[str]
) -> CitationCheck:
    if check.status != "in_bibliography" or check.key not in cited:
        return check
    record = look.records.get(check.key)
    if record is None:
        near = look.nearest.get(check.key)
        why = f"the nearest title is {near}" if near else "no title is near"
        if check.key in untried:
            why = f"no id is known, and more than {MOST_TITLES} titles were not looked up"
        return _with(check, "unresolved", f"not found in {', '.join(sorted(look.sources))}; {why}")
    by = f"found by {look.how[check.key]}"
    if record.retracted:
        return _with(check, "retracted", f"{by}; it was retracted")
    if wrong := disagreements(cited[check.key], record):
        return _with(check, "mismatch", f"{by}; {'; '.join(wrong)}")
    return _with(check, "resolved", by)


def _with(check: CitationCheck, status: str, detail: str) -> CitationCheck:
    said = f"{check.detail}; {detail}" if check.detail else detail
    return CitationCheck.model_validate({**check.model_dump(), "status": status, "detail": said})
