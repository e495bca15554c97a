"""The whole cycle on a language model: in this process, and through a server that fails and comes back."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import peercycle
from peercycle.agents.models.transformers.model import TransformersModel
from peercycle.agents.models.transformers.settings import TransformersSettings
from peercycle.core.modelling import Message, ModelRequest, ModelResult, Sampling
from peercycle.graphs.driver import resume
from peercycle.graphs.models import Coalescer
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run

pytestmark = pytest.mark.timeout(300)
CANARY = "sk-canary-fedcba9876543210"


def test_a_whole_cycle_on_weights_in_this_process_ends_finished(
    cycles: Any, tiny_model: Path, tmp_path: Path
) -> None:
    """Random weights, held to schemas: what they say is noise, and every bit of it was sampled here."""
    import transformers

    models = {"default": {"name": f"transformers/{tiny_model}", "settings": {"device": "cpu"}}}
    result = peercycle.research("learning from preferences", cycles.references, **cycles.options(tmp_path, models))
    assert (result.status, result.reason in {"accepted", "round_limit", "no_gain"}) == ("finished", True), (
        result.message
    )
    cycles.require_sampled_papers(result.path, transformers.AutoTokenizer.from_pretrained(tiny_model))
    ((seconds, tokens, cost),) = cycles.rows(
        result.path,
        "SELECT SUM(engine_seconds), SUM(prompt_tokens + completion_tokens), SUM(cost) FROM spending "
        "WHERE kind = 'model'",
    )
    assert seconds > 0 and tokens > 0
    assert cost is None, "money is counted only where a price is configured"


def test_a_whole_cycle_on_a_gpu_ends_finished(
    cycles: Any, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    import transformers

    if not torch.cuda.is_available():
        pytest.skip("needs a GPU of NVIDIA's, and a torch built for it")
    # Compiled kernels are the test's own, and torch leaves no variable behind.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))
    weights: Path = request.getfixturevalue("larger_model")
    settings = {"device": "cuda", "dtype": "float32"}
    models = {"default": {"name": f"transformers/{weights}", "settings": settings}}
    result = peercycle.research("learning from preferences", cycles.references, **cycles.options(tmp_path, models))
    assert result.status == "finished", result.message
    cycles.require_sampled_papers(result.path, transformers.AutoTokenizer.from_pretrained(weights))


def test_eight_candidates_are_answered_in_batches_and_each_keeps_its_seed(
    cycles: Any, tiny_model: Path, tmp_path: Path
) -> None:
    """The engine's calls, counted: eight drafts side by side take the calls of one, or little more."""

    async def main(candidates: int, path: Path) -> tuple[list[int], list[Any]]:
        sizes: list[int] = []

        class Counting(TransformersModel):
            async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
                sizes.append(len(requests))
                return await super().generate(requests)

        class Offer:
            @peercycle.hookimpl
            def register_models(self, register: Any) -> None:
                register("counting", Counting, TransformersSettings)

        models = {"default": {"name": f"counting/{tiny_model}", "settings": {"device": "cpu"}}}
        asked = cycles.options(path, models, candidates=candidates, rounds=0, reviewer="rubric", exporters=())
        plugins = Plugins.load(Offer(), entry_points=False, environ={})
        result = await peercycle.aresearch("learning from preferences", cycles.references, plugins=plugins, **asked)
        assert result.status == "finished", result.message
        ids = cycles.rows(result.path, "SELECT tokens_json, tokens_json_ref FROM completions WHERE candidate <> ''")
        return sizes, ids

    one, _ = asyncio.run(main(1, tmp_path / "one"))
    eight, answers = asyncio.run(main(8, tmp_path / "eight"))
    # On a busy machine some come late, and go with the next call.
    assert max(eight) >= 4, f"the calls held {eight} requests"
    assert sum(eight) >= 8 * (sum(one) - 2)
    assert len(eight) <= 3 * len(one), f"{len(eight)} calls for eight candidates, {len(one)} for one"
    assert len(set(answers)) > 8, "candidates said the same"


