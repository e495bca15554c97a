"""The contract of stages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from peercycle.core.base import JSON
from peercycle.core.contracts import Channel, Stage, StageContext
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.context import Bench
from peercycle.plugins.testing.contract import ReplayContract, Take


class StageContract(ReplayContract):
    """A stage on a candidate's state, as the graph calls it.

        class TestMine(StageContract):
            channels = [Channel("mine")]

            def stage(self):
                return Mine()

    For a wrapper, let `stage` return it around a stage of yours.
    """

    channels: Sequence[Channel] = ()
    """The channels that the plugin declares where it adds the stage."""

    def stage(self) -> Stage:
        """Return a fresh stage."""
        raise NotImplementedError

    async def state(self, ctx: StageContext) -> dict[str, JSON]:
        """Return the state that the stage is called with: by default a drafted paper, reviewed once."""
        paper = samples.paper()
        return {
            "candidate": ctx.candidate,
            "round": 0,
            "bibliography": await ctx.save(samples.task().bibliography),
            "outline": await ctx.save(paper.outline),
            "manuscript": await ctx.save(paper.manuscript),
            "plan": await ctx.save(paper.plan),
            "results": await ctx.save(paper.results),
            "assessment": await ctx.save(paper.assessment),
            "rating": paper.assessment.rating,
            "reward": paper.assessment.rating,
            "decision": paper.assessment.decision,
            **{channel.name: channel.default for channel in self.channels},
        }

    def subject(self) -> Stage:
        """Return a fresh stage."""
        return self.stage()

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Enter the stage twice on one candidate and once on another."""
        said: list[JSON] = []
        for candidate, visit in (("c0", 1), ("c0", 2), ("c1", 1)):
            stage = await take()
            ctx = bench.context(stage.name, candidate=candidate, visit=visit)
            state = await self.state(ctx)
            before = json.dumps(state, sort_keys=True)
            updates = await stage(MappingProxyType(state), ctx)
            assert json.dumps(state, sort_keys=True) == before, "the stage changed the state that it was handed"
            said.append(self._checked(stage.name, updates))
        return said

    def _checked(self, name: str, updates: Mapping[str, JSON]) -> JSON:
        from peercycle.graphs.state import CANDIDATE_CHANNELS, check_updates

        declared = frozenset([*CANDIDATE_CHANNELS, *(channel.name for channel in self.channels)])
        return check_updates(name, updates, declared)

    def test_its_name_can_name_a_node(self) -> None:
        """A name is lower-case letters, digits, `_` and `-`, and is none of the graph's own nodes."""
        from peercycle.graphs.builder import RESERVED

        name = self.stage().name
        assert isinstance(name, str) and name.replace("_", "").replace("-", "").isalnum(), f"it is called {name!r}"
        assert name not in RESERVED, f"{name!r} is one of the graph's own nodes"

    def test_its_channels_are_its_own(self) -> None:
        """A declared channel is none of the graph's."""
        from peercycle.graphs.state import CANDIDATE_CHANNELS

        taken = [channel.name for channel in self.channels if channel.name in CANDIDATE_CHANNELS]
        assert not taken, f"{taken} are the graph's own channels"
