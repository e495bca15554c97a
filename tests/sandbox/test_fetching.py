"""Data from elsewhere: allowed hosts only, by hash, within limits, once, and then offline and read-only."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from peercycle.core.errors import OutageError, RefusedRequestError, SandboxError
from peercycle.core.fetching import FetchingSandbox
from peercycle.core.sandboxing import DataSpec
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings
from peercycle.sandbox.fetching.addresses import checked, is_public
from peercycle.sandbox.fetching.materials import fetch, found
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.fetching.store import DataStore

if TYPE_CHECKING:
    from tests.sandbox.conftest import Harness

BODY = b"x,y\n1,2\n"
SHA = hashlib.sha256(BODY).hexdigest()
COMMIT = "1" * 40


class Server(ThreadingHTTPServer):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.elsewhere = ""

    @property
    def here(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.here}{path}"


class Handler(BaseHTTPRequestHandler):
    """A host of data, and a hub of datasets."""

    files = {"train.csv": BODY, "folder/test.csv": b"3,4\n"}

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""

    @property
    def host(self) -> Server:
        assert isinstance(self.server, Server)
        return self.server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.host.asked.append(f"{self.command} {path}")
        if path == "/redirect":
            self._answer(302, b"", {"Location": "/data.csv"})
        elif path == "/away":
            self._answer(302, b"", {"Location": self.host.elsewhere})
        elif path == "/loop":
            self._answer(302, b"", {"Location": "/loop"})
        elif path == "/broken":
            self._answer(503, b"")
        elif path == "/endless":
            self._endless()
        elif path == "/data.csv":
            self._answer(200, BODY)
        elif path.startswith("/api/datasets/some/data/tree/"):
            self._answer(200, json.dumps(self._tree()).encode(), {"Content-Type": "application/json"})
        elif path.startswith("/api/datasets/some/data"):
            self._answer(200, json.dumps(self._info()).encode(), {"Content-Type": "application/json"})
        elif path.startswith(f"/datasets/some/data/resolve/{COMMIT}/"):
            body = self.files[path.removeprefix(f"/datasets/some/data/resolve/{COMMIT}/")]
            self._answer(200, body, {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(body).hexdigest()}"'})
        else:
            self._answer(404, b"not found", {"X-Error-Code": "RepoNotFound"} if "/api/" in path else {})

    def _tree(self) -> list[dict[str, Any]]:
        return [
            {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
            for name, body in self.files.items()
        ]

    def _info(self) -> dict[str, Any]:
        files = [{"rfilename": name, "size": len(body)} for name, body in self.files.items()]
        return {
            "_id": "1", "id": "some/data", "author": "some", "sha": COMMIT, "private": False, "gated": False,
            "disabled": False, "downloads": 0, "likes": 0, "tags": ["license:cc-by-4.0"], "siblings": files,
            "lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z",
        }  # fmt: skip

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * (1 << 16))
        except OSError:
            self.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def allowed(server: Server) -> FetchSettings:
    return FetchSettings(private_hosts=(server.here,), max_mb=1, timeout_s=20)


def of(url: str, sha256: str = SHA, name: str = "data.csv") -> tuple[DataSpec, ...]:
    return (DataSpec(name=name, kind="url", source=url, sha256=sha256, licence="CC0-1.0"),)


def test_data_is_fetched_once_and_shared_by_its_hash(server: Server, allowed: FetchSettings, tmp_path: Path) -> None:
    first = fetch(of(server.url("/data.csv")), tmp_path, allowed)
    again = fetch(of(server.url("/data.csv")), tmp_path, allowed)
    assert first == again
    assert (first[0].sha256, first[0].size, first[0].licence) == (SHA, len(BODY), "CC0-1.0")
    # Another URL of the same bytes is not fetched either.
    fetch(of("https://never.example/elsewhere.csv"), tmp_path, allowed)
    assert server.asked == ["GET /data.csv"]
    path, _ = found(of(server.url("/data.csv")), tmp_path, allowed)["data/data.csv"]
    assert path.read_bytes() == BODY
    assert path.stat().st_mode & 0o222 == 0
    assert [p.name for p in (tmp_path / "data").iterdir() if p.name.startswith(".new-")] == []


def test_a_redirect_on_the_same_host_is_followed(server: Server, allowed: FetchSettings, tmp_path: Path) -> None:
    assert fetch(of(server.url("/redirect")), tmp_path, allowed)[0].size == len(BODY)


def test_a_redirect_to_this_machine_or_to_another_host_is_not_followed(
    server: Server, allowed: FetchSettings, tmp_path: Path
) -> None:
    with Server() as inner:
        for target, reason in (
            (inner.url("/data.csv"), "is no host that data may come from"),
            ("http://169.254.169.254/latest/meta-data", "is no host that data may come from"),
            ("file:///etc/passwd", "is no http or https URL"),
        ):
            server.elsewhere = target
            with pytest.raises(RefusedRequestError, match=reason):
                fetch(of(server.url("/away")), tmp_path, allowed)
        assert inner.asked == []


def test_an_allowed_name_with_an_inner_address_is_not_asked(server: Server, tmp_path: Path) -> None:
    named = FetchSettings(hosts=("localhost", "127.0.0.1"))
    port = server.server_address[1]
    for host in ("localhost", "127.0.0.1"):
        with pytest.raises(RefusedRequestError, match="of this machine or its own network"):
            fetch(of(f"http://{host}:{port}/data.csv"), tmp_path, named)
    assert server.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(
    server: Server, allowed: FetchSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def spy(host: Any, *args: Any, **more: Any) -> Any:
        looked_up.append(str(host))
        return real(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", spy)
    named = allowed.model_copy(update={"private_hosts": ("localhost",)})
    fetch(of(f"http://localhost:{server.server_address[1]}/data.csv"), tmp_path, named)
    # The name once; after that only the address that it had.
    assert looked_up.count("localhost") == 1


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("127.0.0.1", False), ("10.0.0.1", False), ("169.254.169.254", False), ("::1", False),
        ("::ffff:127.0.0.1", False), ("fd00::1", False), ("fe80::1%eth0", False), ("0.0.0.0", False),
        ("100.64.0.1", False), ("2002:7f00:1::", False), ("224.0.0.1", False), ("nonsense", False),
    ],
)  # fmt: skip
def test_inner_addresses_are_told_from_public_ones(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_other_bytes_than_asked_for_are_refused_and_not_kept(
    server: Server, allowed: FetchSettings, tmp_path: Path
) -> None:
    with pytest.raises(RefusedRequestError, match=f"their sha256 is {SHA}"):
        fetch(of(server.url("/data.csv"), sha256="0" * 64), tmp_path, allowed)
    assert list((tmp_path / "data" / "by-sha256").iterdir()) == []


@pytest.mark.parametrize(
    ("path", "kind", "reason"),
    [
        ("/endless", RefusedRequestError, "more than `fetch.max_mb` = 1 MB"),
        ("/loop", RefusedRequestError, "the end of 5 redirects"),
        ("/absent", RefusedRequestError, "answers 404"),
        ("/broken", OutageError, "answers 503 now"),
    ],
)
def test_what_cannot_be_had_is_one_clear_line(
    server: Server, allowed: FetchSettings, tmp_path: Path, path: str, kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind, match=reason) as caught:
        fetch(of(f"{server.url(path)}?token=secret"), tmp_path, allowed)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_host_that_does_not_answer_is_an_outage(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        here = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(OutageError, match="cannot be fetched now"):
        fetch(of(f"http://{here}/x"), tmp_path, FetchSettings(private_hosts=(here,)))


def test_a_key_in_a_url_is_refused(allowed: FetchSettings) -> None:
    with pytest.raises(RefusedRequestError, match="holds a user or password") as caught:
        checked("https://me:hunter2@example.org/x", allowed)
    assert "hunter2" not in str(caught.value)


def test_offline_what_is_not_here_is_a_clear_error_and_what_is_here_is_found(
    server: Server, allowed: FetchSettings, tmp_path: Path
) -> None:
    offline = allowed.model_copy(update={"offline": True})
    with pytest.raises(RefusedRequestError, match=r"set to be offline: .*peercycle sandbox prepare"):
        fetch(of(server.url("/data.csv")), tmp_path, offline)
    with pytest.raises(RefusedRequestError, match="is not here"):
        found(of(server.url("/data.csv")), tmp_path, offline)
    assert server.asked == []
    fetch(of(server.url("/data.csv")), tmp_path, allowed)
    assert fetch(of(server.url("/data.csv")), tmp_path, offline)[0].sha256 == SHA


def test_data_that_was_changed_in_its_place_is_refused(
    server: Server, allowed: FetchSettings, tmp_path: Path
) -> None:
    fetch(of(server.url("/data.csv")), tmp_path, allowed)
    body = tmp_path / "data" / "by-sha256" / SHA
    body.chmod(0o644)
    body.write_bytes(b"other")
    with pytest.raises(SandboxError, match="has been changed"):
        found(of(server.url("/data.csv")), tmp_path, allowed)


def test_all_that_is_kept_has_a_limit(server: Server, allowed: FetchSettings, tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    store.bodies.mkdir(parents=True)
    with (store.bodies / "a").open("wb") as old:
        old.truncate(1 << 20)
    with pytest.raises(SandboxError, match=r"fetch\.total_mb"):
        fetch(of(server.url("/data.csv")), tmp_path, allowed.model_copy(update={"total_mb": 1}))


def test_several_who_want_the_same_fetch_it_once(server: Server, allowed: FetchSettings, tmp_path: Path) -> None:
    made: list[Any] = []
    threads = [
        threading.Thread(target=lambda: made.append(fetch(of(server.url("/data.csv")), tmp_path, allowed)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [made[0]] * 4
    assert server.asked == ["GET /data.csv"]


DATASET = (DataSpec(name="set", kind="huggingface", source="some/data", revision="main"),)


@pytest.fixture
def _hub(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the hub's library: pip install 'peercycle[train]'")
    monkeypatch.setenv("HF_ENDPOINT", server.url(""))


@pytest.mark.usefixtures("_hub")
def test_a_dataset_is_a_folder_at_the_commit_that_its_revision_named(
    server: Server, allowed: FetchSettings, tmp_path: Path
) -> None:
    record = fetch(DATASET, tmp_path, allowed)[0]
    assert (record.revision, record.licence, record.size) == (COMMIT, "cc-by-4.0", len(BODY) + 4)
    path, again = found(DATASET, tmp_path, allowed)["data/set"]
    assert again == record
    assert sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()) == [
        "folder/test.csv",
        "train.csv",
    ]
    before = len(server.asked)
    assert fetch(DATASET, tmp_path, allowed.model_copy(update={"offline": True})) == (record,)
    assert len(server.asked) == before


@pytest.mark.usefixtures("_hub")
def test_a_dataset_that_is_not_there_or_not_allowed_is_refused(
    server: Server, allowed: FetchSettings, tmp_path: Path
) -> None:
    absent = (DATASET[0].model_copy(update={"source": "no/such"}),)
    with pytest.raises(RefusedRequestError, match="no dataset 'no/such'"):
        fetch(absent, tmp_path, allowed)
    with pytest.raises(RefusedRequestError, match="is no host that data may come from"):
        fetch(DATASET, tmp_path, FetchSettings())
    other = (DATASET[0].model_copy(update={"sha256": "0" * 64}),)
    with pytest.raises(RefusedRequestError, match="the hash of its tree is"):
        fetch(other, tmp_path, allowed)


def test_without_the_hubs_library_the_error_names_the_extra(
    allowed: FetchSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(RefusedRequestError, match=r"peercycle\[train\]"):
        fetch(DATASET, tmp_path, allowed)


PROGRAM = """
import os
print(open("data/data.csv").read().strip(), sorted(os.listdir("data/set")) if os.path.isdir("data/set") else "")
for path in ("data/data.csv", "data/new"):
    try:
        open(path, "w")
        print("written")
    except OSError as error:
        print(error.strerror)
