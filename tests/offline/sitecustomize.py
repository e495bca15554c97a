"""Refuse sockets beyond loopback, in the tests' process and in every Python that a test starts.

conftest.py loads this file, and puts its folder on PYTHONPATH so that child processes load it as they start. It is an
audit hook: no test can take it away. It does not see programs other than Python, nor Python started with -I or -E.
"""

from __future__ import annotations

import os
import sys
from typing import Any

REFUSALS = "PEERCYCLE_TEST_REFUSALS"
"""Names the file that refusals are written to. While it is unset, nothing is refused."""

_CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_ASKING = {"socket.getaddrinfo", "socket.gethostbyname"}


class OffLoopbackError(BaseException):
    """A test tried to leave loopback. No `Exception`: code that handles outages must not swallow it."""


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event not in _CONNECTING and event not in _ASKING:
        return
    record = os.environ.get(REFUSALS)
    if record is None:
        return
    host = _host_connected(*args[:2]) if event in _CONNECTING else _host_asked_for(args[0])
    if host is not None:
        with open(record, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would slow every child's start
            file.write(f"{event} {host}\n")
        raise OffLoopbackError(f"{event} {host}: tests reach loopback only")


def _host_connected(socket: Any, address: Any) -> str | None:
    """The host beyond loopback, or None."""
    from ipaddress import ip_address
    from socket import AF_INET, AF_INET6

    # Without an address it is a datagram on a socket that is connected already.
    if socket.family not in {AF_INET, AF_INET6} or address is None:
        return None
    host = str(address[0])
    try:
        return None if ip_address(host.partition("%")[0]).is_loopback else host
    except ValueError:
        return None if host == "localhost" else host


def _host_asked_for(host: str | bytes | None) -> str | None:
    """The name that a name server would be asked for, or None."""
    from ipaddress import ip_address
    from socket import gethostname

    name = host.decode() if isinstance(host, bytes) else host or "localhost"
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return None if name in {"localhost", gethostname()} else name
    return None


sys.addaudithook(_hook)
