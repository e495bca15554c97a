"""What tests of engines need: a tiny random model of real weights, and a server that misbehaves over real HTTP."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content }}{{ eos_token }}"
    "{% else %}[INST] {{ m.role }}: {{ m.content }} [/INST]{% endif %}{% endfor %}"
)
VOCABULARY = 512
SENTENCES = (
    "the learned ranking is measured by a number between zero and one",
    "a model of preference is trained on pairs of answers that reviewers compare",
    "experiments with five seeds show the mean and its standard error",
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random model of Mistral's kind in float32, its tokenizer and a chat template."""
    return random_model(tmp_path_factory.mktemp("tiny-mistral"), hidden=128, layers=2)


@pytest.fixture(scope="session")
def larger_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with 0.4 thousand million weights, for a GPU."""
    return random_model(tmp_path_factory.mktemp("larger-mistral"), hidden=1536, layers=16)


def random_model(folder: Path, *, hidden: int, layers: int) -> Path:
    """Write a random model with heads of 64 numbers, and return its folder."""
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[transformers]'")
    transformers = pytest.importorskip(
        "transformers", reason="needs transformers: pip install 'peercycle[transformers]'"
    )
    torch.set_num_threads(1)
    tokenizer(transformers).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        config = transformers.MistralConfig(
            vocab_size=VOCABULARY,
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 64,
            num_key_value_heads=hidden // 64,
            head_dim=64,
            max_position_embeddings=8192,
            sliding_window=None,
            bos_token_id=1,
            eos_token_id=2,
        )
        model = transformers.MistralForCausalLM(config)
    transformers.utils.logging.disable_progress_bar()
    model.to(torch.float32).save_pretrained(folder)
    return folder


def tokenizer(transformers: Any) -> Any:
    """A byte-level BPE of 512 tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<unk>", "<s>", "</s>", "[INST]", "[/INST]"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(SENTENCES * 50, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=TEMPLATE
    )


Behaviour = Callable[["Handler", dict[str, Any]], None]
"""What the fake server does with one request."""


class Handler(BaseHTTPRequestHandler):
    """Hands each POST to the next behaviour of its server's script, the last one again and again."""

    protocol_version = "HTTP/1.1"
    server: FakeServer  # pyright: ignore[reportIncompatibleVariableOverride] - it is handed to no other server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body, dict(self.headers)))
        with self.server.lock:
            script = self.server.script
            behaviour = script.pop(0) if len(script) > 1 else script[0]
        behaviour(self, body)

    def send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        """Answer whole."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def begin_chunks(self) -> None:
        """Begin a stream of events."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def hang_up(self) -> None:
        """Close the connection without a word more."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        return


class FakeServer(ThreadingHTTPServer):
    """A server that does what its script says, over real HTTP on loopback."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script: list[Behaviour] = [says("An answer.")]
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.lock = threading.Lock()
        self.ended = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def end(self) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()


