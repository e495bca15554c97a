"""From a status to what it means: worth another try, or one of the errors that callers know."""

from __future__ import annotations

import json
import re
import time
from email.utils import parsedate_to_datetime

from peercycle.agents.literature.online.exchange import Exchange
from peercycle.agents.literature.online.settings import Kind
from peercycle.core.errors import BadRequestError, PeercycleError, SourceUnavailableError, WorkNotFoundError

RATE_LIMITED = 429
TRANSIENT = frozenset({403, 408, 425, 500, 502, 503, 504})
"""Semantic Scholar answers 403 now and then to what it answers a second later."""
KEPT = frozenset({200, 400, 404, 410})
"""Statuses whose answers stay the same for a while, unless they mean an outage."""
_LONGEST_SAID = 200


def error_of(host: str, answer: Exchange, kind: Kind) -> PeercycleError:
    """Return what a status other than 200 and 429 means to the caller, who asked a question of this kind."""
    said = said_by(answer)
    told = f": {said}" if said else ""
    if answer.status in {404, 410} and kind == "search":
        # A search names no work that could be unknown: what is not there is the search itself.
        return SourceUnavailableError(f"{host} has no search there ({answer.status}{told}); is its address right?")
    if answer.status in {404, 410}:
        return WorkNotFoundError(f"{host} knows no such work ({answer.status}{told})")
    if answer.status in {401, 403}:
        return SourceUnavailableError(f"{host} refuses us ({answer.status}{told}); is the key right?")
    if answer.status >= 500 or answer.status in TRANSIENT:
        return SourceUnavailableError(f"{host} is down ({answer.status}{told})")
    if 400 <= answer.status < 500:
        return BadRequestError(f"{host} does not take this request ({answer.status}{told})")
    return SourceUnavailableError(f"{host} answers with status {answer.status}, which means nothing here{told}")


def said_by(answer: Exchange) -> str:
    """Return in one line what the body says of the error: its message, else its plain words."""
    text = answer.body[:4096].decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if isinstance(body, dict):
        text = next((str(body[name]) for name in ("error", "message", "detail") if body.get(name)), "")
    plain = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    plain = "".join(character for character in plain if character.isprintable())
    return plain[:_LONGEST_SAID]


def retry_after(answer: Exchange) -> float | None:
    """Return in how many seconds the host wants to be asked again: given in seconds, or as a date."""
    given = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", given):
        return float(given)
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
