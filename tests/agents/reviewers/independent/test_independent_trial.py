"""The rubric on trial: edits devised without reading its checks, on papers that no policy of ours wrote.

A damage must lower the rating, a harmless edit must not, and gaming must not raise it. What does not hold is in
`KNOWN_MISSES`, and fails here strictly: whoever mends the rubric takes the line out.
"""

from __future__ import annotations

from functools import cache

import pytest
from tests.agents.reviewers.independent.trial_damages import damage as evidence_damage
from tests.agents.reviewers.independent.trial_damages_text import damage as text_damage
from tests.agents.reviewers.independent.trial_drafts import Edit, closed, opened
from tests.agents.reviewers.independent.trial_gaming import gaming, weakened
from tests.agents.reviewers.independent.trial_harmless import harmless
from tests.agents.reviewers.independent.trial_misses import KNOWN_MISSES
from tests.agents.reviewers.independent.trial_papers import MANUSCRIPTS, PAPERS, paper
from tests.agents.reviewers.independent.trial_rating import assess, rating

from peercycle.core.reviews import Submission

DAMAGES = {**evidence_damage.all, **text_damage.all}
WEAK = tuple(f"{name}*" for name in PAPERS)
"""The papers in a poor version, which has room to rise."""


@cache
def version(name: str) -> Submission:
    """Return a paper, or the poor version of one."""
    sound = paper(name.rstrip("*")).submission
    return closed(weakened(opened(sound))) if name.endswith("*") else sound


@cache
def rating_before(name: str) -> float:
    """Return the rating of a paper that nobody edited."""
    return rating(version(name))


def trials(edits: dict[str, Edit], names: tuple[str, ...]) -> list[object]:
    """Return a parameter for every edit and paper that it applies to, the known misses marked."""
    found: list[object] = []
    for edit in edits.values():
        papers, reason = KNOWN_MISSES.get(edit.name, ((), ""))
        for name in names:
            if edit.applied(version(name)) is not None:
                marks = [pytest.mark.xfail(strict=True, reason=reason)] if name in papers else []
                marks += [pytest.mark.prove] if name in WEAK else []
                found.append(pytest.param(edit, name, marks=marks, id=f"{edit.name}-{name}"))
    return found


def rating_after(edit: Edit, name: str) -> float:
    """Return the rating of an edited paper."""
    edited = edit.applied(version(name))
    assert edited is not None
    return rating(edited)


@pytest.mark.parametrize(("edit", "name"), trials(DAMAGES, PAPERS))
def test_a_damage_lowers_the_rating(edit: Edit, name: str) -> None:
    before, after = rating_before(name), rating_after(edit, name)
    assert after < before, f"{edit.name} on {name}: {before} -> {after}, although {edit.reason}"


@pytest.mark.parametrize(("edit", "name"), trials(harmless.all, PAPERS))
def test_a_harmless_edit_does_not_lower_the_rating(edit: Edit, name: str) -> None:
    before, after = rating_before(name), rating_after(edit, name)
    assert after >= before, f"{edit.name} on {name}: {before} -> {after}, although it is only this: {edit.reason}"


@pytest.mark.parametrize(("edit", "name"), trials(gaming.all, (*PAPERS, *WEAK)))
def test_gaming_does_not_raise_the_rating(edit: Edit, name: str) -> None:
    before, after = rating_before(name), rating_after(edit, name)
    assert after <= before, f"{edit.name} on {name}: {before} -> {after}, for {edit.reason}"


def test_there_are_thirty_damages_and_thirty_harmless_edits_that_apply_to_two_papers_at_least() -> None:
    for edits in (DAMAGES, harmless.all):
        widely = [e for e in edits.values() if sum(e.applied(version(name)) is not None for name in PAPERS) >= 2]
        assert len(widely) == len(edits) >= 30


def test_the_known_misses_name_edits_and_papers_of_the_trial() -> None:
    assert KNOWN_MISSES.keys() <= DAMAGES.keys() | harmless.all.keys() | gaming.all.keys()
    assert {name for papers, _ in KNOWN_MISSES.values() for name in papers} <= {*PAPERS, *WEAK}


def test_a_paper_taken_apart_and_put_together_is_the_same_paper() -> None:
    for name in MANUSCRIPTS:
        assert closed(opened(paper(name).submission)) == paper(name).submission
    before = paper("crust").submission.text
    after = closed(opened(paper("crust").submission)).text
    assert before is not None
    assert after is not None
    assert after.split() == before.split()


@pytest.mark.parametrize("name", MANUSCRIPTS)
def test_the_sound_papers_have_no_fault_that_the_check_finds(name: str) -> None:
    report = paper(name).submission.check
    assert report is not None
    assert report.faults == ()
    assert report.uncited == ()


@pytest.mark.parametrize("name", PAPERS)
def test_a_poor_version_is_rated_below_the_sound_one(name: str) -> None:
    assert rating_before(f"{name}*") < rating_before(name)


@pytest.mark.parametrize("name", PAPERS)
def test_no_paper_is_accepted_and_the_scale_is_called_uncalibrated(name: str) -> None:
    assessment = assess(version(name))
    assert assessment.decision is None or assessment.decision == "reject"
    assert all(not review.scale.calibrated for review in assessment.reviews)
