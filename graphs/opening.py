"""Opening a run: its components are made and entered; for a replay, models that refuse stand for its models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.core.counting import counted
from peercycle.core.errors import ReplayDivergedError
from peercycle.core.journal import RunStore
from peercycle.core.modelling import ModelRequest, ModelResult, Usage
from peercycle.core.runs import ModelChoice, RunOptions, RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.graphs.models import Coalescer
from peercycle.graphs.openrun import OpenRun, ServedModel
from peercycle.graphs.pool import Holding, Pool, current_pool
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
    pool, options = current_pool(), record.options
    holdings: list[Holding] = []

    async def take(kind: Kind, name: str) -> Any:
        holding = await pool.acquire(plugins, kind, name, component_settings(options, kind, name))
        holdings.append(holding)
        return holding.component

    try:
        models = {
            role: _refused(choice) if offline else await _serve(pool, plugins, choice, options, holdings)
            for role, choice in options.models.items()
        }
        sandboxed = options.sandbox not in {"auto", "none"} and not offline
        return OpenRun(
            path=path,
            store=store,
            plugins=plugins,
            record=record,
            task=task,
            control=control,
            policy=await take("policies", options.policy),
            reviewer=await take("reviewers", options.reviewer),
            judge=await take("reviewers", options.judge) if options.judge else None,
            reward=await take("rewards", options.reward),
            models=models,
            exporters={name: await take("exporters", name) for name in options.exporters},
            sandbox=await take("sandboxes", options.sandbox) if sandboxed else None,
            holdings=holdings,
            offline=offline,
        )
    except BaseException:
        for holding in reversed(holdings):
            await holding.release()
        raise


async def _serve(
    pool: Pool, plugins: Plugins, choice: ModelChoice, options: RunOptions, holdings: list[Holding]
) -> ServedModel:
    backend, settings = backend_of(choice, options)
    holding = await pool.acquire(plugins, "models", backend, settings)
    holdings.append(holding)
    engine = holding.life.shared.setdefault("engine", Coalescer(holding.component))
    return ServedModel(choice, holding.component, engine)


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


def _refused(choice: ModelChoice) -> ServedModel:
    model = RefusedModel()
    return ServedModel(choice, model, Coalescer(model))
