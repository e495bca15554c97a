"""How training loops stand, for `peercycle status`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from peercycle.cli.output import print_json, say

LOOPS = Path("loops")


def find_loop(name: str) -> list[Path]:
    """Return the folders of a loop, one for each arm that was begun: by path, or by its name below `loops/`."""
    for root in (Path(name), LOOPS / name):
        # What may not be looked into is no loop of ours; whoever looks for a run there says so.
        with suppress(PermissionError):
            if (root / "loop.json").is_file():
                return [root]
        if found := sorted(path.parent for path in root.glob("*/loop.json")):
            return found
    return []


def loop_data(folder: Path) -> dict[str, Any]:
    """Return how a loop stands, for scripts. Raises `DamagedRunError`."""
    from peercycle.core.errors import DamagedRunError
    from peercycle.store.lease import holder
    from peercycle.trainers.loop.record import read_record, steps_done

    record = read_record(folder)
    if record is None:
        raise DamagedRunError(f"{str(folder)!r} has no loop.json")
    steps = steps_done(folder)
    ended = record.terminal
    driven = holder(folder) is not None
    return {
        "loop": record.name,
        "arm": record.arm,
        "path": str(folder.absolute()),
        "status": "running" if driven else "finished" if ended else "stopped",
        "reason": ended.reason if ended else None,
        "message": ended.message if ended else "",
        "iterations": ended.iterations if ended else max((step.iteration for step in steps), default=0),
        "best": ended.best if ended else _best(steps),
        "steps": [
            {
                "iteration": step.iteration,
                "step": step.step,
                "seconds": step.seconds,
                "tokens": step.tokens,
                "figures": step.figures,
            }
            for step in steps
        ],
    }


def _best(steps: list[Any]) -> str | None:
    verdicts = [step.figures.get("best") for step in steps if step.step == "promote"]
    return str(verdicts[-1]) if verdicts else None


def print_loops(folders: list[Path], as_json: bool) -> None:
    """Print how a loop stands, arm by arm and step by step."""
    from peercycle.cli.loop_telling import step_line

    found = [loop_data(folder) for folder in folders]
    if as_json:
        print_json({"loops": found})
        return
    for folder, each in zip(folders, found, strict=True):
        whose = f"{each['loop']}/{each['arm']}" if each["arm"] else each["loop"]
        how = f"{each['status']}: {each['reason']}" if each["reason"] else each["status"]
        say(f"loop {whose}: {how}" + (f" ({each['message']})" if each["message"] else ""))
        for step in each["steps"]:
            say(step_line({**step, "loop": each["loop"], "arm": each["arm"], "fresh": True}))
        if each["status"] == "stopped":
            say(f"go on with: {_again(folder, each['arm'])}")


def _again(folder: Path, arm: str | None) -> str:
    """Return the command that goes on with a loop; its file may lie anywhere."""
    import shlex

    command = ["peercycle", "train", "LOOP.toml", *(("--arm", arm) if arm else ())]
    loops, here = folder.resolve().parent.parent, Path.cwd()
    if loops == LOOPS.resolve():
        return shlex.join(command)
    return shlex.join(
        [*command, "--loops-dir", str(loops.relative_to(here) if loops.is_relative_to(here) else loops)]
    )
