"""Whether two records say the same of one work, and what they disagree on."""

from __future__ import annotations

from difflib import SequenceMatcher

from peercycle.core.literature import Reference
from peercycle.core.sameness import YEARS_APART, first_family, normalised_title

ALIKE = 0.85
"""Titles at least so similar are taken for one; subtitles and small errors cost less than that."""


def title_similarity(one: str, other: str) -> float:
    """Return how alike two titles are, 0 to 1: the share of letters in common blocks (Ratcliff and Obershelp)."""
    first, second = normalised_title(one)[:400], normalised_title(other)[:400]
    if not first or not second:
        return 0.0
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def disagreements(ours: Reference, theirs: Reference) -> tuple[str, ...]:
    """Return what the other record says differently, a clause each: title, year (one apart is allowed), first author.

    What one of them does not say is no disagreement.
    """
    found: list[str] = []
    if (
        ours.title
        and theirs.title
        and title_similarity(ours.title, theirs.title) < ALIKE
        and not _begins_alike(ours, theirs)
    ):
        found.append(f"the title there is {theirs.title[:120]!r}")
    if ours.year and theirs.year and abs(ours.year - theirs.year) > YEARS_APART:
        found.append(f"the year there is {theirs.year}, here {ours.year}")
    if not _shares_author(ours, theirs):
        found.append(f"the first author there is {theirs.authors[0][:80]!r}")
    return tuple(found)


def is_named_alike(ours: Reference, theirs: Reference) -> float:
    """Return the similarity of the titles where the records may be of one work by year and author, else 0."""
    if not _shares_author(ours, theirs):
        return 0.0
    if ours.year and theirs.year and abs(ours.year - theirs.year) > YEARS_APART:
        return 0.0
    return title_similarity(ours.title, theirs.title)


def _begins_alike(ours: Reference, theirs: Reference) -> bool:
    """Whether one title is the other without its subtitle."""
    first, second = sorted((normalised_title(ours.title), normalised_title(theirs.title)), key=len)
    return len(first) >= 12 and second.startswith(first)


def _shares_author(ours: Reference, theirs: Reference) -> bool:
    """Whether the first author of one is among the authors of the other; records without authors do not tell."""
    if not ours.authors or not theirs.authors:
        return True
    mine = {normalised_title(part) for name in ours.authors for part in name.split()}
    others = {normalised_title(part) for name in theirs.authors for part in name.split()}
    return first_family(ours) in others or first_family(theirs) in mine
