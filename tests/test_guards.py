"""The guards in conftest.py really guard."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

BEYOND = "192.0.2.1"  # TEST-NET-1 of RFC 5737: routed nowhere
REFUSAL = "tests reach loopback only"

ATTEMPTS = f"""
import os, socket, subprocess, sys
import pytest

CONNECT = "import socket; socket.socket().connect(('{BEYOND}', 9))"

def test_hides_a_connection():
    try:
        socket.create_connection(("{BEYOND}", 9), timeout=1)
    except BaseException:
        pass

def test_comes_after_and_is_clean():
    pass

def test_starts_a_child_that_connects():
    subprocess.run([sys.executable, "-c", CONNECT], capture_output=True)

def test_starts_a_child_that_connects_to_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
        subprocess.run([sys.executable, "-c", code, str(server.getsockname()[1])], check=True)

@pytest.mark.network
def test_may_ask_for_a_socket():
    with pytest.raises(OSError):
        socket.create_connection(("{BEYOND}", 9), timeout=0.01)

def test_changes_the_environment():
    os.environ["PEERCYCLE_LEFT_BEHIND"] = "1"

def test_comes_after_and_finds_it_gone():
    assert "PEERCYCLE_LEFT_BEHIND" not in os.environ

def test_changes_and_restores(monkeypatch):
    monkeypatch.setenv("PEERCYCLE_LEFT_BEHIND", "1")
"""


def refused(refusals: Path) -> int:
    """How many sockets were refused since the last call; forgets them, so that they do not fail the test."""
    lines = refusals.read_text().splitlines()
    os.truncate(refusals, 0)
    return len(lines)


def test_no_test_connects_beyond_loopback(refusals: Path) -> None:
    with socket.socket() as stream:
        with pytest.raises(BaseException, match=REFUSAL):
            stream.connect((BEYOND, 9))
        with pytest.raises(BaseException, match=REFUSAL):
            stream.connect_ex((BEYOND, 9))
    with socket.socket(type=socket.SOCK_DGRAM) as datagram, pytest.raises(BaseException, match=REFUSAL):
        datagram.sendto(b"x", (BEYOND, 9))
    with socket.socket(socket.AF_INET6) as stream, pytest.raises(BaseException, match=REFUSAL):
        stream.connect(("2001:db8::1", 9))
    assert refused(refusals) == 4


def test_no_test_asks_a_name_server(refusals: Path) -> None:
    with pytest.raises(BaseException, match=REFUSAL):
        socket.getaddrinfo("example.org", 443)
    with pytest.raises(BaseException, match=REFUSAL):
        socket.gethostbyname("example.org")
    assert refused(refusals) == 2


def test_no_asyncio_stream_leaves_loopback(refusals: Path) -> None:
    async def main() -> None:
        await asyncio.open_connection(BEYOND, 9)

    with pytest.raises(BaseException, match=REFUSAL):
        asyncio.run(main())
    assert refused(refusals) == 1


def test_loopback_and_unix_sockets_stay_open(tmp_path: Path, refusals: Path) -> None:
    for host in ("127.0.0.1", "localhost"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection((host, server.getsockname()[1]), timeout=5).close()
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)
    assert refused(refusals) == 0


def test_what_a_test_hides_or_leaves_behind_fails_it(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "test_attempts.py").write_text(ATTEMPTS)
    shutil.copy(repository / "tests" / "conftest.py", tmp_path)
    shutil.copytree(repository / "tests" / "offline", tmp_path / "offline")
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-c", os.devnull]
    command += ["--rootdir", str(tmp_path), "-W", "ignore::pytest.PytestUnknownMarkWarning", str(tmp_path)]
    # Where conftest.py finds the plugins of the suite.
    paths = os.pathsep.join([str(repository / "tests" / "fixtures"), os.environ["PYTHONPATH"]])
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": paths}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    lines = [line for line in done.stdout.splitlines() if "::" in line]
    outcome = {line.split("::")[1].split()[0]: line.split()[0] for line in lines}
    assert outcome == {
        "test_hides_a_connection": "ERROR",
        "test_comes_after_and_is_clean": "PASSED",
        "test_starts_a_child_that_connects": "ERROR",
        "test_starts_a_child_that_connects_to_loopback": "PASSED",
        "test_may_ask_for_a_socket": "PASSED",
        "test_changes_the_environment": "ERROR",
        "test_comes_after_and_finds_it_gone": "PASSED",
        "test_changes_and_restores": "PASSED",
    }, done.stdout
