"""The finish: the best paper and the report as files, then the terminal record. Done on every ending."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from langgraph.errors import GraphBubbleUp

from peercycle.core.base import JSON
from peercycle.core.bindings import measured_uses
from peercycle.core.contracts import Edition, Exporter
from peercycle.core.errors import DisclosureError, LeaseLostError, PeercycleError, PluginError, ReplayDivergedError
from peercycle.core.events import RunEnd
from peercycle.core.experiments import ExperimentResults
from peercycle.core.reviews import Assessment
from peercycle.core.runs import MACHINE_MADE, STATUS_OF_REASON, EndReason, RunStatus, Terminal
from peercycle.core.writing import Manuscript
from peercycle.graphs.context import DriverContext
from peercycle.graphs.openrun import OpenRun
from peercycle.graphs.result import best_row
from peercycle.graphs.work import load_work, submission
from peercycle.store.disk import DIRECTORY_MODE, disk_errors, replace_file

EARLY_VISIT = 0
"""The visit of `finish` in endings outside the graph; inside it, the visit is the number of the round, from 1."""

TEXT_SUFFIXES = {".tex", ".bib", ".html", ".htm", ".xml", ".md", ".txt", ".json"}
"""What an exporter must write its disclosure into; pictures, tables and programs are what the texts speak of."""


async def publish(run: OpenRun, best: Mapping[str, Any] | None, visit: int) -> Assessment | None:
    """Write the paper of the best version; return the judge's assessment where there is a judge.

    One exporter's failure is in the report and keeps no other from its work; a dropped disclosure ends the run.
    """
    if best is None:
        return None
    ctx = DriverContext(run, stage="finish", candidate="", visit=visit)
    judged = await _judge(run, best, ctx)
    edition = await _edition(best, judged, ctx)
    if edition is None:
        return judged
    for name, exporter in run.exporters.items():
        if exporter.scope == "paper":
            await _export(name, exporter, edition, run, ctx)
    return judged


async def _judge(run: OpenRun, best: Mapping[str, Any], ctx: DriverContext) -> Assessment | None:
    if run.judge is None:
        return None
    if best.get("judgement"):
        return await ctx.load(str(best["judgement"]), Assessment)
    handed = await submission({**best, "assessment": None}, ctx)
    assessment = await run.judge.review(handed, ctx)
    await run.store.save_assessment(str(best["candidate"]), int(best.get("round", 0)), "judge", assessment, None)
    await ctx.save(assessment)
    return assessment


async def _edition(best: Mapping[str, Any], judged: Assessment | None, ctx: DriverContext) -> Edition | None:
    work = await load_work(best, ctx)
    if work.manuscript is None:
        return None
    return Edition(
        topic=work.task.topic,
        manuscript=work.manuscript,
        bibliography=work.bibliography,
        results=work.results,
        assessment=judged or work.assessment,
        disclosure=disclosure(ctx.run, work.manuscript, work.results),
        made_by=made_by(ctx.run),
    )


def disclosure(run: OpenRun, manuscript: Manuscript, results: ExperimentResults | None) -> str:
    """Return the sentence that every output shows."""
    known = {m.id: m.provenance for m in results.measurements} if results else {}
    shown = [known.get(number) for number in {use.id for use in measured_uses(manuscript.latex)}]
    measured, simulated = shown.count("measured"), shown.count("simulated")
    models = sorted({choice.name for choice in run.options.models.values()})
    by = f"the policy '{run.options.policy}'" + (
        f" on {', '.join(models)}" if models else ", without a language model"
    )
    basis = f"It shows {measured} numbers that were measured" if measured else "It shows no measured number"
    if simulated:
        basis += f" and {simulated} that were simulated, marked where they stand"
    return (
        f"This paper was made by a machine: peercycle, with {by}. {basis}. It has not been peer reviewed by people."
    )


def made_by(run: OpenRun) -> dict[str, JSON]:
    """Return what made a paper, for `disclosure.json`."""
    return {
        "peercycle": run.record.peercycle_version,
        "policy": run.options.policy,
        "reviewer": run.options.reviewer,
        "judge": run.options.judge,
        "reward": run.options.reward,
        "models": {role: choice.name for role, choice in run.options.models.items()},
        "plugins": run.record.fingerprint.get("plugins"),
    }


async def _export(name: str, exporter: Exporter, edition: Edition | None, run: OpenRun, ctx: DriverContext) -> None:
    ends: tuple[type[BaseException], ...] = (LeaseLostError, ReplayDivergedError, GraphBubbleUp)
    if edition is not None:
        ends += (DisclosureError,)
    try:
        files = await exporter.export(edition, run.store, ctx)
        require_disclosure(name, files, edition)
        for path, body in sorted(files.items()):
            if edition is not None:
                await run.store.artifacts.put(body, media_type=_media_type(path), name=path)
            await asyncio.to_thread(write_file, run.path, path, body)
    except ends:
        raise
    except Exception as error:  # noqa: BLE001 - an exporter of a plugin may raise anything; the report tells
        detail = "" if isinstance(error, PeercycleError) else traceback.format_exc(limit=-8)
        message = f"exporter {name!r} failed: {type(error).__name__}: {error}"
        await run.emit("export_failed", message, stage="finish", visit=ctx.visit, data={"traceback": detail})


def require_disclosure(name: str, files: Mapping[str, bytes], edition: Edition | None) -> None:
    """Raise `DisclosureError` where a text file does not hold its sentence, blanks and escapes aside.

    The sentence is the edition's for a paper, `MACHINE_MADE` for a report.
    """
    wanted = _letters(edition.disclosure if edition is not None else MACHINE_MADE)
    source = "edition.disclosure" if edition is not None else "peercycle.core.runs.MACHINE_MADE"
    for path, body in files.items():
        if PurePosixPath(path).suffix in TEXT_SUFFIXES and wanted not in _letters(body.decode("utf-8", "replace")):
            raise DisclosureError(
                f"exporter {name!r} wrote {path!r} without saying that it was made by a machine; "
                f"every text file must hold {source}"
            )


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text)).lower()


def _media_type(path: str) -> str:
    import mimetypes

    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def write_file(root: Path, relative: str, body: bytes) -> None:
    """Write a file below the run directory, whole or not at all. Refuses paths that lead elsewhere."""
    parts = PurePosixPath(relative).parts
    in_paper = len(parts) > 1 and parts[0] == "paper" and ".." not in parts
    if not in_paper and not (len(parts) == 1 and parts[0].startswith("report.")):
        raise PluginError(f"an exporter may not write {relative!r}; only paper/… and report.… are its places")
    target = root.joinpath(*parts)
    with disk_errors("write", target):
        target.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    replace_file(target, body)


async def write_report(run: OpenRun, visit: int) -> None:
    """Write the report: a function of what the run keeps, so that it can be rebuilt at any time.

    One that drops its disclosure is not kept; the run has ended by then, and its own report, made last, tells of it.
    """
    ctx = DriverContext(run, stage="finish", candidate="", visit=visit)
    for name, exporter in sorted(run.exporters.items(), key=lambda item: item[0] == "report"):
        if exporter.scope == "report":
            await _export(name, exporter, None, run, ctx)


async def conclude_run(
    run: OpenRun,
    reason: EndReason | None,
    message: str,
    *,
    rounds: int,
    rating: float | None,
    visit: int,
    settled: bool = False,
) -> Terminal:
    """Write the terminal record, then the report that shows it, and tell the plugins. `reason` None is `waiting`."""
    status: RunStatus = STATUS_OF_REASON[reason] if reason else "waiting"
    await run.tick()
    told = await _tell_problems(run, visit, told=0)
    await run.emit("ended", message, stage="finish", visit=visit, data={"status": status, "reason": reason})
    terminal = Terminal(status=status, reason=reason, message=message, at=time.time(), settled=settled)
    run.record = run.record.model_copy(update={"terminal": terminal})
    # The report reads the record, so it comes after it; a kill in between costs the report only, which
    # `resume` and `report` write again.
    await run.store.write_record(run.record)
    await write_report(run, visit)
    run.plugins.on_run_end(RunEnd(run.run_id, str(run.path), status, reason, rating, rounds))
    # The process may end with the run, and the listeners' threads with it.
    await _tell_problems(run, visit, told=told)
    return terminal


async def _tell_problems(run: OpenRun, visit: int, *, told: int) -> int:
    """Log what plugins' hooks have raised so far, beyond the first `told` of them; return how many there are."""
    await run.plugins.drain_events()
    problems = run.plugins.problems
    for problem in problems[told:]:
        await run.emit("plugin_problem", problem.message, stage="finish", visit=visit)
    return len(problems)


async def best_so_far(run: OpenRun) -> dict[str, Any] | None:
    """Return the best complete version that the store knows, for endings before the graph's own selection."""
    best = best_row(await run.store.candidates())
    return dict(best.state) if best else None


async def end_early(run: OpenRun, reason: EndReason | None, message: str, *, settled: bool = False) -> Terminal:
    """End outside the graph: publish the best version there is, the report, the terminal record."""
    best = await best_so_far(run)
    try:
        if best is not None and reason is not None:
            await publish(run, best, EARLY_VISIT)
    except PeercycleError as error:
        await run.emit("export_failed", str(error), stage="finish")
    rating = best.get("rating") if best else None
    return await conclude_run(
        run,
        reason,
        message,
        rounds=int((best or {}).get("round", 0)),
        rating=rating,
        visit=EARLY_VISIT,
        settled=settled,
    )
