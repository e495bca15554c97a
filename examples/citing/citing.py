"""The checkable task's reviewers: cite what the prompt lists, and nothing else.

`citing` steers: each listed work that is cited counts, each other key and each repetition costs. `citing-judge` reports:
the share that listed and cited works have in common of both together. They agree on what is perfect and on little else,
so that who games the first does not please the second.
"""

from __future__ import annotations

from typing import Any

from peercycle import hookimpl
from peercycle.core.citations import cite_uses
from peercycle.core.contracts import NoSettings, StageContext
from peercycle.core.latex_scan import scan_latex
from peercycle.core.reviews import Assessment, Check, Review, Scale, Submission

SCALE = Scale(low=0, high=1, calibrated=False, note="a share of citations, and no measure of a paper's quality")
FOREIGN, REPEATED = 0.1, 0.05
"""What a key that is not listed costs, and what citing a work again costs, of a reward that is 1 at most."""


def cited_in(submission: Submission) -> list[str]:
    """Return the cited keys, repetitions included."""
    paper = submission.manuscript
    bodies = [section.body for section in paper.sections] if paper else [submission.text or ""]
    return [use.key for body in bodies for use in cite_uses(scan_latex(body))]


def steering(cited: list[str], listed: frozenset[str]) -> float:
    """Return the reward: coverage less what is wrong, never below 0."""
    if not listed:
        return 0.0
    foreign = sum(key not in listed for key in cited)
    repeated = len(cited) - len(set(cited))
    return max(0.0, len(listed & set(cited)) / len(listed) - FOREIGN * foreign - REPEATED * repeated)


def in_common(cited: list[str], listed: frozenset[str]) -> float:
    """Return the Jaccard index of the cited and the listed works."""
    either = listed | set(cited)
    return len(listed & set(cited)) / len(either) if either else 1.0


class Citing:
    """A reviewer without a model."""

    def __init__(self, name: str, rate: Any) -> None:
        self._name = name
        self._rate = rate

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        """Rate the citations."""
        cited, listed = cited_in(submission), submission.bibliography.keys
        checks = (
            Check(
                name="every listed work is cited",
                passed=listed <= set(cited),
                evidence=f"{len(listed & set(cited))} of {len(listed)}",
            ),
            Check(
                name="nothing else is cited",
                passed=set(cited) <= listed,
                evidence=f"{sum(key not in listed for key in cited)} of {len(cited)} citations are not listed",
            ),
        )
        rating = self._rate(cited, listed)
        review = Review(reviewer=self._name, rating=rating, scale=SCALE, checks=checks)
        return Assessment(reviews=(review,), machine_made=f"counted by the example reviewer {self._name!r}")


@hookimpl
def register_reviewers(register: Any) -> None:
    """Offer both."""

    def citing(_: NoSettings) -> Citing:
        return Citing("citing", steering)

    def judge(_: NoSettings) -> Citing:
        return Citing("citing-judge", in_common)

    register("citing", citing)
    register("citing-judge", judge)
