"""Which policy is promoted, and when a loop ends."""

from __future__ import annotations

import random
from typing import Any

import pytest

from peercycle.core.reviews import Decision
from peercycle.trainers.loop.evaluating import Evaluation, evaluate, win_rate
from peercycle.trainers.loop.promoting import Verdict, decide, first_verdict
from peercycle.trainers.loop.rollouts import Rollout
from peercycle.trainers.loop.settings import LoopSettings, PromoteSettings
from peercycle.trainers.loop.starting import no_own_judge, run_options
from peercycle.trainers.repetition import repetition


def judged(policy: str, *values: float, steering: float = 0.5, repeats: float = 0.0) -> Evaluation:
    rows = [
        Rollout(
            run_id=f"r{n}",
            candidate="c0",
            task=f"t{n}",
            status="complete",
            reward=steering,
            judge=v,
            repetition=repeats,
        )
        for n, v in enumerate(values)
    ]
    return evaluate(policy, rows, judged=True)


def verdicts(evaluations: list[Evaluation], settings: PromoteSettings | None = None) -> list[Verdict]:
    found = [first_verdict(evaluations[0].policy)]
    for number in range(2, len(evaluations) + 1):
        found.append(decide(evaluations[:number], found, settings or PromoteSettings()))
    return found


def test_a_policy_is_promoted_over_the_best_and_not_over_the_one_before_it() -> None:
    told = verdicts([judged("a", 0.5, 0.5), judged("b", 0.2, 0.2, steering=0.1), judged("c", 0.4, 0.4)])
    assert [(each.policy, each.promoted, each.best) for each in told] == [
        ("a", True, "a"),
        ("b", False, "a"),
        ("c", False, "a"),
    ]
    assert told[2].gain is not None
    assert round(told[2].gain.mean, 9) == -0.1


def test_sure_asks_for_the_lower_end_of_the_interval() -> None:
    before, after = judged("a", *[0.5] * 6), judged("b", 0.9, 0.9, 0.9, 0.3, 0.3, 0.3)
    assert verdicts([before, after])[-1].promoted
    last = verdicts([before, after], PromoteSettings(sure=True))[-1]
    assert not last.promoted
    assert "lower end is not above 0" in last.why


def test_the_loop_ends_after_its_patience_without_a_promotion() -> None:
    evaluations = [judged("a", 0.5), judged("b", 0.5), judged("c", 0.5), judged("d", 0.5)]
    assert [each.ending for each in verdicts(evaluations)] == [None, None, "no_gain", "no_gain"]
    rising = [judged("a", 0.5), judged("b", 0.5), judged("c", 0.6), judged("d", 0.6)]
    assert [each.ending for each in verdicts(rising)] == [None, None, None, None]


def test_the_loop_ends_where_papers_repeat_themselves() -> None:
    assert verdicts([judged("a", 0.5), judged("b", 0.9, repeats=0.6)])[-1].ending == "repetition"
    assert repetition([1, 2, 3, 4, 5, 6]) == 0.0
    assert repetition([1, 2] * 10) > 0.85
    assert repetition([1, 2, 3]) == 0.0


def test_the_loop_ends_where_the_steering_reward_rises_while_the_judges_falls() -> None:
    gamed = [judged("a", 0.5, steering=0.5), judged("b", 0.4, steering=0.7)]
    assert verdicts(gamed)[-1].ending == "judge_disagrees"
    both_fall = [judged("a", 0.5, steering=0.5), judged("b", 0.4, steering=0.4)]
    assert verdicts(both_fall)[-1].ending is None
    hardly = [judged("a", 0.5, steering=0.5), judged("b", 0.49, steering=0.7)]
    assert verdicts(hardly)[-1].ending is None


def test_a_failed_or_unjudged_rollout_is_counted_and_is_no_zero() -> None:
    rows = [
        Rollout(run_id="r0", candidate="c0", task="t0", status="complete", reward=0.4, judge=0.8),
        Rollout(run_id="r0", candidate="c1", task="t0", status="failed", error="refused"),
        Rollout(run_id="r1", candidate="c0", task="t1", status="complete", reward=0.6, judge=None),
    ]
    found = evaluate("a", rows, judged=True)
    assert (found.judge, found.tasks, found.failed, found.unjudged) == (0.8, 1, 1, 1)
    assert found.steering == 0.5
    assert found.by_task == {"t0": 0.8}


def test_policies_without_a_common_task_cannot_be_compared() -> None:
    nothing = evaluate("b", [Rollout(run_id="r", task="t0", status="failed")], judged=True)
    last = verdicts([judged("a", 0.5), nothing])[-1]
    assert (last.promoted, last.gain) == (False, None)
    assert "no held-out task" in last.why


