"""A sampler that stays: the engine is started once, and loads each policy that a job names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.errors import PeercycleError, UsageError
from peercycle.graphs.pool import Holding, current_pool
from peercycle.graphs.settings import backend_of
from peercycle.graphs.trained import ROLE
from peercycle.store.disk import FULL
from peercycle.trainers.loop.jobs import FULL_DISK, RolloutJob, read_job
from peercycle.trainers.loop.sampling import sample

ADAPTER = "adapter_config.json"


async def stay(paths: AsyncIterator[Path], plugins: Any, answer: Callable[[dict[str, JSON]], None]) -> None:
    """Do jobs as they come, each told of with its exit code; leave the engine when no more come."""
    held: Holding | None = None
    loaded = ""
    try:
        async for path in paths:
            try:
                job = read_job(path)
                if not isinstance(job, RolloutJob):
                    raise UsageError(f"{str(path)!r} is no sampler's job")
                if held is None:
                    served = backend_of(job.options.models[ROLE], job.options)
                    held = await current_pool().acquire(plugins, "models", *served)
                if job.load is not None and job.load != loaded:
                    await _load(held.component, Path(job.load), job.options.models[ROLE].name)
                    loaded = job.load
                answer({"code": await sample(job, plugins, last=False)})
            except PeercycleError as error:
                code = FULL_DISK if FULL in str(error) else 1 if error.exit_code == 3 else error.exit_code
                answer({"code": code, "error": " ".join(str(error).split())})
    finally:
        if held is not None:
            await held.release()
        await plugins.close()


async def _load(engine: Any, folder: Path, name: str) -> None:
    """Have an engine load a policy. What it remembers of the old one it has to forget: `reload_weights` promises so."""
    how = "load_adapter" if (folder / ADAPTER).is_file() else "reload_weights"
    if not hasattr(engine, how):
        raise UsageError(f"the engine {name!r} cannot load another policy while it runs; set sample.stay = false")
    if how == "load_adapter":
        await engine.load_adapter(folder.name, folder)
    else:
        await engine.reload_weights(folder)
