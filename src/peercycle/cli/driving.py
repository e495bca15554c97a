"""Driving one run with a screen: launch, follow, ending; and the exit code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.cli.endings import shown
from peercycle.cli.following import Followers
from peercycle.cli.interrupting import Announcer, Interrupted, announcing
from peercycle.cli.screens import Launch, Screen
from peercycle.core.errors import StoreError

if TYPE_CHECKING:
    from peercycle.graphs.result import RunResult
    from peercycle.plugins.manager import Plugins

Drive = Callable[[Callable[[Any], None]], Awaitable["RunResult"]]
"""Begins or resumes a run and drives it; calls its argument with the open run once there is one."""


def launch_of(run: Any, label: str = "", *, resumed: bool = False) -> Launch:
    """Return the launch record of an open run."""
    return Launch(run.run_id, Path(run.path), tuple(run.record.choices), label, resumed=resumed)


def drive_one(drive: Drive, screen: Screen, plugins: Plugins, *, label: str = "", after: int | None = None) -> int:
    """Drive one run and return the exit code. `after` is the last line that the log of a resumed run had."""
    from peercycle.core.runs import EXIT_CODES

    launched: list[Launch] = []
    try:
        with screen:
            result, failures = asyncio.run(_drive(drive, screen, plugins, after, launched, label))
            screen.done(result, failures)
    except KeyboardInterrupt:
        raise Interrupted(_way_on(launched)) from None
    except StoreError as error:
        if launched:
            error.add_note(f"once there is room, or its cause is mended, {_way_on(launched)}")
        raise
    return EXIT_CODES[result.status]


def _way_on(launched: list[Launch]) -> str:
    if not launched:
        return "no run was begun"
    return f"go on with: peercycle resume {shown(launched[0].path)}"


async def _drive(
    drive: Drive, screen: Screen, plugins: Plugins, after: int | None, launched: list[Launch], label: str
) -> tuple[RunResult, tuple[str, ...]]:
    from peercycle.cli.failures import failed_experiments

    followers = Followers(screen)
    watching = ExitStack()

    def on_launch(run: Any) -> None:
        launched.append(launch_of(run, label, resumed=after is not None))
        screen.launched(launched[0])
        # Not before: until there is a run, the first Ctrl-C ends everything.
        watching.enter_context(announcing(Announcer(screen, run)))
        followers.begin(run.run_id, launched[0].path, after=after or 0)

    try:
        with watching:
            result = await drive(on_launch)
        return result, await failed_experiments(result)
    except Exception:
        # A bug: its run has a terminal record all the same, and whoever reads the lines is told before the traceback.
        await followers.end_all()
        await _tell_of_the_end(launched, screen)
        raise
    finally:
        await followers.end_all()
        await plugins.close()


async def _tell_of_the_end(launched: list[Launch], screen: Screen) -> None:
    from peercycle.core.errors import PeercycleError
    from peercycle.graphs.result import result_of
    from peercycle.store.directory import read_run

    for launch in launched:
        try:
            screen.done(await result_of(read_run(launch.path)))
        except PeercycleError:
            return
