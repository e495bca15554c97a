"""The rubric on a later trial: edits devised without reading its checks, on nine papers that no policy of ours wrote.

Of what was devised, 30 of 61 damages and 77 of 84 harmless edits held when they were first tried. The checks were then
mended against them, so this is a regression test, and no estimate for edits that nobody has tried.
"""

from __future__ import annotations

from functools import cache

import pytest
from tests.agents.reviewers.independent.later_changes import DAMAGES, HARMLESS, REPORTED, Change
from tests.agents.reviewers.independent.later_papers import ALL, sound
from tests.agents.reviewers.independent.trial_rating import rating

from peercycle.core.reviews import Submission

UNSEEN = {
    ("sample_contradicted", "fluency"): "the two counts are of things with different names",
    ("unit_changed", "crust"): "the number occurs once",
    ("citation_misattributed", "crust"): "the sentence shares a word with the wrong work too",
    ("rounded", "irrigation"): "about 30 per cent agrees with 31 per cent for a reader, and not for the check",
}
"""What the rubric gets wrong: edit and paper, and why."""


@cache
def rating_before(name: str) -> float:
    """Return the rating of a paper that nobody edited."""
    return rating(sound(name))


def trials(edits: dict[str, Change]) -> list[object]:
    """Return a parameter for every edit and paper that it applies to, the known misses marked."""
    found: list[object] = []
    for edit, change in edits.items():
        for name in ALL:
            edited = change(name, sound(name))
            if edited is not None:
                reason = UNSEEN.get((edit, name))
                marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
                found.append(pytest.param(edited, name, marks=marks, id=f"{edit}-{name}"))
    return found


@pytest.mark.parametrize(("edited", "name"), trials({**REPORTED, **DAMAGES}))
def test_a_later_damage_lowers_the_rating(edited: Submission, name: str) -> None:
    assert rating(edited) < rating_before(name)


@pytest.mark.parametrize(("edited", "name"), trials(HARMLESS))
def test_a_later_harmless_edit_does_not_lower_the_rating(edited: Submission, name: str) -> None:
    assert rating(edited) >= rating_before(name)
