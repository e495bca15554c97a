"""Best of n, against every subset counted out."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from peercycle.core.selection import Draft, best_of_n


def counted(drafts: list[Draft], n: int) -> tuple[float, float | None]:
    """Selector and judge of the best of n, averaged over the subsets one by one."""
    picked = [max(subset, key=lambda draft: draft.selector) for subset in combinations(drafts, n)]
    judged = [draft.judge for draft in picked]
    mean = sum(draft.selector for draft in picked) / len(picked)
    return mean, None if None in judged else sum(value or 0.0 for value in judged) / len(judged)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_the_curve_is_the_average_over_all_subsets(size: int) -> None:
    chance = random.Random(size)
    drafts = [Draft(selector=chance.choice([3.0, 5.0, 6.0, 8.0]), judge=chance.uniform(1, 10)) for _ in range(size)]
    curve = best_of_n(drafts)
    assert [point.n for point in curve] == list(range(1, size + 1))
    for point in curve:
        selector, judge = counted(drafts, point.n)
        assert point.selector == pytest.approx(selector)
        assert point.judge == pytest.approx(judge)


def test_the_selectors_curve_never_falls_and_the_judges_may() -> None:
    curve = best_of_n([Draft(selector=1, judge=9), Draft(selector=2, judge=5), Draft(selector=3, judge=1)])
    assert [point.selector for point in curve] == pytest.approx([2.0, 8 / 3, 3.0])
    assert [point.judge for point in curve] == pytest.approx([5.0, 7 / 3, 1.0])


def test_a_draft_that_the_judge_did_not_score_leaves_no_judges_curve() -> None:
    curve = best_of_n([Draft(selector=1, judge=9), Draft(selector=2)])
    assert [point.judge for point in curve] == [None, None]
    assert best_of_n([]) == ()


def test_of_equal_drafts_the_earlier_is_the_one_that_a_run_would_choose() -> None:
    curve = best_of_n([Draft(selector=4, judge=7), Draft(selector=4, judge=1)])
    assert curve[1].judge == 7
