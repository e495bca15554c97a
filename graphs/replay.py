"""Replay: the graph runs again from the journal alone, with models, network and sandbox refused."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.runtime import RunControl

from peercycle.core.errors import ReplayDivergedError, UsageError
from peercycle.core.journal import ArtifactStore, CandidateRow, EffectKey, EffectOutcome, RunReader, RunStore
from peercycle.core.runs import Terminal, flag_to_raise
from peercycle.core.writing import ResearchTask
from peercycle.graphs.cycle import beginning_of, cycle_of, thread_of
from peercycle.graphs.fingerprint import compare, fingerprint, require_same
from peercycle.graphs.opening import open_components
from peercycle.graphs.registry import forget, register
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import create_run, read_run


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay found."""

    run_id: str
    path: Path
    versions: int
    """Versions of candidates that were made again."""
    effects: int
    """Effects that the journal answered."""
    differences: tuple[str, ...]
    """Artefacts that came out otherwise; none is what a replay is for."""


class ReplayArtifacts:
    """The replay's own artefacts, and behind them those of the run that is replayed."""

    def __init__(self, own: ArtifactStore, source: ArtifactStore) -> None:
        self._own = own
        self._source = source

    async def put(self, data: bytes, *, media_type: str = "application/octet-stream", name: str = "") -> str:
        """Store a body in the replay."""
        return await self._own.put(data, media_type=media_type, name=name)

    async def get(self, ref: str) -> bytes:
        """Return a body of the replay, or of the source."""
        if self._own.path(ref).exists():
            return await self._own.get(ref)
        return await self._source.get(ref)

    def path(self, ref: str) -> Path:
        """Return where a body lies."""
        own = self._own.path(ref)
        return own if own.exists() else self._source.path(ref)


class ReplayStore:
    """A `RunStore` whose effects are answered by another run's journal, or not at all."""

    def __init__(self, own: RunStore, source: RunReader) -> None:
        self._own = own
        self._source = source
        self.artifacts = ReplayArtifacts(own.artifacts, source.artifacts)
        self.answered = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    async def find_effect(self, key: EffectKey) -> EffectOutcome | None:
        """Return what the source's journal holds."""
        return await self._source.find_effect(key)

    async def begin_effect(self, key: EffectKey, request: Any, *_: Any, **__: Any) -> EffectOutcome:
        """Return the journalled outcome. Raises `ReplayDivergedError` where there is none."""
        found = await self.find_effect(key)
        if found is None:
            shown = str(request)
            raise ReplayDivergedError(
                f"stage {key.stage!r} (candidate {key.candidate or '-'}, visit {key.visit}) asked for an effect "
                f"that the journal does not hold: {key.kind} {shown[:200]}{'…' if len(shown) > 200 else ''}"
            )
        self.answered += 1
        return found


async def replay(path: Path, plugins: Plugins, *, keep: Path | None = None) -> ReplayReport:
    """Run the graph of a finished run again from its journal, and compare every version's artefacts.

    Raises `UsageError` for a run that has not ended, `ReplayDivergedError` at the first request that the journal
    cannot answer, `FingerprintError` where what decides the content is no longer what it was.
    """
    source = read_run(path)
    record = await source.record()
    if record.terminal is None:
        # Its journal breaks off in the middle of a stage: what is missing would look like a divergence.
        raise UsageError(
            f"run {record.run_id!r} has not ended; `peercycle resume {record.run_id}` first, then replay it"
        )
    if record.terminal.status in {"stopped", "waiting"}:
        raise UsageError(_unfinished(record.run_id, record.terminal))
    differences = compare(record.fingerprint, fingerprint(record.options, record.task, plugins))
    require_same(record.run_id, differences, "replay it with the plugins and settings that it was run with")
    task = ResearchTask.model_validate_json(await source.artifacts.get(record.task))
    with tempfile.TemporaryDirectory(prefix="peercycle-replay-") as temporary:
        runs_dir = keep or Path(temporary)
        options = record.options.model_copy(update={"runs_dir": str(runs_dir), "run_id": None})
        fresh = record.model_copy(
            update={"run_id": f"replay-{record.run_id}"[:100], "options": options, "terminal": None, "extensions": ()}
        )
        own = await create_run(runs_dir, fresh, task, in_loop=True)
        store = ReplayStore(own, source)
        try:
            run = await open_components(
                own.path, cast(RunStore, store), fresh, task, plugins, RunControl(), offline=True
            )
        except BaseException:
            await own.close()
            raise
        await register(run)
        try:
            graph = cycle_of(plugins, InMemorySaver())
            await graph.ainvoke(beginning_of(run), thread_of(run, graph), context=options, control=run.control)
            differences = await _differences(source, own)
        finally:
            forget(run)
            await run.close()
        return ReplayReport(record.run_id, own.path, len(await _versions(source)), store.answered, differences)


def _unfinished(run_id: str, ended: Terminal) -> str:
    how = "waits for an answer" if ended.status == "waiting" else f"stopped before its end ({ended.reason})"
    go_on = f"peercycle resume {run_id}{flag_to_raise(ended.message)}"
    return f"run {run_id!r} {how}; `{go_on}` goes on with it, and a replay follows its end"


async def _versions(run: RunReader) -> Mapping[tuple[str, int], CandidateRow]:
    return {(row.candidate, row.round): row for row in await run.candidates() if row.status == "complete"}


async def _differences(source: RunReader, own: RunReader) -> tuple[str, ...]:
    before, after = await _versions(source), await _versions(own)
    found = [f"{c} of round {r}: was not made again" for c, r in before if (c, r) not in after]
    for (candidate, round_), row in after.items():
        old = before.get((candidate, round_))
        if old is None:
            found.append(f"{candidate} of round {round_}: was made for the first time")
            continue
        for what in ("manuscript", "results", "check", "assessment"):
            if getattr(old, what) != getattr(row, what):
                found.append(f"{candidate} of round {round_}: {what} {getattr(old, what)} -> {getattr(row, what)}")
    return (*found, *(await asyncio.to_thread(_paper_differences, source.path, own.path) if before else ()))


def _paper_differences(one: Path, other: Path) -> list[str]:
    names = {str(p.relative_to(root)) for root in (one, other) for p in (root / "paper").rglob("*") if p.is_file()}
    changed = []
    for name in sorted(names):
        a, b = one / name, other / name
        if not (a.exists() and b.exists() and a.read_bytes() == b.read_bytes()):
            changed.append(f"{name}: differs")
    return changed
