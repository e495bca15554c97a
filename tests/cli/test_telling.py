"""What a screen has said of a run: an error once, what repeats counted, and nothing after its ending."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from peercycle.cli.live import LiveScreen
from peercycle.cli.screens import PlainScreen
from peercycle.cli.telling import Told
from peercycle.core.events import RunEvent
from peercycle.graphs.result import RunResult

LONG = "the answer could not be read"


def failed(message: str, *, candidate: str = "c0", run_id: str = "r") -> RunEvent:
    return RunEvent(run_id, "stage_failed", 1.0, message, candidate, "write")


def ended(message: str, run_id: str = "r") -> RunResult:
    return RunResult(run_id, Path("runs") / run_id, "failed", "error", message, None, None, None, (), 0)


def passed_over(seconds: int, run_id: str = "r") -> RunEvent:
    return RunEvent(run_id, "outage_passed_over", 1.0, f"s2 did not answer after {seconds} s")


def test_an_ending_points_to_the_errors_that_were_shown() -> None:
    told = Told()
    told.event(failed(f"ValueError: {LONG}"))
    result, _ = told.ending(ended(f"every candidate failed: c0: write: {LONG}; c1: plan: too late"))
    assert result.message == "every candidate failed: c0: write: see above; c1: plan: too late"


@pytest.mark.parametrize(
    ("error", "message"),
    [("no", "no answer came"), ("no", "c0: write: no"), (LONG, f"c0: write: {LONG}, nor could the next")],
    ids=["begins alike", "short", "goes on"],
)
def test_a_message_that_only_holds_an_error_by_chance_or_a_short_one_is_shown_whole(error: str, message: str) -> None:
    told = Told()
    told.event(failed(f"ValueError: {error}"))
    assert told.ending(ended(message))[0].message == message


def test_an_error_that_was_only_pointed_to_is_not_pointed_to_itself() -> None:
    told, message = Told(), f"every candidate failed: c0: write: {LONG}"
    told.event(failed(f"ValueError: {LONG}"))
    shown = told.event(failed(f"StageError: {message}", candidate=""))
    assert shown is not None and shown.message == "StageError: every candidate failed: c0: write: see above"
    assert told.ending(ended(message))[0].message == "every candidate failed: c0: write: see above"


def test_a_run_is_forgotten_at_its_ending_and_no_other() -> None:
    told = Told()
    for run_id in ("r", "other"):
        told.event(failed(f"ValueError: {LONG}", run_id=run_id))
        told.event(passed_over(1, run_id))
    told.ending(ended("x"))
    assert told.ending(ended(f"c0: write: {LONG}"))[0].message == f"c0: write: {LONG}"
    assert told.event(passed_over(2)) is not None
    assert told.event(passed_over(2, "other")) is None
    assert told.ending(ended(f"c0: write: {LONG}", "other"))[0].message == "c0: write: see above"


@pytest.mark.parametrize("live", [False, True], ids=["plain", "live"])
def test_both_screens_say_a_source_that_is_down_once_and_count_it(
    live: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    told = io.StringIO()
    screen = LiveScreen(console=Console(file=told, width=200)) if live else PlainScreen()
    for seconds in (1, 2, 3):
        screen.event(passed_over(seconds))
    screen.done(replace(ended(""), status="finished", reason="no_gain"))
    lines = (told.getvalue() if live else capsys.readouterr().out).splitlines()
    assert [line for line in lines if "did not answer" in line] == [
        "outage passed over: s2 did not answer after 1 s",
        "3 times: s2 did not answer after 1 s",
    ]
