"""The last lines of a run."""

from __future__ import annotations

from pathlib import Path

from peercycle.cli.endings import ending_lines
from peercycle.core.reviews import Assessment, Check, Review, Scale
from peercycle.graphs.result import RunResult


def test_a_score_is_told_with_what_gave_it(tmp_path: Path) -> None:
    checks = (Check(name="a", passed=True), Check(name="b", passed=False))
    steering = Assessment(reviews=(Review(rating=9.0, scale=Scale(calibrated=False), checks=checks),))
    judged = Assessment(reviews=(Review(rating=5.0, scale=Scale(low=0, high=20)),))

    def score(rating: float, judgement: Assessment | None) -> str:
        result = RunResult(
            "r1", tmp_path, "finished", "accepted", "", None, steering, rating, (), 0, judgement=judgement
        )
        return ending_lines(result)[1]

    assert score(5.0, judged) == "rating: 5.00 on 0 to 20"
    by_checks = "checks passed: 1 of 2, uncalibrated: no measure of the paper's quality"
    assert score(9.0, None) == score(9.0, Assessment()) == by_checks
