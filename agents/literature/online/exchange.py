"""One request and its answer: bounded in size, redirects looked at before they are followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from peercycle.agents.literature.online.addresses import origin_of, redirected
from peercycle.core.errors import SourceUnavailableError

if TYPE_CHECKING:
    import httpx

MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: Any,
    most_bytes: int,
) -> Exchange:
    """Send one request, follow its redirects where they may be followed, and read the answer up to a size.

    What `headers` holds goes to the source only, and to no other host that it redirects to. Raises httpx's errors, and
    `SourceUnavailableError` for an answer that is too large and a redirect that is refused.
    """
    current, address, sent = url, None, dict(headers)
    for _ in range(MOST_REDIRECTS + 1):
        answer = await _once(client, method, current, address, sent, body, most_bytes)
        location = answer.headers.get("location")
        if answer.status not in REDIRECTS or not location:
            return answer
        if method != "GET" and answer.status not in {307, 308}:
            raise SourceUnavailableError(f"{origin_of(url)[1]} redirects a {method} with {answer.status}; refused")
        current, address = await redirected(url, current, location)
        if address is not None:
            sent = {name: value for name, value in headers.items() if name == "user-agent"}
    raise SourceUnavailableError(f"{origin_of(url)[1]} redirects more than {MOST_REDIRECTS} times")


async def _once(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    address: str | None,
    headers: Mapping[str, str],
    body: Any,
    most_bytes: int,
) -> Exchange:
    sent, extensions = dict(headers), {}
    if address is not None:
        parts = urlsplit(url)
        sent["host"] = parts.netloc.rpartition("@")[2]
        extensions["sni_hostname"] = parts.hostname
        netloc = f"[{address}]" if ":" in address else address
        url = urlunsplit(parts._replace(netloc=f"{netloc}:{parts.port}" if parts.port else netloc))
    request = client.build_request(method, url, headers=sent, json=body, extensions=extensions)
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        found = bytearray()
        async for piece in response.aiter_bytes():
            found += piece
            if len(found) > most_bytes:
                raise SourceUnavailableError(
                    f"{origin_of(url)[1]} answers with more than {most_bytes} bytes; ask for less, or raise most_bytes"
                )
    finally:
        await response.aclose()
    return Exchange(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(found)
    )
