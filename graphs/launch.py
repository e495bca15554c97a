"""Before a run begins: what `auto` becomes, what is refused, and the record that is written first."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from peercycle import __version__
from peercycle.core.base import artifact_ref, canonical_json
from peercycle.core.errors import SandboxUnavailableError
from peercycle.core.runs import RunOptions, RunRecord
from peercycle.core.sandboxing import ALL_GUARANTEES, Guarantee, ProbeResult
from peercycle.core.writing import ResearchTask
from peercycle.graphs.fingerprint import fingerprint
from peercycle.graphs.foretelling import without_pdf
from peercycle.graphs.opening import open_components
from peercycle.graphs.openrun import OpenRun
from peercycle.graphs.pool import current_pool
from peercycle.graphs.refusing import require_workable, resolve_literature, with_policy
from peercycle.graphs.settings import component_settings
from peercycle.graphs.trained import use_trained
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import create_run, new_run_id, open_run, remove_run

if TYPE_CHECKING:
    from langgraph.runtime import RunControl

SANDBOX_PREFERENCE = ("docker", "bubblewrap")
"""Which sandbox `auto` tries first; others follow in the order of their names."""


async def create_and_open(
    task: ResearchTask, options: RunOptions, plugins: Plugins, control: RunControl | None, *, in_loop: bool
) -> OpenRun:
    """Resolve the options, write the run's record, and open the run. Nothing was spent where this raises.

    `in_loop` as in `create_run`: for a loop of our own, not for a server's.
    """
    options, found = resolve_literature(options, task)
    resolved, choices = await resolve(options, plugins)
    choices.extend(found)
    if task.study is not None and resolved.experiments != "run":
        choices.append(f"study: {task.study.name} is not run, as experiments are {resolved.experiments}")
    ref = artifact_ref(canonical_json(task))
    now = time.time()
    record = RunRecord(
        run_id=resolved.run_id or new_run_id(now, os.urandom(8)),
        created_at=now,
        peercycle_version=__version__,
        options=resolved,
        task=ref,
        fingerprint=fingerprint(resolved, ref, plugins),
        choices=tuple(choices),
    )
    async with current_pool().making:
        store = await create_run(Path(resolved.runs_dir), record, task, in_loop=in_loop)
    try:
        run = await open_components(store.path, store, record, task, plugins, _control(control))
    except BaseException:
        # Nothing was begun: a setting to mend must not leave a run that looks as if it had crashed.
        await store.close()
        await remove_run(store.path)
        raise
    await run.emit("launched", "; ".join(choices))
    return run


async def open_existing(path: Path, plugins: Plugins, control: RunControl | None, *, in_loop: bool) -> OpenRun:
    """Open a run of which the record is on disk, and take its lease; `in_loop` as in `create_run`."""
    store = await open_run(path, in_loop=in_loop)
    try:
        record = await store.record()
        task = ResearchTask.model_validate_json(await store.artifacts.get(record.task))
        return await open_components(path, store, record, task, plugins, _control(control))
    except BaseException:
        await store.close()
        raise


def _control(control: RunControl | None) -> RunControl:
    from langgraph.runtime import RunControl as Control

    return control if control is not None else Control()


async def resolve(options: RunOptions, plugins: Plugins) -> tuple[RunOptions, list[str]]:
    """Return the options with every `auto` decided, and a line for each decision. Refuses what cannot work."""
    # In a thread: weights are hashed, which takes seconds for each GB.
    options, trained = await asyncio.to_thread(use_trained, options, plugins)
    options, policy = with_policy(options, plugins)
    require_workable(options, plugins)
    options, experiments = await _resolve_experiments(options, plugins)
    return options, [trained or policy, experiments, *await without_pdf(options, plugins)]


async def _resolve_experiments(options: RunOptions, plugins: Plugins) -> tuple[RunOptions, str]:
    if options.experiments in {"off", "simulate"} or (options.experiments == "auto" and options.sandbox == "none"):
        mode = "off" if options.experiments == "auto" else options.experiments
        changes = {"experiments": mode, "sandbox": await _any_sandbox(options, plugins)}
        return options.model_copy(update=changes), f"experiments: {mode}, as asked"
    probes = await probe_all(options, plugins)
    if probes and probes[-1].holds(options.guarantees):
        chosen = options.model_copy(update={"experiments": "run", "sandbox": probes[-1].backend})
        where = f"{probes[-1].backend} {probes[-1].version}".strip()
        return chosen, f"experiments: run in {where}, which passed its probe"
    complaint = "; ".join(complaint_of(probe, options.guarantees) for probe in probes) or "no sandbox is installed"
    if options.experiments == "run":
        raise SandboxUnavailableError(f"no sandbox passes its probe: {complaint}; see `peercycle doctor`")
    off = options.model_copy(update={"experiments": "off", "sandbox": "none"})
    return off, f"experiments: off, because no sandbox passes its probe: {complaint}"


async def _any_sandbox(options: RunOptions, plugins: Plugins) -> str:
    """Return a sandbox for TeX where experiments are off; `none` is as good an answer."""
    if options.sandbox != "auto":
        return options.sandbox
    probes = await probe_all(options, plugins)
    return probes[-1].backend if probes and probes[-1].holds(options.guarantees) else "none"


def sandbox_order(plugins: Plugins) -> list[str]:
    """Return the installed sandboxes, the preferred ones first."""
    known = plugins.names("sandboxes")
    return [*(n for n in SANDBOX_PREFERENCE if n in known), *(n for n in known if n not in SANDBOX_PREFERENCE)]


async def probe_all(options: RunOptions, plugins: Plugins) -> Sequence[ProbeResult]:
    """Probe the named sandbox, or for `auto` the installed ones in order of preference, up to the first that passes."""
    names = [options.sandbox]
    if options.sandbox == "auto":
        names = sandbox_order(plugins)
    probes: list[ProbeResult] = []
    for name in names:
        holding = await current_pool().acquire(
            plugins, "sandboxes", name, component_settings(options, "sandboxes", name)
        )
        try:
            probe = await holding.component.probe()
        finally:
            await holding.release()
        probes.append(probe)
        if probe.holds(options.guarantees):
            break
    return probes


def complaint_of(probe: ProbeResult, needed: Iterable[Guarantee] = ALL_GUARANTEES) -> str:
    """Return in one line why a sandbox does not hold what is needed: each canary that failed, with the fix."""
    if not probe.available:
        problem = probe.problem or "not available"
        told = probe.fix is None or probe.fix in problem
        return f"{probe.backend}: {problem}" + ("" if told else f" (fix: {probe.fix})")
    failed = [c for c in probe.canaries if not c.passed and c.guarantee in set(needed)]
    untried = sorted(set(needed) - {c.guarantee for c in probe.canaries})
    if untried and not failed:
        return f"{probe.backend}: its probe has no canary for {', '.join(untried)}"
    return f"{probe.backend}: " + ", ".join(
        f"{c.guarantee} failed: {c.detail}" + (f" (fix: {c.fix})" if c.fix else "") for c in failed
    )
