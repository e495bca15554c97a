"""The reward that counts the venue's rules."""

from __future__ import annotations

import statistics

from peercycle.core.contracts import StageContext
from peercycle.core.reviews import Assessment, Reward, Submission
from peercycle_venue.rules import VenueRules, broken_rules


class VenueReward:
    """The mean rating, less the penalty for each rule that the paper breaks; None where nobody rated."""

    def __init__(self, rules: VenueRules) -> None:
        self.rules = rules

    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        """Score one paper. A paper that is no manuscript of ours has no rules to break."""
        ratings = [review.rating for review in assessment.reviews if review.rating is not None]
        if not ratings:
            return Reward()
        faults = broken_rules(submission.manuscript, self.rules) if submission.manuscript else ()
        rating = statistics.fmean(ratings)
        return Reward(
            value=rating - self.rules.penalty * len(faults),
            components={"rating": rating, "broken_rules": float(len(faults))},
            n=len(ratings),
            spread=statistics.stdev(ratings) if len(ratings) > 1 else None,
        )
