"""What an exporter of a plugin writes without saying that it was machine-made is told of, and never kept in silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.contracts import Edition, StageContext
from peercycle.core.journal import RunReader
from peercycle.core.runs import MACHINE_MADE, RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.export.report import ReportExporter
from peercycle.graphs.driver import start
from peercycle.plugins.manager import Plugins


class Leaflet:
    """Writes one file that says nothing, or as much as it is told to."""

    def __init__(self, scope: str, path: str, said: str) -> None:
        self.scope, self.path, self.said = scope, path, said

    async def export(self, edition: Edition | None, run: RunReader, ctx: StageContext) -> dict[str, bytes]:
        return {self.path: f"All is well. {self.said}".encode()}


class LeafletPlugin:
    """Registers the leaflet, and behind it or before it the report that comes with peercycle."""

    def __init__(self, leaflet: Leaflet) -> None:
        self.leaflet = leaflet

    @hookimpl
    def register_exporters(self, register: Any) -> None:
        register("report", ReportExporter)
        register("leaflet", lambda settings: self.leaflet)


Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]


@pytest.mark.parametrize("order", [("leaflet", "report"), ("report", "leaflet")])
def test_a_report_without_the_sentence_is_not_kept_and_the_runs_own_report_says_so(
    task: ResearchTask, options: Options, kit: Kit, order: tuple[str, ...]
) -> None:
    plugin = LeafletPlugin(Leaflet("report", "report.txt", ""))
    result = asyncio.run(start(task, options(exporters=order, rounds=0), kit(plugin)))
    assert result.status == "finished", result.message
    assert not (result.path / "report.txt").exists()
    (told,) = json.loads((result.path / "report.json").read_text())["errors"]
    assert told["kind"] == "export_failed"
    assert "'leaflet' wrote 'report.txt' without saying that it was made by a machine" in told["message"]
    assert "peercycle.core.runs.MACHINE_MADE" in told["message"]


def test_a_report_with_the_sentence_is_kept(task: ResearchTask, options: Options, kit: Kit) -> None:
    plugin = LeafletPlugin(Leaflet("report", "report.txt", MACHINE_MADE.upper()))
    result = asyncio.run(start(task, options(exporters=("leaflet", "report"), rounds=0), kit(plugin)))
    assert (result.path / "report.txt").exists()
    assert json.loads((result.path / "report.json").read_text())["errors"] == []


def test_a_paper_without_the_sentence_fails_the_run(task: ResearchTask, options: Options, kit: Kit) -> None:
    plugin = LeafletPlugin(Leaflet("paper", "paper/paper.txt", MACHINE_MADE))
    result = asyncio.run(start(task, options(exporters=("leaflet", "report"), rounds=0), kit(plugin)))
    assert (result.status, result.reason) == ("failed", "error")
    assert "'leaflet' wrote 'paper/paper.txt' without saying" in result.message
    assert "every text file must hold edition.disclosure" in result.message
    assert not (result.path / "paper" / "paper.txt").exists()
