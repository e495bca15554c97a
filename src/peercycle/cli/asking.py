"""What `peercycle run` was asked to do: checked first, then driven here or by a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.core.literature import Bibliography
    from peercycle.core.runs import RunOptions
    from peercycle.core.writing import ResearchTask
    from peercycle.plugins.manager import Plugins

OWN_LITERATURE = frozenset({"local"})
"""Sources that find nothing but what they are given."""

AUTO = "auto"


def require_literature(options: RunOptions, *, queued: bool = False) -> None:
    """Refuse a task without a bibliography where no source could find it one. Raises `UsageError`.

    A task of a queue must name the online source that it wants: hundreds of them do not go out by a slip.
    """
    from peercycle.core.errors import UsageError

    corpora = options.settings.get("literature", {}).get("local", {}).get("corpora")
    own = OWN_LITERATURE | {AUTO} if queued else OWN_LITERATURE
    if frozenset(options.literature) <= own and not corpora:
        raise UsageError(
            "there is nothing to start from: give a BibTeX file (`peercycle run REFS.bib --topic …`), "
            "name an online source (--literature semantic-scholar), or set literature.local.corpora"
        )


def read_so_far(bibliography: Bibliography) -> str:
    """Return in one line what was read: how many works, and the problems met."""
    number, problems = len(bibliography.entries), bibliography.problems
    if not number:
        return ""
    works = f"{number} work{'s' if number != 1 else ''} read"
    if not problems:
        return works
    first = problems[0]
    said = "1 problem" if len(problems) == 1 else f"{len(problems)} problems, the first"
    return f"{works}, {said}: line {first.line}: {' '.join(first.message.split())}"


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments of `run`, options resolved."""

    source: Path | None
    topic: str | None
    experiment: Path | None
    data: tuple[Path, ...]
    options: RunOptions
    plugins: Plugins
    parallel: int | None
    """Runs of a queue at the same time."""
    queue_id: str | None
    """Name of the queue's folder, where whoever started this process has chosen it."""
    as_json: bool
    skip_bad: bool = False
    """Whether a queue goes on without the lines that are no tasks."""

    @property
    def is_queue(self) -> bool:
        """Whether the source is a queue of tasks."""
        return self.source is not None and self.source.suffix == ".jsonl"

    def run(self) -> int:
        """Drive it here, and return the exit code."""
        if self.is_queue:
            from peercycle.cli.queue import run_queue

            return run_queue(self, self.queue_id)
        from peercycle.cli.driving import drive_one
        from peercycle.cli.screens import choose_screen

        task = self.task()

        async def drive(on_launch: Any) -> Any:
            from peercycle.graphs.driver import start

            return await start(task, self.options, self.plugins, on_launch=on_launch)

        return drive_one(drive, choose_screen(self.as_json), self.plugins, label=read_so_far(task.bibliography))

    def detach(self, arguments: Sequence[str]) -> int:
        """Check it here, then let a process of its own drive it."""
        from peercycle.cli import detaching

        if self.is_queue:
            from peercycle.cli.tasks import read_tasks

            assert self.source is not None
            read_tasks(self.source, self.options, skip_bad=self.skip_bad)
            return detaching.detach_queue(arguments, Path(self.options.runs_dir), as_json=self.as_json)
        self.task()
        return detaching.detach_run(arguments, Path(self.options.runs_dir), self.options.run_id, as_json=self.as_json)

    def task(self) -> ResearchTask:
        """Return the one task. Raises `UsageError` or `BadInputError`."""
        from peercycle.api import make_task, read_bibliography
        from peercycle.core.errors import UsageError

        for flag, given in (("--parallel", self.parallel is not None), ("--skip-bad", self.skip_bad)):
            if given:
                raise UsageError(f"{flag} is for a queue of tasks (TASKS.jsonl); here is one run")
        if self.topic is None:
            if self.source is not None:
                # A file that is not there, or no bibliography, is the greater slip: it is said first.
                read_bibliography(self.source)
            raise UsageError('--topic is missing; say what the paper shall be about: --topic "…"')
        if self.data and self.experiment is None:
            raise UsageError(f"--data {self.data[0]}: only a study reads data; give it with --experiment STUDY.py")
        if self.source is None:
            require_literature(self.options)
        return make_task(self.topic, self.source, experiment=self.experiment, data=self.data)
