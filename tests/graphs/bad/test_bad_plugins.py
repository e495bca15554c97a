"""Plugins that fail beside a run, or before it: they are named, and the run or what was there stays whole."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import PluginError
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]


def problems(path: Path) -> list[str]:
    return [event.message for _, event in asyncio.run(read_run(path).events(kinds=("plugin_problem",)))]


class Grumbler:
    """Raises whatever it hears."""

    @hookimpl
    def before_stage(self, event: Any) -> None:
        raise RuntimeError("before it began")

    @hookimpl
    def after_stage(self, event: Any) -> None:
        raise SystemExit("after it ended")

    @hookimpl
    def on_event(self, event: Any) -> None:
        raise ValueError("no such event, please")

    @hookimpl
    def on_run_end(self, event: Any) -> None:
        raise KeyError("at the very end")


def test_event_hooks_that_raise_are_in_the_log_and_the_run_finishes(
    task: ResearchTask, options: Options, kit: Kit, artefacts: Any
) -> None:
    plain = asyncio.run(start(task, options(run_id="plain"), kit()))
    result = asyncio.run(start(task, options(run_id="grumbled"), kit(Grumbler())))
    assert (result.status, result.reason) == (plain.status, plain.reason) == ("finished", "round_limit")
    assert artefacts(result.path) == artefacts(plain.path)
    said = problems(result.path)
    for hook, what in {
        "before_stage": "before it began",
        "after_stage": "after it ended",
        "on_event": "no such event",
        "on_run_end": "at the very end",
    }.items():
        (line,) = [line for line in said if f"failed in {hook}" in line and what in line]
        assert "'Grumbler'" in line
        assert "\n" not in line
    assert len(said) == 4


class Listener:
    """Keeps which stages it heard begin and end."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int]] = []

    @hookimpl
    def before_stage(self, event: Any) -> None:
        self.heard.append(("before", event.stage, event.visit))

    @hookimpl
    def after_stage(self, event: Any) -> None:
        self.heard.append(("after", event.stage, event.visit))


def test_every_stage_tells_that_it_begins_and_ends_selection_and_finish_too(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    listener = Listener()
    result = asyncio.run(start(task, options(candidates=1, rounds=1), kit(listener)))
    assert (result.status, result.reason) == ("finished", "round_limit")
    heard = listener.heard
    assert [heard[at + 1] for at in range(0, len(heard), 2)] == [
        ("after", *place[1:]) for place in heard[::2] if place[0] == "before"
    ]
    places = [place[1:] for place in heard[::2]]
    assert places[0] == ("literature", 1)
    assert [place for place in places if place[0] in {"select", "finish"}] == [
        ("select", 1),
        ("select", 2),
        ("finish", 2),
    ]


def test_an_event_hook_that_hangs_is_given_up_and_the_run_finishes_in_time(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    let_go = threading.Event()

    class Sleeper:
        @hookimpl
        def before_stage(self, event: Any) -> None:
            let_go.wait(100)

    plugins = kit(Sleeper(), patience_s=0.3)
    began = time.monotonic()
    try:
        result = asyncio.run(start(task, options(), plugins))
        assert time.monotonic() - began < 100
    finally:
        let_go.set()
    assert result.status == "finished"
    (line,) = problems(result.path)
    assert "'Sleeper'" in line
    assert "has not returned in 0.3 s" in line


def test_a_file_that_raises_when_it_is_imported_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("raise RuntimeError('as it stands')\n")
    with pytest.raises(PluginError, match=r"plugin 'broken' .*broken\.py.*RuntimeError: as it stands") as caught:
        Plugins.load(files=[str(file)], entry_points=False, environ={})
    assert "\n" not in str(caught.value)


class Jammed:
    """A component that cannot be entered."""

    async def __aenter__(self) -> Any:
        raise OSError("the port is taken")

    async def __aexit__(self, *error: object) -> None:
        return


def offering(**factories: Callable[[Any], Any]) -> Any:
    """Return a plugin that offers policies."""
    plugin = ModuleType("jam")

    @hookimpl
    def register_policies(register: Any) -> None:
        for name, factory in factories.items():
            register(name, factory)

    plugin.register_policies = register_policies  # type: ignore[attr-defined]
    return plugin


def unmade(settings: Any) -> Any:
    raise ZeroDivisionError("cannot be made")


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("unmade", r"the factory of policy 'unmade' \(plugin 'jam'.* failed: ZeroDivisionError: cannot be made"),
        ("jammed", r"policy 'jammed' \(plugin 'jam'.* failed when it was entered: OSError: the port is taken"),
    ],
)
def test_a_component_that_cannot_be_made_or_entered_is_named_and_leaves_no_run(
    task: ResearchTask, options: Options, kit: Kit, tmp_path: Path, policy: str, says: str
) -> None:
    plugins = kit(offering(unmade=unmade, jammed=lambda settings: Jammed()))
    earlier = asyncio.run(start(task, options(run_id="earlier"), plugins))
    before = sorted(earlier.path.rglob("*"))
    with pytest.raises(PluginError, match=says) as caught:
        asyncio.run(start(task, options(policy=policy), plugins))
    assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["earlier"]
    assert sorted(earlier.path.rglob("*")) == before