def papers(policy: str, **tasks: list[tuple[float, float]]) -> Evaluation:
    """An evaluation of papers that have a reward and a judge's value each."""
    rows = [
        Rollout(run_id=task, candidate=f"c{n}", task=task, status="complete", reward=reward, judge=judge)
        for task, pairs in tasks.items()
        for n, (reward, judge) in enumerate(pairs)
    ]
    return evaluate(policy, rows, judged=True)


def test_a_win_is_of_papers_on_one_task_a_tie_is_half_and_the_order_sways_nothing() -> None:
    one = papers("a", t0=[(0, 0.5), (0, 0.7)], t1=[(0, 0.2)], t2=[(0, 1.0)])
    other = papers("b", t0=[(0, 0.5), (0, 0.6)], t1=[(0, 0.3)])
    # t0: a tie and a loss, then two wins; t1: a loss; t2 is no task of the other.
    assert win_rate(one, other) == ((0.5 + 0 + 1 + 1) / 4 + 0.0) / 2
    assert win_rate(one, one) == 0.5
    rng = random.Random(5)
    for _ in range(50):
        drawn = [
            papers(
                name, **{f"t{n}": [(0.0, rng.randrange(4) / 4) for _ in range(rng.randint(1, 4))] for n in range(5)}
            )
            for name in "ab"
        ]
        forth, back = win_rate(drawn[0], drawn[1]), win_rate(drawn[1], drawn[0])
        assert forth is not None and back is not None
        assert forth + back == pytest.approx(1.0)
    assert win_rate(one, papers("c", t9=[(0, 1.0)])) is None


def test_a_verdict_says_how_often_the_policy_wins_over_the_one_before_and_the_first() -> None:
    told = verdicts([judged("a", 0.5, 0.5), judged("b", 0.9, 0.9), judged("c", 0.7, 0.4)])
    assert [(each.wins_over_previous, each.wins_over_first) for each in told] == [
        (None, None),
        (1.0, 1.0),
        (0.0, 0.5),
    ]


def test_the_best_of_n_is_selected_by_the_one_and_scored_by_the_other() -> None:
    found = papers("a", t0=[(1.0, 0.2), (0.0, 0.8)], t1=[(0.4, 0.5), (0.6, 0.7)])
    assert [point.n for point in found.best_of_n] == [1, 2]
    assert [point.selector for point in found.best_of_n] == pytest.approx([0.5, 0.8])
    assert [point.judge for point in found.best_of_n] == pytest.approx([0.55, 0.45])
    assert found.best_of_n_tasks == 2
    # A task of which a paper failed is in no point, else the curve would bend by which tasks are in it.
    short = papers("a", t0=[(1.0, 0.2), (0.0, 0.8)], t1=[(9.0, 9.0)])
    assert short.best_of_n_tasks == 1
    assert [point.selector for point in short.best_of_n] == pytest.approx([0.5, 1.0])
    assert evaluate("a", [], judged=True).best_of_n == ()


def test_the_gap_is_the_steering_reward_less_the_judges_over_tasks_that_both_scored() -> None:
    rows = [
        Rollout(run_id="r0", candidate="c0", task="t0", status="complete", reward=0.9, judge=0.4),
        Rollout(run_id="r1", candidate="c0", task="t1", status="complete", reward=0.5, judge=0.6),
        Rollout(run_id="r2", candidate="c0", task="t2", status="complete", reward=9.0, judge=None),
    ]
    assert evaluate("a", rows, judged=True).gap == pytest.approx((0.5 - 0.1) / 2)
    assert evaluate("a", rows, judged=False).gap is None


def test_the_accept_rate_is_the_judges_and_of_papers_with_a_decision() -> None:
    judges: list[Decision | None] = ["accept", "reject", None]
    decided = [
        Rollout(run_id="r", candidate=f"c{n}", task="t", status="complete", decision="accept", judge_decision=said)
        for n, said in enumerate(judges)
    ]
    assert evaluate("a", decided, judged=True).accepted == 0.5
    assert evaluate("a", decided, judged=False).accepted == 1.0
    assert judged("a", 0.5).accepted is None


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"reviewer": "rubric"}, "no judge is set, and 'rubric' both selects and judges"),
        ({"reviewer": "rubric", "judge": "rubric"}, "'rubric' both selects and judges"),
        ({"reviewer": "prompted", "judge": "prompted", "models": {"judge": {"name": "openai/other"}}}, None),
        ({"reviewer": "rubric", "judge": "prompted"}, None),
    ],
)
def test_a_judge_that_also_selects_is_told_from_one_that_does_not(run: dict[str, Any], said: str | None) -> None:
    settings = LoopSettings.model_validate(
        {"name": "small", "start": {"base": "base"}, "tasks": {"file": "tasks.jsonl"}, "run": run}
    )
    assert no_own_judge(run_options(settings, "base")) == said
