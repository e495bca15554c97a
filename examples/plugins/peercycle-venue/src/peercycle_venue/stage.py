"""The stage that checks a candidate against the venue's rules."""

from __future__ import annotations

from collections.abc import Mapping

from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.writing import Manuscript
from peercycle_venue.rules import VenueRules, broken_rules, paper_words


class VenueStage:
    """Writes into its channel `venue` how long the paper is and which rules it breaks."""

    name = "venue"

    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        """Check the manuscript in hand; each fault is a line of the run's log."""
        rules = VenueRules.model_validate(ctx.options.settings.get("rewards", {}).get("venue", {}))
        manuscript = await ctx.load(str(state["manuscript"]), Manuscript)
        faults = broken_rules(manuscript, rules)
        for fault in faults:
            await ctx.log(f"venue: {fault}")
        return {"venue": {"words": paper_words(manuscript), "faults": list(faults)}}
