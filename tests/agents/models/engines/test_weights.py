"""Where weights come from: folders, presets, a hub; what is missing or gated is one line with the page to visit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from peercycle.agents.models.presets import PRESETS, find, resolve
from peercycle.agents.models.weights import fetched
from peercycle.core.errors import ModelUnavailableError
from peercycle.core.identity import identify, tokenizer_hash, weights_hash

pytest.importorskip("huggingface_hub", reason="needs huggingface_hub: pip install 'peercycle[transformers]'")
PAGE = "https://huggingface.co/WestlakeNLP/CycleResearcher-ML-12B"


class Hub(BaseHTTPRequestHandler):
    """A hub that refuses as the real one does; its name for the reason is in a header."""

    def do_GET(self) -> None:
        code, reason = (403, "GatedRepo") if "CycleResearcher" in self.path else (404, "RepoNotFound")
        self.send_response(code)
        self.send_header("X-Error-Code", reason)
        self.send_header("X-Error-Message", "as the test wants it")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        return


def refused(name: str, home: Path) -> str:
    """What is said where the hub refuses; asked in a Python of its own, as the hub's address is read at import."""
    hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True).start()
    program = (
        "from peercycle.agents.models.presets import resolve\n"
        "from peercycle.agents.models.weights import fetched\n"
        "from peercycle.core.errors import ModelUnavailableError\n"
        f"try:\n    fetched(resolve({name!r}))\nexcept ModelUnavailableError as error:\n    print(error)\n"
    )
    environ = {**os.environ, "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_address[1]}", "HF_HOME": str(home)}
    environ.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ, check=False)
    hub.shutdown()
    hub.server_close()
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_gated_weights_are_one_line_with_the_page_to_visit(tmp_path: Path) -> None:
    said = refused("cycleresearcher-12b", tmp_path)
    assert said == (
        f"the weights of 'WestlakeNLP/CycleResearcher-ML-12B' are gated: accept their terms at {PAGE}, then log in "
        "with `hf auth login`, or set HF_TOKEN"
    )


def test_weights_that_the_hub_does_not_know_are_named(tmp_path: Path) -> None:
    said = refused("nobody/nothing", tmp_path)
    assert "\n" not in said
    assert (
        "the hub knows no weights called 'nobody/nothing'" in said and "https://huggingface.co/nobody/nothing" in said
    )


def test_a_folder_that_is_not_there_is_no_name_on_the_hub(tmp_path: Path) -> None:
    for name in (str(tmp_path / "absent"), "./absent", "absent", "a/b/c"):
        with pytest.raises(ModelUnavailableError, match="no folder"):
            fetched(name)
    assert fetched(str(tmp_path)) == tmp_path


def test_the_published_models_have_short_names_and_pages() -> None:
    assert [preset.name for preset in PRESETS if preset.role == "cycleresearcher"] == [
        "cycleresearcher-12b",
        "cycleresearcher-72b",
        "cycleresearcher-123b",
    ]
    preset = find("CycleResearcher-12B")
    assert preset is not None and preset.page == PAGE
    assert resolve("cycleresearcher-12b") == "WestlakeNLP/CycleResearcher-ML-12B"
    assert resolve("mine/own") == "mine/own"


def test_what_identifies_a_model_is_its_content(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, indent in ((one, ""), (other, "  ")):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")
        padded = ', "padding": {"length": 3}' if indent else ', "padding": null'
        (folder / "tokenizer.json").write_text(f'{{{indent}"model": {{"vocab": {{"a": 1}}}}{padded}}}')
        (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert identify(one) == identify(other), "indentation and padding are no part of a tokenizer"
    (other / "model.safetensors").write_bytes(b"weightt")
    assert weights_hash(one) != weights_hash(other)
    (other / "tokenizer.json").write_text('{"model": {"vocab": {"b": 1}}}')
    assert tokenizer_hash(one) != tokenizer_hash(other)
    assert identify(tmp_path) == identify(tmp_path / "nothing"), "an empty folder identifies nothing"
