"""Which addresses a redirect may lead to: the source's own, or a public one, and never this machine's network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import urljoin, urlsplit

from peercycle.core.errors import SourceUnavailableError

_REFUSED = "; refused: a redirect is followed only to public web addresses, and never from https to http"


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port. Raises `SourceUnavailableError` for what is no web address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        raise SourceUnavailableError(f"{url[:200]!r} is no address of a web service; give http://… or https://…")
    return parts.scheme, host.lower(), port or (443 if parts.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """Tell whether a host's name is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def redirected(source: str, current: str, location: str) -> tuple[str, str | None]:
    """Return where a redirect leads, and the public address to connect to; None where it stays at the source.

    The name is resolved here and that very address is used, so that a second answer of the name service cannot
    lead elsewhere. Raises `SourceUnavailableError` where it leads to an address that is not public, or from https
    to http.
    """
    own = origin_of(source)
    try:
        target = urljoin(current, location)
        named = urlsplit(target).scheme
    except ValueError:
        raise SourceUnavailableError(
            f"{own[1]} redirects to {location[:200]!r}, which is no address{_REFUSED}"
        ) from None
    if named not in {"http", "https"}:
        what = "a local file" if named == "file" else f"an address of the kind {named[:20]!r}"
        raise SourceUnavailableError(f"{own[1]} redirects to {target[:200]!r}, which is {what}{_REFUSED}")
    scheme, host, port = origin_of(target)
    if (scheme, host, port) == own:
        return target, None
    if own[0] == "https" and scheme != "https":
        raise SourceUnavailableError(
            f"{own[1]} redirects from https to {target[:200]!r}, where anybody on the way could read along{_REFUSED}"
        )
    addresses = await _resolve(host, port)
    for address in addresses:
        if not ipaddress.ip_address(address).is_global:
            raise SourceUnavailableError(
                f"{own[1]} redirects to {target[:200]!r}, whose address {address} {_whose(address)}{_REFUSED}"
            )
    return target, addresses[0]


def _whose(address: str) -> str:
    """Say why an address is not public."""
    known = ipaddress.ip_address(address)
    if known.is_loopback or known.is_unspecified:
        return "is this machine's own"
    if known.is_link_local:
        return "is one of the local link, where clouds keep a machine's secrets"
    return "is one of a private network" if known.is_private else "is no public one"


async def _resolve(host: str, port: int) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SourceUnavailableError(f"a redirect leads to {host[:200]!r}, which has no address") from None
    return [str(entry[4][0]).partition("%")[0] for entry in found]
