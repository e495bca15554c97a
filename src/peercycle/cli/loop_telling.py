"""What `peercycle train` says of a loop: each step as it ends, and how the loop did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peercycle.cli.output import duration, print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peercycle.trainers.loop.manifest import Manifest, StepName, Told
    from peercycle.trainers.loop.record import LoopRecord
    from peercycle.trainers.loop.settings import LoopSettings


def told(settings: LoopSettings, as_json: bool) -> Told:
    """Return what says what a loop does: a line for each step, or an event."""
    from peercycle.trainers.loop.manifest import Told as Silent

    whose = {"loop": settings.name, "arm": settings.arm}

    class Telling(Silent):
        def begun(self, step: StepName, iteration: int) -> None:
            if as_json:
                print_json({"event": "begin", **whose, "iteration": iteration, "step": step})

        def done(self, manifest: Manifest, *, fresh: bool) -> None:
            event = {"event": "step", **whose, "fresh": fresh, **manifest.model_dump(mode="json", include=_TOLD)}
            if as_json:
                print_json(event)
            else:
                say(step_line(event))

    return Telling()


_TOLD = {"step", "iteration", "seconds", "tokens", "figures"}


def tell_of_the_end(settings: LoopSettings, record: LoopRecord, as_json: bool) -> None:
    """Say how a loop ended, and how to run what came of it."""
    terminal = record.terminal
    assert terminal is not None
    if as_json:
        print_json({"event": "done", "loop": record.name, "arm": record.arm, **terminal.model_dump(mode="json")})
        return
    say(f"{_named(settings.name, settings.arm)}: {terminal.reason}: {terminal.message}")
    say(
        f'run the best policy with: peercycle run REFS.bib --topic "…" --policy {_named(settings.name, settings.arm, "-")}'
    )


def step_line(event: Mapping[str, Any]) -> str:
    """Return a step in one line."""
    figures = event["figures"]
    shown = ", ".join(
        f"{name} {_value(figures[key])}"
        for key, name in _SHOWN[event["step"]].items()
        if figures.get(key) is not None
    )
    took = duration(float(event["seconds"])) if event["fresh"] else "done before"
    tokens = ", ".join(
        f"{count:,} tokens {kind}" for kind, count in event["tokens"].items() if count and kind != "prompt"
    )
    parts = [part for part in (shown, tokens, took) if part]
    return f"{_named(event['loop'], event['arm'])} {event['iteration']:03d} {event['step']}: {'; '.join(parts)}"


_SHOWN: dict[str, dict[str, str]] = {
    "sample": {"rollouts": "rollouts", "failed": "failed"},
    "review": {"reviewed": "reviewed", "unrated": "unrated", "mean_rating": "mean rating"},
    "reward": {"mean": "mean reward", "best_of_n": "best of each task", "worst_of_n": "worst"},
    "pair": {"pairs": "pairs", "demonstrations": "demonstrations"},
    "train": {"steps": "updates"},
    "export": {"policy": "policy"},
    "evaluate": {
        "judge": "judge",
        "steering": "steering",
        "accepted": "accepted",
        "tasks": "held-out tasks",
        "failed": "failed",
        "repetition": "repetition",
    },
    "promote": {"best": "best", "wins_over_first": "wins over the first", "why": "because"},
}


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _named(name: str, arm: str | None, between: str = "/") -> str:
    return f"{name}{between}{arm}" if arm else name
