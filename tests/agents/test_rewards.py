"""Rewards turn judgements into one number, and never take a missing one for a zero."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from peercycle.agents.rewards import ChecksPassed, Composite, CompositeSettings, MeanRating, MinRating
from peercycle.core.contracts import NoSettings, RewardFunction, StageContext
from peercycle.core.experiments import ExperimentResults, Measurement
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Assessment, Check, Review, Reward, Scale, Submission
from peercycle.core.writing import Manuscript, Section

NOBODY = cast(StageContext, None)
"""Rewards ask nothing of the world: they work without a context."""


def _score(
    reward: RewardFunction, submission: Submission | None = None, *ratings: float | None, **more: Any
) -> Reward:
    reviews = tuple(Review(rating=r, **more) for r in ratings)
    return asyncio.run(reward.score(submission or Submission(), Assessment(reviews=reviews), NOBODY))


def _paper(body: str) -> Submission:
    results = ExperimentResults(
        measurements=(
            Measurement(id="a", metric="m", value=0.913, experiment="e1"),
            Measurement(id="b", metric="m", value=0.5, experiment="e2"),
        )
    )
    manuscript = Manuscript(title="T", abstract="", sections=(Section(heading="R", body=body, role="results"),))
    return Submission(
        manuscript=manuscript, results=results, bibliography=Bibliography(entries=(Reference(key="k"),))
    )


def test_the_mean_rating_says_over_how_many() -> None:
    reward = _score(MeanRating(NoSettings()), None, 4.0, None, 7.0)
    assert (reward.value, reward.n) == (5.5, 2)
    assert reward.spread == pytest.approx(2.1213, abs=1e-3)


def test_the_lowest_rating_counts() -> None:
    reward = _score(MinRating(NoSettings()), None, 4.0, None, 7.0)
    assert (reward.value, reward.n) == (4.0, 2)


@pytest.mark.parametrize(
    "reward", [MeanRating(NoSettings()), MinRating(NoSettings()), Composite(CompositeSettings())]
)
def test_no_rating_is_no_value_and_never_zero(reward: RewardFunction) -> None:
    for scored in (_score(reward, _paper("\\cite{k}"), None, None), _score(reward, _paper("\\cite{k}"))):
        assert (scored.value, scored.n) == (None, 0)


def test_what_holds_is_counted_and_what_is_dropped_costs() -> None:
    reward = ChecksPassed(NoSettings())
    whole = _score(reward, _paper("\\cite{k} \\measured{a}{0.913} \\measured{b}{0.5}"))
    assert (whole.value, whole.n) == (1.0, 5)
    for damaged in (
        "\\cite{k, gone} \\measured{a}{0.913} \\measured{b}{0.5}",
        "\\cite{k} \\measured{a}{0.931} \\measured{b}{0.5}",
        "\\cite{k} \\measured{a}{0.913}",
        "\\cite{k} \\measured{a}{0.913} 0.5",
        "\\cite{k} \\measured{a}{0.913} \\measured{b}{0.5} and 0.77",
        "\\cite{k}",
        "",
    ):
        scored = _score(reward, _paper(damaged))
        assert scored.value is not None
        assert scored.value < 1.0, damaged
    repeated = _score(
        reward, _paper("\\cite{k} \\measured{a}{0.913} \\measured{b}{0.5} and 0.77 \\measured{a}{0.913}")
    )
    assert (
        repeated.value == _score(reward, _paper("\\cite{k} \\measured{a}{0.913} \\measured{b}{0.5} and 0.77")).value
    )


def test_nothing_to_check_is_no_value() -> None:
    assert _score(ChecksPassed(NoSettings()), Submission(text="A paper of someone else's.")).value is None


def test_a_composite_weighs_its_parts_and_names_them() -> None:
    checks = (Check(name="a", passed=True), Check(name="b", passed=False), Check(name="c", passed=None))
    settings = CompositeSettings(rating=1, checks=1, faults=2)
    reward = _score(Composite(settings), _paper("\\cite{gone}"), 5.5, checks=checks)
    assert reward.components == {"rating": 0.5, "checks": 0.5, "faults": 0.5}
    assert reward.value == pytest.approx(0.5)
    longer = _score(Composite(CompositeSettings(rating=0, checks=0, faults=0, length=1, words=8)), _paper("one"))
    assert longer.components.keys() == {"length"}


def test_a_composite_reads_each_rating_on_its_own_scale() -> None:
    settings = CompositeSettings(checks=0, faults=0)
    reward = _score(Composite(settings), Submission(text="x"), 2.0, scale=Scale(low=1, high=5))
    assert reward.value == 0.25


def test_a_part_that_cannot_be_had_takes_its_weight_along() -> None:
    reward = _score(Composite(CompositeSettings()), Submission(text="Someone else's."), 10.0)
    assert (reward.value, reward.components) == (1.0, {"rating": 1.0})
