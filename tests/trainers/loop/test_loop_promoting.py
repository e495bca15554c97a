"""Which policy is promoted, and when a loop ends."""

from __future__ import annotations

from typing import Any

import pytest

from peercycle.trainers.loop.evaluating import Evaluation, evaluate
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
