"""One request to a server and its answer, tried again within bounds."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from peercycle.agents.models.openai.answers import UnreadableError, parse
from peercycle.agents.models.openai.certificates import certificate_fault, untrusted_server
from peercycle.agents.models.openai.faults import EXCERPT, Refusal, said, with_raw
from peercycle.agents.models.openai.keys import Credentials
from peercycle.agents.models.openai.settings import Patience
from peercycle.agents.models.openai.streams import BrokenStreamError, assemble, spelt_by
from peercycle.core.errors import OutageError

LARGEST_BODY = 1 << 26
"""Bytes of an answer that are read at most."""
_SILENT = "does not answer for now"
_NO_ANSWER = "answered, but what it sent is no answer of a model"
LONGEST_ANSWER_S = 3600.0
"""How long one answer may take to come in, where `read_timeout_s` is not longer: a byte now and then is no silence."""
SILENCES = 2
"""Read timeouts after which a server counts as out: each one cost the whole of `read_timeout_s`."""


@dataclass(slots=True)
class Exchange:
    """Asks one server."""

    client: httpx.AsyncClient
    server: str
    """Its address, for messages."""
    model: str
    backend: str
    """The table of its settings, for messages."""
    patience: Patience
    credentials: Credentials
    key: str | None = None
    """Name of the variable that holds the key, for messages."""
    chance: random.Random = field(default_factory=random.Random)

    async def ask(self, path: str, body: Mapping[str, Any], *, stream: bool) -> dict[str, Any]:
        """Return the answer's JSON. Raises `OutageError` once the tries are used up, and what `Refusal.error` says."""
        silences, complaint, last, fault = 0, "", bytearray(), _SILENT
        for number in range(self.patience.retries + 1):
            wanted: float | None = None
            heard = bytearray()
            fault = _SILENT
            whole = asyncio.timeout(max(LONGEST_ANSWER_S, self.patience.read_timeout_s))
            try:
                async with whole:
                    return await self._once(path, body, stream, heard)
            except _RefusedError as refused:
                refusal = refused.refusal
                if not refusal.may_pass:
                    raise refusal.error(self.server, self.model, self.key, self.backend) from None
                complaint, wanted = f"{refusal.status}: {refusal.message}", refusal.wait()
            except httpx.TimeoutException as error:
                silences += isinstance(error, httpx.ReadTimeout)
                complaint = f"no answer ({type(error).__name__} after {self._limit_of(error):g} s)"
            except TimeoutError:
                if not whole.expired():
                    raise
                silences = SILENCES
                complaint = f"no whole answer after {max(LONGEST_ANSWER_S, self.patience.read_timeout_s):g} s"
            except UnreadableError as error:
                complaint, fault = str(error), _NO_ANSWER
            except (httpx.RequestError, BrokenStreamError) as error:
                if (untrusted := certificate_fault(error)) is not None:
                    raise untrusted_server(self.server, untrusted, self.backend) from None
                complaint = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            last = heard or last
            if silences >= SILENCES:
                break
            if wanted is not None and wanted > self.patience.max_wait_s:
                complaint = f"it wants to be asked again after {wanted:.0f} s ({complaint})"
                break
            if number < self.patience.retries:
                await asyncio.sleep(self._pause(number) if wanted is None else wanted)
        outage = OutageError(f"{self.server} {fault}: {self.credentials.hide(complaint)}")
        raise with_raw(outage, self._text(last)) if last else outage

    async def _once(self, path: str, body: Mapping[str, Any], stream: bool, heard: bytearray) -> dict[str, Any]:
        """Ask once. `heard` takes what the server says, so that it is there also where the answer breaks off."""
        sent = {**body, "stream": True, "stream_options": {"include_usage": True}} if stream else body
        content = json.dumps(sent, ensure_ascii=False, allow_nan=False).encode()
        headers = {**self.credentials.headers, "Content-Type": "application/json"}
        async with self.client.stream("POST", path, content=content, headers=headers) as response:
            if not response.is_success:
                await _read(response, heard)
                raise _RefusedError(Refusal(response.status_code, dict(response.headers), self._text(heard)))
            if stream and response.headers.get("content-type", "").startswith("text/event-stream"):
                return self._clean(await assemble(_lines(response, heard)))
            await _read(response, heard)
        try:
            return self._clean(parse(bytes(heard)))
        except UnreadableError as error:
            excerpt = self.credentials.hide(heard[:EXCERPT].decode("utf-8", "backslashreplace"))
            shown = f"{error}: {said(excerpt)!r}" if excerpt.strip() else str(error)
            raise UnreadableError(shown) from None

    def _text(self, heard: bytearray) -> str:
        hide = self.credentials.hide
        text = hide(heard.decode("utf-8", "backslashreplace"))
        spelt = spelt_by(text) if self.credentials.secrets else []
        # A key may come in pieces, and its pieces are no secret to look for: the words are kept, the events are not.
        return text if all(hide(words) == words for words in spelt) else "\n".join(hide(words) for words in spelt)

    def _clean(self, found: dict[str, Any]) -> dict[str, Any]:
        """Take secrets out of an answer, in the rare case that it holds one."""
        if not self.credentials.secrets:
            return found
        text = json.dumps(found)
        hidden = self.credentials.hide(text)
        if hidden == text:
            return found
        cleaned: dict[str, Any] = json.loads(hidden)
        return cleaned

    def _pause(self, number: int) -> float:
        longest: float = min(self.patience.retry_wait_s * 2**number, self.patience.max_wait_s)
        return longest * (0.5 + self.chance.random() / 2)

    def _limit_of(self, error: httpx.TimeoutException) -> float:
        connecting = isinstance(error, httpx.ConnectTimeout)
        return self.patience.connect_timeout_s if connecting else self.patience.read_timeout_s


class _RefusedError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal.status))
        self.refusal = refusal


async def _read(response: httpx.Response, heard: bytearray) -> None:
    """Add a body, of a size that fits into memory, to what was heard."""
    async for piece in response.aiter_bytes():
        heard += piece
        if len(heard) > LARGEST_BODY:
            raise UnreadableError(f"it is larger than {LARGEST_BODY} bytes")


async def _lines(response: httpx.Response, heard: bytearray) -> AsyncIterator[bytes]:
    """Yield the lines of a stream, however its pieces fall, and add them to what was heard."""
    held = b""
    async for piece in response.aiter_bytes():
        heard += piece
        if len(heard) > LARGEST_BODY:
            raise UnreadableError(f"its stream is larger than {LARGEST_BODY} bytes")
        *whole, held = (held + piece).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")
    if held:
        yield held.removesuffix(b"\r")
