"""Settings that change how a server is asked, each through a whole run over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.agents.protocol_model import said

import peercycle
from peercycle.agents.models.scripted import ScriptedModel, ScriptedModelSettings
from peercycle.core.modelling import Message, ModelRequest
from peercycle.core.runs import RunOptions
from peercycle.graphs.replay import replay
from peercycle.plugins.manager import Plugins

Say = Callable[[ModelRequest], str]


def answering(behaviours: Any, say: Say) -> Any:
    """A server that answers a conversation; its last turn, where it is an assistant's, is to be gone on from."""

    def behave(handler: Any, body: dict[str, Any]) -> None:
        turns = [Message.model_validate(turn) for turn in body["messages"]]
        prefix = turns.pop().content if turns[-1].role == "assistant" else None
        request = ModelRequest(messages=tuple(turns), assistant_prefix=prefix, seed=body.get("seed"))
        handler.send(200, json.dumps(behaviours.chat(body, say(request))).encode())

    return behave


@pytest.fixture
def careful(repository: Path) -> Say:
    """The answers of the authored run, which fit what they are asked for without being shown a schema."""
    answers = repository / "examples" / "authored" / "answers.json"
    model = ScriptedModel(ScriptedModelSettings(file=str(answers)))

    def say(request: ModelRequest) -> str:
        (result,) = asyncio.run(model.generate([request]))
        return result.text

    return say


@pytest.mark.parametrize("form", ["json_schema", "json_object", "none"])
def test_a_run_ends_finished_however_a_server_is_told_that_it_is_to_write_json(
    form: str, careful: Say, behaviours: Any, fake_server: Any, repository: Path, tmp_path: Path
) -> None:
    """`json_object` as OpenAI has it: refused unless the word stands in the conversation. `none`: fences and prose."""
    wanted = answering(behaviours, lambda request: dressed(careful(request)) if form == "none" else careful(request))

    def behave(handler: Any, body: dict[str, Any]) -> None:
        told = body.get("response_format", {}).get("type")
        if told == "json_object" and "json" not in json.dumps(body["messages"]).lower():
            behaviours.status(400, "'messages' must contain the word 'json' in some form")(handler, body)
        else:
            wanted(handler, body)

    fake_server.script = [behave]
    given = json.loads((repository / "examples" / "authored" / "run" / "run.json").read_text())["options"]
    model = {"name": "openai/m", "settings": {"base_url": fake_server.url, "response_format": form}}
    asked = RunOptions.model_validate(
        {**given, "models": {"default": model}, "runs_dir": str(tmp_path), "exporters": ("latex", "report")}
    )
    references = repository / "examples" / "preference_learning.bib"
    kept = asked.model_dump(exclude={"run_id", "plugins", "disabled_plugins"})
    try:
        result = peercycle.research("how many judged pairs a linear reward needs", references, **kept)
    except peercycle.PeercycleError as error:
        pytest.skip(f"needs a sandbox that passes its probe: {error}")
    assert (result.status, result.rating) == ("finished", 7.0), result.message
    formats = [body.get("response_format", {}).get("type") for _, body, _ in fake_server.asked]
    assert set(formats) - {None} == (set() if form == "none" else {form})
    # Nothing had to be asked again.
    assert len(formats) == len({json.dumps(body["messages"]) for _, body, _ in fake_server.asked})


def dressed(answer: str) -> str:
    """JSON as it is written by models that nobody holds to it."""
    return f"Here is what you asked for:\n\n```json\n{answer}\n```\n" if answer.startswith("{") else answer


@pytest.mark.parametrize("stream", [False, True])
def test_results_are_simulated_through_a_server(
    stream: bool, behaviours: Any, fake_server: Any, cycles: Any, tmp_path: Path
) -> None:
    """The published one-shot: the server is handed the turn that it is to go on from, and repeats it, as some do."""
    prefixes: list[str] = []

    def say(request: ModelRequest) -> str:
        if request.assistant_prefix is not None:
            prefixes.append(request.assistant_prefix)
        return (request.assistant_prefix or "") + said(request)

    fake_server.script = [answering(behaviours, say)]
    models = {"default": {"name": "openai/m", "settings": {"base_url": fake_server.url, "stream": stream}}}
    asked = cycles.options(tmp_path, models, policy="cycleresearcher", reviewer="cyclereviewer")
    result = peercycle.research("ranking", cycles.references, **{**asked, "experiments": "simulate", "settings": {}})
    assert result.status == "finished", result.message
    (prefix,) = prefixes
    assert prefix.endswith("## Experimental_results\n\n```json\n")
    kinds = cycles.rows(result.path, "SELECT DISTINCT provenance FROM measurements")
    assert kinds == [("simulated",)]
    assert "simulated" in (result.path / "paper" / "paper.tex").read_text()
    assert asyncio.run(replay(result.path, Plugins.load(entry_points=False, environ={}))).differences == ()


@pytest.mark.parametrize("bad", ["", "I would rather not.", "[\n" + '{"name": "a", ' * 400])
def test_simulated_results_that_cannot_be_used_are_asked_for_again_and_then_a_clear_error(
    bad: str, behaviours: Any, fake_server: Any, cycles: Any, tmp_path: Path
) -> None:
    worse = [bad]

    def say(request: ModelRequest) -> str:
        return worse.pop() if request.assistant_prefix is not None and worse else said(request)

    fake_server.script = [answering(behaviours, say)]
    models = {"default": {"name": "openai/m", "settings": {"base_url": fake_server.url}}}
    asked = cycles.options(tmp_path, models, policy="cycleresearcher", reviewer="cyclereviewer", rounds=0)
    asked |= {"experiments": "simulate", "settings": {}}
    result = peercycle.research("ranking", cycles.references, **asked)
    assert result.status == "finished", result.message
    verdicts = cycles.rows(result.path, "SELECT accepted FROM completions WHERE stage = 'experiment' ORDER BY rowid")
    assert verdicts == [(0,), (1,)]
    worse[:] = [bad] * 3
    again = peercycle.research("ranking", cycles.references, **asked)
    assert again.status == "failed"
    assert "simulated results: no answer of 3 could be used" in again.message
