"""A whole run in which every sentence comes from a model: random words under schemas, as from untrained weights."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.agents.schema_model import SchemaModel

from peercycle import hookimpl
from peercycle.core.literature import Bibliography
from peercycle.core.runs import ModelChoice, RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.graphs.replay import replay
from peercycle.plugins.manager import Plugins
from peercycle.plugins.testing import samples
from peercycle.store.artifacts import FileArtifactStore


class Offered:
    """Registers the model."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @hookimpl
    def register_models(self, register: Any) -> None:
        register("schema", lambda settings: self.model)


def options(tmp_path: Path, **changes: Any) -> RunOptions:
    given: dict[str, Any] = {
        "run_id": "r1",
        "runs_dir": str(tmp_path / "runs"),
        "policy": "auto",
        "reviewer": "prompted",
        "models": {"default": ModelChoice(name="schema")},
        "exporters": ("latex", "report"),
        "experiments": "off",
        "sandbox": "none",
        "rounds": 1,
        "settings": {
            "policies": {"prompted": {"sections": 3, "section_characters": 400, "text_characters": 200}},
            "reviewers": {"prompted": {"reviewers": 2, "items": 2, "text_characters": 200}},
        },
    }
    return RunOptions.model_validate({**given, **changes})


def completions(path: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path / "run.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute("SELECT * FROM completions ORDER BY rowid")]
    store = FileArtifactStore(path / "artifacts")
    for row in rows:
        for column in ("request", "tokens_json", "text"):
            row[column] = row[column] or store.load(row[f"{column}_ref"]).decode()
    return rows


def plugins(model: Any) -> Plugins:
    return Plugins.load(Offered(model), entry_points=False, environ={})


def test_a_run_on_random_words_under_schemas_finishes_and_replays(tmp_path: Path) -> None:
    task = ResearchTask(topic="ranking", bibliography=Bibliography(entries=samples.references()))
    loaded = plugins(SchemaModel())
    result = asyncio.run(start(task, options(tmp_path), loaded))
    assert result.status == "finished", result
    record = json.loads((result.path / "run.json").read_text())
    assert record["choices"][0] == "policy: prompted, because a model is configured"
    rows = completions(result.path)
    assert {row["stage"] for row in rows} >= {"outline", "related", "write", "conclude", "review", "revise"}
    assert {row["role"] for row in rows} == {"policy", "reviewer"}
    assert all(json.loads(row["tokens_json"])["completion_token_ids"] for row in rows)
    assert result.rating is not None
    assert result.paper is not None
    assert "nobody" not in result.paper.latex, "an invented citation stands in the paper"
    assert asyncio.run(replay(result.path, loaded)).differences == ()


def test_of_the_tries_of_one_question_exactly_the_one_that_was_used_is_accepted(tmp_path: Path) -> None:
    task = ResearchTask(topic="ranking", bibliography=Bibliography(entries=samples.references()))
    result = asyncio.run(start(task, options(tmp_path, rounds=0), plugins(SchemaModel())))
    tries: dict[str, list[dict[str, Any]]] = {}
    for row in completions(result.path):
        first = json.dumps(json.loads(row["request"])["messages"][:2])
        tries.setdefault(f"{row['stage']}|{first}", []).append(row)
    asked_again = [rows for rows in tries.values() if len(rows) > 1]
    assert asked_again, "the model cites works that do not exist, so something was asked again"
    for rows in tries.values():
        verdicts = [row["accepted"] for row in rows]
        assert verdicts == [0] * (len(rows) - 1) + [1]
