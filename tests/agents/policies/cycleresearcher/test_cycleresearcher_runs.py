"""Whole runs of the published protocol: with imagined results, and with none."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.agents.protocol_model import ProtocolModel

from peercycle import hookimpl
from peercycle.core.literature import Bibliography
from peercycle.core.runs import ModelChoice, RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.graphs.replay import replay
from peercycle.plugins.manager import Plugins
from peercycle.plugins.testing import samples


class Offered:
    """Registers the model."""

    @hookimpl
    def register_models(self, register: Any) -> None:
        register("protocol", lambda settings: ProtocolModel())


@pytest.mark.parametrize("experiments", ["simulate", "off"])
def test_a_run_of_the_protocol_finishes_and_replays(tmp_path: Path, experiments: str) -> None:
    options = RunOptions.model_validate(
        {
            "run_id": "r1",
            "runs_dir": str(tmp_path / "runs"),
            "policy": "cycleresearcher",
            "reviewer": "cyclereviewer",
            "models": {"default": ModelChoice(name="protocol")},
            "exporters": ("latex", "report"),
            "experiments": experiments,
            "sandbox": "none",
            "rounds": 1,
        }
    )
    plugins = Plugins.load(Offered(), entry_points=False, environ={})
    task = ResearchTask(topic="ranking", bibliography=Bibliography(entries=samples.references()))
    result = asyncio.run(start(task, options, plugins))
    assert result.status == "finished", result
    assert result.rating is not None
    assert result.paper is not None
    assert [s.heading for s in result.paper.sections][:4] == [
        "Introduction",
        "Related Work",
        "Methods",
        "Experiments",
    ]
    with closing(sqlite3.connect(result.path / "run.sqlite")) as connection:
        kinds = {row[0] for row in connection.execute("SELECT DISTINCT provenance FROM measurements")}
        accepted = [row[0] for row in connection.execute("SELECT accepted FROM completions WHERE role = 'policy'")]
    assert kinds == ({"simulated"} if experiments == "simulate" else set())
    assert accepted.count(1) == 2
    if experiments == "simulate":
        published = (result.path / "paper" / "paper.tex").read_text()
        assert "simulated" in published
        checks = json.loads((result.path / "report.json").read_text())
        assert "simulated" in json.dumps(checks)
    assert asyncio.run(replay(result.path, plugins)).differences == ()