"""


@pytest.mark.usefixtures("_hub")
@pytest.mark.parametrize("backend", ["bubblewrap", "docker"])
def test_a_program_reads_its_data_and_cannot_change_it_and_the_result_says_what_it_read(
    request: pytest.FixtureRequest, server: Server, allowed: FetchSettings, backend: str
) -> None:
    from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, Limits

    sandbox: Any
    if backend == "docker":
        from peercycle.sandbox.containers.backend import DockerSandbox

        made = request.getfixturevalue("docker_settings")
        sandbox = DockerSandbox(made.model_copy(update={"fetch": allowed}))
    else:
        harness: Harness = request.getfixturevalue("harness")
        sandbox = BubblewrapSandbox(BubblewrapSettings(state_dir=harness.settings.state_dir, fetch=allowed))
    offered: object = sandbox
    assert isinstance(offered, FetchingSandbox)
    data = (*of(server.url("/data.csv")), *DATASET)
    asked = ExecRequest(
        argv=("python", "-c", PROGRAM), environment=EnvironmentSpec(name="base"), data=data, limits=Limits(wall_s=20),
        requires=frozenset(), outputs=("**/*.csv",),
    )  # fmt: skip

    async def run() -> Any:
        environment = await sandbox.prepare(asked.environment)
        await sandbox.fetch(data)
        return await sandbox.run(asked, environment, request.getfixturevalue("bodies"))

    result = asyncio.run(run())
    assert result.status == "ok", result.stderr.text
    said = result.stdout.text.splitlines()
    assert said[:2] == ["x,y", "1,2 ['folder', 'train.csv']"]
    assert "written" not in said
    assert result.outputs == ()
    first = result.data[0]
    assert (first.name, first.sha256, first.licence) == ("data.csv", SHA, "CC0-1.0")
    assert result.data[1].revision == COMMIT
