"""Holds peercycle's papers to a venue's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.core.contracts import GraphBuilder, Register, RewardFunction
    from peercycle_venue.rules import VenueRules

requires_api = "1"


@hookimpl
def extend_graph(builder: GraphBuilder) -> None:
    """Add the stage `venue` after `check`, with the channel that it keeps."""
    from peercycle.core.contracts import Channel
    from peercycle_venue.stage import VenueStage

    channel = Channel("venue", description="words, and the venue's rules that are broken")
    builder.add_stage(VenueStage(), after="check", channels=[channel])


@hookimpl
def register_rewards(register: Register[RewardFunction]) -> None:
    """Offer the reward `venue`."""
    from peercycle_venue.rules import VenueRules

    register("venue", _reward, VenueRules)


def _reward(rules: VenueRules) -> RewardFunction:
    from peercycle_venue.reward import VenueReward

    return VenueReward(rules)