def test_what_arrives_while_an_engine_computes_goes_into_its_next_call() -> None:
    calls: list[int] = []

    class Slow:
        coalesces = True

        async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
            calls.append(len(requests))
            await asyncio.sleep(0.05)
            return [_result(request) for request in requests]

        def worst_case(self, request: ModelRequest) -> Any:
            raise NotImplementedError

    async def main() -> list[str]:
        engine = Coalescer(Slow())
        first = [asyncio.create_task(engine.generate(_asking(str(n)))) for n in range(3)]
        await asyncio.sleep(0.02)
        later = [asyncio.create_task(engine.generate(_asking(str(n)))) for n in range(3, 8)]
        return [result.text for result in await asyncio.gather(*first, *later)]

    assert asyncio.run(main()) == [str(n) for n in range(8)]
    assert calls == [3, 5]


def test_callers_that_fell_out_of_step_are_answered_together_again() -> None:
    """Four that ask while four others are answered would else take turns with them to the end."""
    calls: list[int] = []

    class Slow:
        coalesces = True

        async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
            calls.append(len(requests))
            await asyncio.sleep(0.2)
            return [_result(request) for request in requests]

        def worst_case(self, request: ModelRequest) -> Any:
            raise NotImplementedError

    async def caller(engine: Coalescer, delay: float) -> None:
        await asyncio.sleep(delay)
        for _ in range(8):
            await engine.generate(_asking("again"))
            await asyncio.sleep(0.002)

    async def main() -> None:
        engine = Coalescer(Slow())
        await asyncio.gather(*(caller(engine, 0.0) for _ in range(4)), *(caller(engine, 0.1) for _ in range(4)))

    asyncio.run(main())
    assert calls[0] == 4, f"they began out of step: {calls}"
    assert calls.count(8) >= 4, f"the calls held {calls} requests"


def _asking(text: str) -> ModelRequest:
    return ModelRequest(messages=(Message(role="user", content=text),), sampling=Sampling(max_tokens=4))


def _result(request: ModelRequest) -> ModelResult:
    from peercycle.core.modelling import Completion

    return ModelResult(completions=(Completion(text=request.messages[0].content),))


# ------------------------------------------------------------------------- through a server that fails


def test_a_server_that_dies_in_a_run_stops_it_and_the_run_goes_on_when_it_is_back(
    fitting_server: Any, cycles: Any, behaviours: Any, tmp_path: Path
) -> None:
    server = behaviours.FakeServer()
    port, answer = server.server_address[1], fitting_server
    server.script = [answer, answer, lambda handler, _: handler.hang_up()]
    chosen = {
        "default": {"name": "openai/m", "settings": {"base_url": server.url, "retries": 1, "retry_wait_s": 0.01}}
    }
    first = peercycle.research("learning from preferences", cycles.references, **cycles.options(tmp_path, chosen))
    assert (first.status, first.reason) == ("stopped", "outage"), first.message
    server.end()
    answered = cycles.rows(first.path, "SELECT COUNT(*) FROM effects WHERE kind = 'model' AND state = 'settled'")[0][
        0
    ]
    assert answered >= 1
    back = behaviours.FakeServer(port)
    back.script = [answer]
    again = asyncio.run(resume(first.path, Plugins.load(entry_points=False, environ={})))
    assert again.status == "finished", again.message
    total = cycles.rows(first.path, "SELECT COUNT(*) FROM effects WHERE kind = 'model' AND state = 'settled'")[0][0]
    assert len(back.asked) == total - answered, "what was answered before the outage was paid for again"
    back.end()


def test_what_a_server_said_before_an_outage_ended_the_run_is_in_the_journal_whole(
    fitting_server: Any, cycles: Any, behaviours: Any, tmp_path: Path
) -> None:
    server, said = behaviours.FakeServer(), "the engine is out of memory " * 400
    server.script = [fitting_server, behaviours.status(503, said)]
    chosen = {"default": {"name": "openai/m", "settings": {"base_url": server.url, "retries": 0}}}
    result = peercycle.research("learning from preferences", cycles.references, **cycles.options(tmp_path, chosen))
    server.end()
    assert (result.status, result.reason) == ("stopped", "outage"), result.message
    assert len(result.message) < 1000

    released = [row for row in asyncio.run(_effects(result.path)) if row["state"] == "released" and row["result"]]
    assert released
    for row in released:
        assert json.loads(json.loads(row["result"])["raw"])["error"]["message"] == said