def chat(body: dict[str, Any], *texts: str | None, finish: str = "stop", **more: Any) -> dict[str, Any]:
    """A Chat Completion."""
    choices = [
        {"index": n, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        for n, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 7, "completion_tokens": 3 * len(texts), "total_tokens": 7 + 3 * len(texts)}
    return {
        "id": "c1",
        "object": "chat.completion",
        "model": body["model"],
        "choices": choices,
        "usage": usage,
        **more,
    }


def says(*texts: str | None, **more: Any) -> Behaviour:
    """Answer with these texts, or with the only one as often as `n` says."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        given = texts * body.get("n", 1) if len(texts) == 1 else texts
        handler.send(200, json.dumps(chat(body, *given, **more)).encode())

    return behave


def status(code: int, message: str = "no", kind: str = "application/json", **headers: str) -> Behaviour:
    """Answer with an error."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        text = json.dumps({"error": {"message": message, "code": code}}) if kind == "application/json" else message
        handler.send(code, text.encode(), kind, **headers)

    return behave


@pytest.fixture
def fake_server() -> Iterator[FakeServer]:
    """A fake server, which answers `An answer.` until its script says something else."""
    server = FakeServer()
    yield server
    server.end()


def filling(schema: dict[str, Any]) -> Any:
    """The least that fits a schema of ours."""
    if "enum" in schema:
        return schema["enum"][-1]
    if schema.get("type") == "object":
        return {name: filling(inner) for name, inner in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [filling(schema["items"])] * max(1, schema.get("minItems", 1))
    return 1 if schema.get("type") in {"integer", "number"} else "A ranking is learned."


@pytest.fixture
def fitting_server() -> Behaviour:
    """What has a server answer as its schemas ask."""

    def behave(handler: Handler, body: dict[str, Any]) -> None:
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        text = "A ranking is learned." if schema is None else json.dumps(filling(schema))
        handler.send(200, json.dumps(chat(body, text)).encode())

    return behave


@pytest.fixture
def behaviours() -> SimpleNamespace:
    """What a script is made of."""
    return SimpleNamespace(says=says, status=status, chat=chat, FakeServer=FakeServer)


@pytest.fixture(scope="session")
def vllm_environment(repository: Path) -> Path:
    """An environment with vLLM in it: `PEERCYCLE_TEST_VLLM`, or `.venv-vllm` of the checkout."""
    folder = Path(os.environ.get("PEERCYCLE_TEST_VLLM") or repository / ".venv-vllm").absolute()
    if not any(folder.glob("lib*/python3*/site-packages/vllm/__init__.py")):
        pytest.skip("needs vLLM: `make setup-test` makes .venv-vllm, or set PEERCYCLE_TEST_VLLM to an environment")
    return folder


# ------------------------------------------------------------------------------------- whole cycles

SMALL: dict[str, Any] = {
    "answer_tokens": 1200,
    "context_tokens": 4000,
    "characters_per_token": 1.0,
    "text_characters": 40,
}
SETTINGS: dict[str, Any] = {
    "policies": {"prompted": {**SMALL, "section_characters": 80, "sections": 2, "points": 2}},
    "reviewers": {"prompted": {**SMALL, "reviewers": 2, "items": 2}},
}
REFERENCES = """
@article{a1, title = {Learning from preferences}, author = {Ada Lovelace}, year = {2020}, abstract = {Pairs of answers.}}
@article{b2, title = {Ranking by comparison}, author = {Alan Turing}, year = {2021}, abstract = {A ranking is learned.}}
"""


def options(folder: Path, models: Any, **more: Any) -> dict[str, Any]:
    """A short cycle whose every stage asks a model."""
    return {
        "runs_dir": str(folder),
        "models": models,
        "policy": "prompted",
        "reviewer": "prompted",
        "candidates": 1,
        "rounds": 1,
        "experiments": "off",
        "sandbox": "none",
        "exporters": ("latex", "html", "report"),
        "settings": SETTINGS,
        **more,
    }


def rows(path: Path, query: str) -> list[Any]:
    with sqlite3.connect(path / "run.sqlite") as connection:
        return connection.execute(query).fetchall()


def sampled(path: Path) -> dict[str, list[dict[str, Any]]]:
    """What was sampled in a run, by stage: text and token ids."""
    found: dict[str, list[dict[str, Any]]] = {}
    for stage, text, text_ref, ids, ids_ref in rows(
        path, "SELECT stage, text, text_ref, tokens_json, tokens_json_ref FROM completions"
    ):
        tokens = json.loads(ids if ids is not None else _body(path, ids_ref))
        found.setdefault(stage, []).append({"text": text if text is not None else _body(path, text_ref), **tokens})
    return found


def _body(path: Path, ref: str) -> str:
    digest = ref.removeprefix("sha256:")
    (place,) = [p for p in (path / "artifacts").rglob("*") if p.is_file() and digest in p.as_posix().replace("/", "")]
    return place.read_text(encoding="utf-8")


STAGES = (
    ("literature", 0, ""),
    ("outline", 0, "outline"),
    ("related", 0, ""),
    ("write", 0, "manuscript"),
    ("conclude", 0, "manuscript"),
    ("review", 0, "assessment"),
    ("revise", 1, None),
)
"""Which stage's words are in which channel of which round. Chance may answer a point that nobody made, which is dropped."""


def require_sampled_papers(path: Path, tokenizer: Any) -> None:
    """Every stage that writes was sampled in this run, and what its token ids say stands in what it left."""
    said = sampled(path)
    states = [json.loads(state) for (state,) in rows(path, "SELECT state_json FROM candidates ORDER BY round")]
    # A draft that chance accepts is not revised.
    due = [(stage, states[place], channel) for stage, place, channel in STAGES if place < len(states)]
    assert {stage for stage, _, _ in due} == set(said), f"{sorted(said)} were sampled"
    for answers in said.values():
        for answer in answers:
            assert answer["prompt_token_ids"] and answer["completion_token_ids"]
            text = tokenizer.decode(answer["completion_token_ids"], skip_special_tokens=True)
            # An engine may leave out the beginning of a character at the very end.
            kept_text = answer["text"].rstrip("\ufffd")
            assert text.rstrip("\ufffd") == kept_text, "the kept ids are not those of the kept text"
    # What literature and related sample are queries: they are in what was asked of the sources.
    queries = "".join(_letters(body) for (body,) in rows(path, "SELECT request FROM effects WHERE kind = 'search'"))
    for stage, kept, channel in due:
        if channel is None:
            continue
        # Decoded: an escape such as \\u0003 would put a letter of its own between ours.
        artefact = (
            "".join(_letters(text) for text in _strings(json.loads(_body(path, kept[channel]))))
            if channel
            else queries
        )
        pieces = [piece for answer in said[stage] for piece in _strings(json.loads(answer["text"], strict=False))]
        assert any(part in artefact for piece in pieces for part in _parts(_letters(piece))), (
            f"nothing sampled in {stage!r} is in {channel or 'a query'!r}"
        )
    assert rows(path, "SELECT COUNT(*) FROM reviews WHERE rating IS NOT NULL")[0][0] >= 1, "no review scored it"


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if len(_letters(value)) >= 8 else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _strings(item)]


def _parts(letters: str) -> list[str]:
    """Twelve letters in a row, which chance does not put together twice; a shorter text whole."""
    return [letters[at : at + 12] for at in range(max(1, len(letters) - 11))]


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isascii() and character.isalpha())


@pytest.fixture
def cycles() -> SimpleNamespace:
    """Options of a short cycle whose every stage asks a model, and what is to hold of it afterwards."""
    return SimpleNamespace(
        options=options, references=REFERENCES, rows=rows, require_sampled_papers=require_sampled_papers
    )
