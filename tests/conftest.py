"""What holds for every test: no socket beyond loopback, no change of the environment."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

_INTERNET = {socket.AF_INET, socket.AF_INET6}
_OWN_NAMES = {"localhost", socket.gethostname()}


class OffLoopbackError(BaseException):
    """A test tried to leave loopback. No `Exception`: code that handles outages must not swallow it."""


class _NetworkGuard:
    """An audit hook: it sees every socket of the process, and no test can take it away."""

    def __init__(self) -> None:
        self.active = False
        self.refused: list[str] = []

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            address = args[1]
            # Without an address it is a datagram on a socket that is connected already.
            if args[0].family not in _INTERNET or address is None or _is_loopback(str(address[0])):
                return
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            address = args[0]
            if not address or not _asks_a_name_server(_text(address)):
                return
        else:
            return
        self.refused.append(f"{event} {address!r}")
        raise OffLoopbackError(f"{event} {address!r}: tests reach loopback only")


def _text(host: str | bytes) -> str:
    return host.decode() if isinstance(host, bytes) else host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _asks_a_name_server(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return host not in _OWN_NAMES
    return False


_guard = _NetworkGuard()
sys.addaudithook(_guard.hook)


@pytest.fixture(autouse=True)
def refused_connections(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Refuse sockets beyond loopback, fail a test that hid the refusal; `pytest.mark.network` lifts both."""
    _guard.refused.clear()
    _guard.active = request.node.get_closest_marker("network") is None
    yield _guard.refused
    _guard.active = False
    if _guard.refused:
        pytest.fail(f"tried to leave loopback: {'; '.join(_guard.refused)}")


@pytest.fixture(autouse=True)
def unchanged_environment() -> Iterator[None]:
    """Fail a test that leaves `os.environ` changed (and put it back for the next)."""
    before = _environment()
    yield
    after = _environment()
    if after != before:
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        for name in changed:
            os.environ.pop(name, None)
        os.environ.update({name: before[name] for name in changed if name in before})
        pytest.fail(f"left os.environ changed: {', '.join(changed)}; use monkeypatch.setenv")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout under test."""
    return REPOSITORY
