"""A file from a URL: hop by hop, to the address that was checked, hashed while it streams, and never too long."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from peercycle.core.errors import OutageError, PeercycleError, RefusedRequestError
from peercycle.sandbox.fetching.addresses import Place, checked
from peercycle.sandbox.fetching.settings import FetchSettings

MOST_HOPS = 5
CHUNK = 1 << 16
SILENCE_S = 30.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def download(url: str, sha256: str, target: Path, settings: FetchSettings) -> int:
    """Write what a URL holds, and return its size. `target` is left only with the bytes that were asked for.

    Raises `RefusedRequestError` (a host or address that is not allowed, too large, another hash, an answer that is no
    file), `OutageError` (nobody answers now).
    """
    end = time.monotonic() + settings.timeout_s
    try:
        for _ in range(MOST_HOPS):
            with _answer(checked(url, settings), end) as answer:
                if answer.status in _REDIRECTS:
                    url = urljoin(url, answer.getheader("Location") or "")
                    continue
                if answer.status >= 500 or answer.status == 429:
                    raise OutageError(f"{_short(url)} answers {answer.status} now")
                if answer.status != 200:
                    raise RefusedRequestError(f"{_short(url)} answers {answer.status} {answer.reason}")
                return _write(answer, url, sha256, target, settings, end)
    except PeercycleError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise OutageError(f"{_short(url)} cannot be fetched now: {error or type(error).__name__}") from error
    raise RefusedRequestError(f"{_short(url)} is the end of {MOST_HOPS} redirects, and no file yet")


@contextmanager
def _answer(place: Place, end: float) -> Iterator[http.client.HTTPResponse]:
    connection = _Pinned(place, max(1.0, min(SILENCE_S, end - time.monotonic())))
    try:
        path = place.url.path or "/"
        connection.request(
            "GET",
            f"{path}?{place.url.query}" if place.url.query else path,
            headers={"Accept-Encoding": "identity", "User-Agent": "peercycle"},
        )
        with connection.getresponse() as answer:
            yield answer
    finally:
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was checked, whatever the name resolves to by now; the name goes into TLS."""

    def __init__(self, place: Place, timeout_s: float) -> None:
        super().__init__(place.host, place.port, timeout=timeout_s)
        self._place = place

    def connect(self) -> None:
        """Connect, and shake hands where the URL says https."""
        self.sock = socket.create_connection((self._place.address, self._place.port), self.timeout)
        if self._place.url.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._place.host)


def _write(
    answer: http.client.HTTPResponse, url: str, sha256: str, target: Path, settings: FetchSettings, end: float
) -> int:
    most = settings.max_mb << 20
    announced = answer.getheader("Content-Length") or ""
    if announced.isdigit() and int(announced) > most:
        raise RefusedRequestError(f"{_short(url)} holds {announced} bytes, over `fetch.max_mb` = {settings.max_mb}")
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as out:
        while data := answer.read(CHUNK):
            size += len(data)
            if size > most:
                raise RefusedRequestError(f"{_short(url)} holds more than `fetch.max_mb` = {settings.max_mb} MB")
            if time.monotonic() > end:
                raise OutageError(f"{_short(url)} took longer than `fetch.timeout_s` = {settings.timeout_s:g} s")
            digest.update(data)
            out.write(data)
    if announced.isdigit() and size != int(announced):
        raise OutageError(f"{_short(url)} broke off after {size} of {announced} bytes")
    if digest.hexdigest() != sha256:
        raise RefusedRequestError(
            f"{_short(url)} holds other bytes than asked for: their sha256 is {digest.hexdigest()}, not {sha256}"
        )
    return size


def _short(url: str) -> str:
    """Return a URL as a message shows it: without its query, which may hold a key."""
    return repr(url.partition("?")[0][:200])