async def _effects(path: Path) -> Any:
    return await read_run(path).rows("effects")


def test_an_outage_that_ends_within_the_wait_costs_only_time(
    fitting_server: Any, cycles: Any, behaviours: Any, tmp_path: Path
) -> None:
    server = behaviours.FakeServer()
    answer = fitting_server
    server.script = [answer, behaviours.status(503, "starting"), behaviours.status(503, "starting"), answer]
    chosen = {"default": {"name": "openai/m", "settings": {"base_url": server.url, "retries": 0}}}
    result = peercycle.research(
        "learning from preferences",
        cycles.references,
        **cycles.options(tmp_path, chosen, on_outage="wait:60s", rounds=0),
    )
    server.end()
    assert result.status == "finished", result.message
    assert cycles.rows(result.path, "SELECT COUNT(*) FROM events WHERE kind = 'outage'")[0][0] >= 1


def test_a_key_is_in_no_file_log_report_or_message(
    fitting_server: Any,
    cycles: Any,
    behaviours: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Planted in the environment, repeated by the server in answers and in the refusal that ends the run."""
    monkeypatch.setenv("MY_KEY", CANARY)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY + "-other")
    server = behaviours.FakeServer()
    answer = fitting_server

    def telling(handler: Any, body: dict[str, Any]) -> None:
        handler.send(200, json.dumps(behaviours.chat(body, f"your key is {CANARY}")).encode())

    server.script = [telling, answer, telling, answer, answer, behaviours.status(401, f"expired: {CANARY}")]
    chosen = {
        "default": {
            "name": "openai/m",
            "settings": {"base_url": server.url, "api_key_env": "MY_KEY", "extra_body": {"user": "me"}},
        }
    }
    result = peercycle.research("learning from preferences", cycles.references, **cycles.options(tmp_path, chosen))
    assert result.status == "failed" and "MY_KEY" in result.message
    server.script = [answer]
    again = asyncio.run(resume(result.path, Plugins.load(entry_points=False, environ={})))
    server.end()
    assert again.status == "finished", again.message
    sent = {headers.get("Authorization") for _, _, headers in server.asked}
    assert sent == {f"Bearer {CANARY}"}
    printed = capfd.readouterr()
    assert "canary" not in printed.out + printed.err + result.message + again.message
    for folder, _, files in os.walk(tmp_path):
        for name in files:
            assert CANARY.encode() not in Path(folder, name).read_bytes(), f"the key is in {name}"


def test_a_key_in_settings_is_refused_before_a_run_is_begun(cycles: Any, tmp_path: Path) -> None:
    for settings in ({"api_key": CANARY}, {"base_url": f"http://me:{CANARY}@127.0.0.1:9/v1"}):
        chosen = {"default": {"name": "openai/m", "settings": settings}}
        with pytest.raises(peercycle.PeercycleError) as caught:
            peercycle.research(
                "learning from preferences", cycles.references, **cycles.options(tmp_path / "runs", chosen)
            )
        assert CANARY not in str(caught.value)
    assert not list(tmp_path.rglob("*.json"))


def test_our_layer_is_thin(fitting_server: Any, cycles: Any, behaviours: Any, tmp_path: Path) -> None:
    """No measurement, a guard against a slip of another order: a call through journal and client is not seconds."""
    server = behaviours.FakeServer()
    server.script = [fitting_server]
    chosen = {"default": {"name": "openai/m", "settings": {"base_url": server.url}}}
    began = time.monotonic()
    result = peercycle.research(
        "learning from preferences", cycles.references, **cycles.options(tmp_path, chosen, rounds=0)
    )
    server.end()
    assert result.status == "finished", result.message
    assert time.monotonic() - began < 120
