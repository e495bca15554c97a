"""Which hosts may be asked, and at which address: checked on every hop, and connected to as checked."""

from __future__ import annotations

import fnmatch
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from peercycle.core.errors import OutageError, RefusedRequestError
from peercycle.sandbox.fetching.settings import FetchSettings

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """A URL taken apart, and the address that its host had when it was checked."""

    url: SplitResult
    host: str
    port: int
    address: str


def checked(url: str, settings: FetchSettings) -> Place:
    """Return where a URL leads.

    Raises `RefusedRequestError` for a host that is not allowed, or whose address is of this machine or its network,
    and `OutageError` where its name is not resolved now.
    """
    parts = urlsplit(url)
    try:
        host, port = (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise RefusedRequestError(f"{url!r} is no URL: {error}") from error
    if parts.scheme not in PORTS or not host:
        raise RefusedRequestError(f"{url!r} is no http or https URL")
    if parts.username is not None or parts.password is not None:
        raise RefusedRequestError(
            f"a URL of {host!r} holds a user or password: data that needs one is fetched by hand"
        )
    private = _among(host, settings.private_hosts) or _among(f"{host}:{port}", settings.private_hosts)
    if not private and not _among(host, settings.hosts):
        allowed = ", ".join(settings.hosts) or "none"
        raise RefusedRequestError(
            f"{host!r} is no host that data may come from (`fetch.hosts` of the sandbox: {allowed}); add it there"
        )
    return Place(parts, host, port, _address(host, port, private=private))


def _among(host: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(host, pattern.lower()) for pattern in patterns)


def _address(host: str, port: int, *, private: bool) -> str:
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise OutageError(f"the name of {host!r} is not resolved now: {error}") from error
    inner = [address for address in found if not is_public(address)]
    if inner and not private:
        raise RefusedRequestError(
            f"{host!r} has the address {inner[0]}, of this machine or its own network: nothing is fetched from there "
            "(unless `fetch.private_hosts` names it)"
        )
    return found[0]


def is_public(address: str) -> bool:
    """Whether an address is one of the internet at large."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return parsed.is_global and not parsed.is_multicast
