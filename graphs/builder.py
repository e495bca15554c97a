"""Which stages stand on which path: ours, and what plugins add, replace and wrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from peercycle.core.contracts import Channel, Stage, WrapStage
from peercycle.core.errors import PluginConflictError, PluginError
from peercycle.graphs.state import CANDIDATE_CHANNELS

PathName = Literal["draft", "improve"]

RESERVED = frozenset({"literature", "select", "finish", "seal", "draft", "improve"})
"""Names of nodes that are no candidate's stages."""


@dataclass(slots=True)
class StageBuilder:
    """The stages of both paths. Plugins speak to it through `for_plugin`."""

    paths: dict[PathName, list[str]]
    stages: dict[str, Stage]
    channels: dict[str, Channel] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    """Who added or replaced a stage, by its name."""
    replaced: dict[str, str] = field(default_factory=dict)
    declared_by: dict[str, str] = field(default_factory=dict)
    wraps: list[tuple[str, WrapStage]] = field(default_factory=list)

    def finished(self) -> dict[str, Stage]:
        """Return every stage, with its wrappers around it: they hold whatever replaced the stage, too."""
        stages = dict(self.stages)
        for name, wrap in self.wraps:
            stages[name] = wrap(stages[name])
        return stages

    def for_plugin(self, name: str) -> PluginBuilder:
        """Return the builder that one plugin is handed."""
        return PluginBuilder(self, name)

    def declare(self, plugin: str, channels: Sequence[Channel]) -> None:
        """Take a plugin's channels in; raises `PluginConflictError` for a name that is taken."""
        for channel in channels:
            owner = self.declared_by.get(channel.name)
            if channel.name in CANDIDATE_CHANNELS or channel.name == "candidates":
                raise PluginConflictError(
                    f"plugin {plugin!r} declares the channel {channel.name!r}, which is peercycle's own"
                )
            if owner not in {None, plugin}:
                raise PluginConflictError(
                    f"plugins {owner!r} and {plugin!r} both declare the channel {channel.name!r}"
                )
            self.channels[channel.name] = channel
            self.declared_by[channel.name] = plugin

    def place(self, name: str, paths: Sequence[PathName], after: str | None, before: str | None, plugin: str) -> None:
        """Put a stage's name next to another one on each path that has the other one."""
        anchor = after or before
        if anchor is None or (after and before):
            raise PluginError(f"plugin {plugin!r} adds the stage {name!r}: say either after=… or before=…")
        placed = False
        for path in paths:
            order = self.paths[path]
            if anchor in order:
                order.insert(order.index(anchor) + (1 if after else 0), name)
                placed = True
        if not placed:
            known = ", ".join(dict.fromkeys([*self.paths["draft"], *self.paths["improve"]]))
            raise PluginError(
                f"plugin {plugin!r} adds {name!r} next to {anchor!r}, which is no stage of {list(paths)}; "
                f"there are: {known}"
            )


@dataclass(frozen=True, slots=True)
class PluginBuilder:
    """`GraphBuilder` as one plugin sees it: what it does is done in its name."""

    builder: StageBuilder
    plugin: str

    def add_stage(
        self,
        stage: Stage,
        *,
        after: str | None = None,
        before: str | None = None,
        paths: Sequence[PathName] = ("draft", "improve"),
        channels: Sequence[Channel] = (),
    ) -> None:
        """Add a stage next to another one, on the named paths."""
        name = stage.name
        if name in RESERVED or name in self.builder.stages:
            owner = self.builder.owners.get(name, "peercycle")
            raise PluginConflictError(
                f"plugin {self.plugin!r} adds a stage named {name!r}, but {owner} has one; "
                f"rename it or use replace_stage"
            )
        self.builder.declare(self.plugin, channels)
        self.builder.place(name, paths, after, before, self.plugin)
        self.builder.stages[name] = stage
        self.builder.owners[name] = f"plugin {self.plugin!r}"

    def replace_stage(self, name: str, stage: Stage, *, channels: Sequence[Channel] = ()) -> None:
        """Put another stage in a stage's place."""
        self._known(name)
        if other := self.builder.replaced.get(name):
            raise PluginConflictError(
                f"plugins {other!r} and {self.plugin!r} both replace the stage {name!r}; disable one with -p no:NAME"
            )
        self.builder.declare(self.plugin, channels)
        self.builder.replaced[name] = self.plugin
        self.builder.stages[name] = stage
        self.builder.owners[name] = f"plugin {self.plugin!r}"

    def wrap_stage(self, name: str, wrap: WrapStage, *, channels: Sequence[Channel] = ()) -> None:
        """Put a stage around a stage."""
        self._known(name)
        self.builder.declare(self.plugin, channels)
        self.builder.wraps.append((name, wrap))

    def _known(self, name: str) -> None:
        if name not in self.builder.stages:
            raise PluginError(
                f"plugin {self.plugin!r} names the stage {name!r}, which does not exist; "
                f"there are: {', '.join(self.builder.stages)}"
            )
