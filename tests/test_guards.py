"""The guards in conftest.py really guard."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

BEYOND = "192.0.2.1"  # TEST-NET-1 of RFC 5737: routed nowhere
REFUSAL = "tests reach loopback only"

ATTEMPTS = f"""
import os, socket
import pytest

def test_hides_a_connection():
    try:
        socket.create_connection(("{BEYOND}", 9), timeout=1)
    except BaseException:
        pass

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


def test_no_test_connects_beyond_loopback(refused_connections: list[str]) -> None:
    with socket.socket() as stream:
        with pytest.raises(BaseException, match=REFUSAL):
            stream.connect((BEYOND, 9))
        with pytest.raises(BaseException, match=REFUSAL):
            stream.connect_ex((BEYOND, 9))
    with socket.socket(type=socket.SOCK_DGRAM) as datagram, pytest.raises(BaseException, match=REFUSAL):
        datagram.sendto(b"x", (BEYOND, 9))
    assert len(refused_connections) == 3
    refused_connections.clear()


def test_no_test_asks_a_name_server(refused_connections: list[str]) -> None:
    with pytest.raises(BaseException, match=REFUSAL):
        socket.getaddrinfo("example.org", 443)
    with pytest.raises(BaseException, match=REFUSAL):
        socket.gethostbyname("example.org")
    assert len(refused_connections) == 2
    refused_connections.clear()


def test_no_asyncio_stream_leaves_loopback(refused_connections: list[str]) -> None:
    async def main() -> None:
        await asyncio.open_connection(BEYOND, 9)

    with pytest.raises(BaseException, match=REFUSAL):
        asyncio.run(main())
    refused_connections.clear()


def test_loopback_and_unix_sockets_stay_open(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "localhost"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection((host, server.getsockname()[1]), timeout=5).close()
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)


def test_what_a_test_hides_or_leaves_behind_fails_it(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "test_attempts.py").write_text(ATTEMPTS)
    (tmp_path / "conftest.py").write_bytes((repository / "tests" / "conftest.py").read_bytes())
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-c", os.devnull]
    command += ["--rootdir", str(tmp_path), "-W", "ignore::pytest.PytestUnknownMarkWarning", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    outcome = {line.split("::")[1].split()[0]: line.split()[0] for line in done.stdout.splitlines() if "::" in line}
    assert outcome == {
        "test_hides_a_connection": "ERROR",
        "test_may_ask_for_a_socket": "PASSED",
        "test_changes_the_environment": "ERROR",
        "test_comes_after_and_finds_it_gone": "PASSED",
        "test_changes_and_restores": "PASSED",
    }, done.stdout
