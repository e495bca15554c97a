"""`peercycle status`: what runs there are, or what one is doing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peercycle.cli.endings import shown, way_on
from peercycle.cli.loops import wait_for
from peercycle.cli.output import duration, print_json, print_table, say, shortened
from peercycle.cli.parameters import AsJson, RunsDir
from peercycle.cli.progress import Progress

if TYPE_CHECKING:
    from peercycle.core.journal import Question
    from peercycle.core.runs import RunRecord, RunStatus, SpendingLine


@dataclass(frozen=True, slots=True)
class Standing:
    """How one run stands."""

    path: Path
    status: RunStatus
    record: RunRecord
    topic: str
    progress: Progress
    rating: float | None
    spending: tuple[SpendingLine, ...]
    questions: tuple[Question, ...]

    @property
    def how(self) -> str:
        """Its status, and why where it ended."""
        ended = self.record.terminal
        return self.status + (f": {ended.reason}" if ended and ended.reason else "")

    @property
    def idle(self) -> float | None:
        """Seconds since anything happened in a run that is driven; None for any other."""
        return self.progress.idle() if self.status == "running" else None

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        ended = self.record.terminal
        return {
            "run_id": self.record.run_id,
            "path": str(self.path.absolute()),
            "status": self.status,
            "reason": ended.reason if ended else None,
            "message": ended.message if ended else "",
            "topic": self.topic,
            "stage": self.progress.stages or None,
            "idle_seconds": None if self.idle is None else round(self.idle, 1),
            "outage": self.progress.outage or None,
            "rating": self.rating,
            "created_at": self.record.created_at,
            "spending": [line.model_dump(mode="json") for line in self.spending],
            "questions": [
                {"id": q.id, "question": q.question, "schema": dict(q.schema), "stage": q.stage}
                for q in self.questions
            ],
        }


def status(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[RUN|QUEUE|LOOP]", help="A path, an id, or the unique beginning of an id."),
    ] = None,
    *,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """List all runs and queues, or tell how one stands; a training loop by its name.

    Of a run that is driven: the stages in hand, and how long it has been idle.
    """
    from peercycle.cli.configuring import runs_dir as kept_in
    from peercycle.cli.loop_listing import find_loop, print_loops
    from peercycle.cli.queue_listing import print_queue, queue_data, queue_row
    from peercycle.cli.queue_state import find_queue, list_queues
    from peercycle.store.directory import find_run, list_runs

    folder = kept_in(runs_dir)
    if name is not None and (loop := find_loop(name)):
        print_loops(loop, as_json)
        return
    if name is not None and (queue := find_queue(name, folder)) is not None:
        print_queue(queue, as_json)
        return
    if name is not None:
        _print_one(wait_for(standing(find_run(name, folder))), as_json)
        return
    found = wait_for(_all(list_runs(folder)))
    queues = [queue_data(queue) for queue in list_queues(folder)]
    if as_json:
        print_json({"runs_dir": str(folder), "runs": [each for each, _ in found], "queues": queues})
    elif not found and not queues:
        say(f"no runs in {str(folder)!r}; `peercycle run REFS.bib --topic …` begins one")
    else:
        print_table(
            ("run", "status", "in hand", "idle", "rating", "topic"),
            [*[row for _, row in found], *map(queue_row, queues)],
        )


async def standing(path: Path) -> Standing:
    """Read how a run stands. Raises `DamagedRunError`, `RunVersionError`."""
    from peercycle.cli.following import best_rating
    from peercycle.core.writing import ResearchTask
    from peercycle.store.directory import read_run, run_status

    reader = read_run(path)
    record = await reader.record()
    progress = Progress(record.run_id)
    for _, event in await reader.events():
        progress.hear(event)
    task = ResearchTask.model_validate_json(await reader.artifacts.get(record.task))
    return Standing(
        path=path,
        status=run_status(path),
        record=record,
        topic=task.topic,
        progress=progress,
        rating=best_rating(await reader.candidates()),
        spending=await reader.spending(),
        questions=await reader.questions(open_only=True),
    )


async def _all(paths: list[Path]) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    from peercycle.core.errors import PeercycleError

    found: list[tuple[dict[str, Any], tuple[str, ...]]] = []
    for path in paths:
        try:
            each = await standing(path)
        except PeercycleError as error:
            # One damaged run must not hide the others.
            found.append(
                (
                    {"path": str(path), "status": None, "error": str(error)},
                    (path.name, "unreadable", str(error), "", "", ""),
                )
            )
            continue
        found.append((each.as_json(), _row(each)))
    return found


def _row(each: Standing) -> tuple[str, ...]:
    from peercycle.core.counting import counted

    waiting = counted(len(each.questions), "open question") if each.questions else ""
    return (
        each.record.run_id,
        each.how,
        waiting or (each.progress.stages if each.status in {"running", "crashed"} else ""),
        "" if each.idle is None else duration(each.idle),
        "" if each.rating is None else f"{each.rating:.2f}",
        shortened(each.topic),
    )


def _print_one(each: Standing, as_json: bool) -> None:
    if as_json:
        print_json(each.as_json())
        return
    ended = each.record.terminal
    say(f"run {each.record.run_id}: {each.how}" + (f" ({ended.message})" if ended and ended.message else ""))
    say(f"topic: {shortened(each.topic)}")
    say(f"begun: {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(each.record.created_at))}; in {each.path}")
    if each.status in {"running", "crashed"}:
        say(f"in hand: {each.progress.stages or 'nothing'}")
    if each.idle is not None:
        say(f"idle: {duration(each.idle)}; last: {each.progress.last_message or '-'}")
    if each.progress.outage:
        say(f"outage: {each.progress.outage}")
    if each.rating is not None:
        say(f"rating of the best version: {each.rating:.2f}")
    for line in each.spending:
        if line.spent or line.limit is not None:
            say(f"{line.name}: {spending_text(line)}")
    for question in each.questions:
        say(f"question {question.id}: {question.question}")
        say(f"  answer with: peercycle answer {shown(each.path)} --question {question.id} VALUE")
    message, settled = (ended.message, ended.settled) if ended else ("", False)
    for told in way_on(each.status, each.path, message, settled=settled):
        say(told)


def spending_text(line: SpendingLine) -> str:
    """Return what was used of a limit."""
    spent = "unknown" if line.spent is None else _amount(line.spent)
    reserved = f" (and {_amount(line.reserved)} reserved)" if line.reserved else ""
    return f"{spent}{reserved} of {_amount(line.limit)}" if line.limit is not None else f"{spent}{reserved}, no limit"


def _amount(value: float) -> str:
    return f"{value:,.4g}" if value < 100 else f"{value:,.0f}"
