"""Opening a run: its components are made and entered; for a replay, models that refuse stand for its models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.core.base import JSON
from peercycle.core.counting import counted
from peercycle.core.errors import ReplayDivergedError
from peercycle.core.journal import RunStore
from peercycle.core.modelling import ModelRequest, ModelResult, Usage
from peercycle.core.runs import ModelChoice, RunOptions, RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.graphs.models import Coalescer
from peercycle.graphs.openrun import OpenRun, ServedModel
from peercycle.graphs.pool import Holding, current_pool
from peercycle.graphs.settings import backend_of, component_settings
from peercycle.plugins.manager import Kind, Plugins

if TYPE_CHECKING:
    from langgraph.runtime import RunControl


async def open_components(
    path: Path,
    store: RunStore,
    record: RunRecord,
    task: ResearchTask,
    plugins: Plugins,
    control: RunControl,
    *,
    offline: bool = False,
) -> OpenRun:
    """Make and enter what a run needs; on failure, what was entered is left again.

    `offline` is for a replay: no model and no sandbox is made, and the journal must answer for them.
    """
    options = record.options
    async with AsyncExitStack() as undoing:
        entering = _Entering(plugins, options, undoing)
        sandboxed = options.sandbox not in {"auto", "none"} and not offline
        serve = _refused if offline else entering.serve
        run = OpenRun(
            path=path,
            store=store,
            plugins=plugins,
            record=record,
            task=task,
            control=control,
            models={role: await serve(choice) for role, choice in options.models.items()},
            policy=await entering.take("policies", options.policy),
            reviewer=await entering.take("reviewers", options.reviewer),
            judge=await entering.take("reviewers", options.judge) if options.judge else None,
            reward=await entering.take("rewards", options.reward),
            exporters={name: await entering.take("exporters", name) for name in options.exporters},
            sandbox=await entering.take("sandboxes", options.sandbox) if sandboxed else None,
            holdings=entering.holdings,
            offline=offline,
        )
        undoing.pop_all()
        return run


@dataclass(frozen=True, slots=True)
class _Entering:
    """Enters a run's components, each to be left again where a later one fails."""

    plugins: Plugins
    options: RunOptions
    undoing: AsyncExitStack
    holdings: list[Holding] = field(default_factory=list)

    async def take(self, kind: Kind, name: str) -> Any:
        return (await self._hold(kind, name, component_settings(self.options, kind, name))).component

    async def serve(self, choice: ModelChoice) -> ServedModel:
        holding = await self._hold("models", *backend_of(choice, self.options))
        engine = holding.life.shared.setdefault("engine", Coalescer(holding.component))
        return ServedModel(choice, holding.component, engine)

    async def _hold(self, kind: Kind, name: str, settings: Mapping[str, JSON]) -> Holding:
        holding = await current_pool().acquire(self.plugins, kind, name, settings)
        self.undoing.push_async_callback(holding.release)
        self.holdings.append(holding)
        return holding


class RefusedModel:
    """Stands for a model in a replay."""

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        """Refuse."""
        raise ReplayDivergedError(
            f"a replay asked a model {counted(len(requests), 'request')}; no model is reached in a replay"
        )

    def worst_case(self, request: ModelRequest) -> Usage:
        """Nothing is reserved in a replay."""
        return Usage()


async def _refused(choice: ModelChoice) -> ServedModel:
    model = RefusedModel()
    return ServedModel(choice, model, Coalescer(model))
