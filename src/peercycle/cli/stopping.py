"""`peercycle stop`: ask a run's driver to end its stage in hand and write the report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from peercycle.cli.endings import shown
from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, RunOrQueue, RunsDir

EVERY_S = 0.1


def stop(
    name: RunOrQueue,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Return once the run has stopped.")] = False,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask a run or a queue to stop.

    The stages in hand end, and the report is written; `peercycle resume` goes on later.
    """
    from peercycle.cli.configuring import runs_dir as kept_in
    from peercycle.cli.queue_state import find_queue
    from peercycle.store.directory import find_run, request_stop, run_status
    from peercycle.store.lease import holder

    if (queue := find_queue(name, kept_in(runs_dir))) is not None:
        _stop_queue(queue, wait, as_json)
        return
    path = find_run(name, kept_in(runs_dir))
    status = run_status(path)
    asked = status == "running"
    if asked:
        # Only where somebody drives it: a request left behind would be of no meaning to the next driver.
        request_stop(path)
        while wait and holder(path) is not None:
            # Longer than the status says `running`: the report is written after the terminal record.
            time.sleep(EVERY_S)
        status = run_status(path)
    if as_json:
        print_json({"run_id": path.name, "path": str(path), "status": status, "asked": asked})
    elif not asked:
        say(f"run {path.name} is not running: {status}")
    elif wait:
        say(f"run {path.name}: {status}")
    else:
        say(f"run {path.name} was asked to stop; the stages in hand end first (`peercycle status {shown(path)}`)")


def _stop_queue(queue: Path, wait: bool, as_json: bool) -> None:
    """Leave a request for the driver of a queue: its runs end their stages, and no other begins.

    A signal would be lost, or end the driver, where it has not yet come to the point of hearing one.
    """
    from peercycle.cli.queue_state import driver_of, standing_rows, status_of
    from peercycle.store.directory import request_stop

    asked = driver_of(queue) is not None
    if asked:
        request_stop(queue)
        while wait and driver_of(queue) is not None:
            time.sleep(EVERY_S)
    status = status_of(queue, standing_rows(queue))
    if as_json:
        print_json({"queue": queue.name, "path": str(queue), "status": status, "asked": asked})
    elif not asked:
        say(f"queue {queue.name} is not running: {status}")
    else:
        say(
            f"queue {queue.name} "
            + (f"ended: {status}" if wait else "was asked to stop; the stages in hand end first")
        )
