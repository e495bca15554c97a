"""A streamed answer put together again, as if it had come whole."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

from peercycle.agents.models.openai.answers import UnreadableError, require_shallow
from peercycle.agents.models.openai.faults import said

Place = tuple[str | int, ...]
"""Keys and indices that lead to a value."""


class BrokenStreamError(ConnectionError):
    """The stream ended before the answer did."""


async def assemble(lines: AsyncIterator[bytes]) -> dict[str, Any]:
    """Return the body that a stream of events amounts to. Raises `BrokenStreamError` where it was cut."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    ended = False
    async for data in _events(lines):
        if data.strip() == b"[DONE]":
            ended = True
            break
        event = _event(data)
        if isinstance(event.get("error"), dict):
            words = said(data.decode("utf-8", "replace"))
            # Without a mark of its cut: what ends in the beginning of a key is looked for at the very end.
            raise UnreadableError(f"the stream reports an error: {words.removesuffix('…')}")
        _add(whole, choices, event)
    finished = choices and all(choice.get("finish_reason") for choice in choices.values())
    if not finished and not (ended and choices):
        raise BrokenStreamError("the stream was cut before the answer's end")
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


def spelt_by(body: str) -> list[str]:
    """Return what the events of a stream spell, as far as it came: the strings of each field, put together."""
    fields: dict[Place, list[str]] = {}
    # `splitlines` would also split at marks such as U+2028, which stand in JSON as they are.
    for line in re.split(r"\r\n|\n|\r", body):
        if line.startswith("data:"):
            with suppress(ValueError, RecursionError):
                for place, words in _strings(json.loads(line[5:])):
                    fields.setdefault(place, []).append(words)
    # What every event repeats, such as the model's name, is said once.
    return [pieces[0] if len(set(pieces)) == 1 else "".join(pieces) for pieces in fields.values()]


def _strings(event: Any) -> Iterator[tuple[Place, str]]:
    """Yield the strings of an event and where they stand; what has an index stands there, wherever it is listed."""
    left: list[tuple[Place, Any]] = [((), event)]
    while left:
        place, value = left.pop()
        if isinstance(value, str):
            yield place, value
        elif isinstance(value, dict):
            left += [((*place, key), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            left += [((*place, _index(inner, number)), inner) for number, inner in enumerate(value)]


def _index(item: Any, number: int) -> int:
    given = item.get("index") if isinstance(item, dict) else None
    return given if isinstance(given, int) else number


async def _events(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the data of each event; comments and other fields are passed over."""
    held: list[bytes] = []
    async for line in lines:
        if not line:
            if held:
                yield b"\n".join(held)
                held = []
        elif line.startswith(b"data:"):
            held.append(line[5:].removeprefix(b" "))
    if held:
        yield b"\n".join(held)


def _event(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UnreadableError(f"an event of its stream is not UTF-8 text at byte {error.start}") from None
    except RecursionError:
        raise UnreadableError("an event of its stream is nested too deep") from None
    except ValueError:
        # Half an event: what a cut leaves.
        raise BrokenStreamError("the stream was cut in the middle of an event") from None
    if not isinstance(found, dict):
        raise UnreadableError("an event of its stream is no JSON object")
    require_shallow(found)
    return found


def _add(whole: dict[str, Any], choices: dict[int, dict[str, Any]], event: dict[str, Any]) -> None:
    for key, value in event.items():
        if key != "choices" and value is not None:
            whole[key] = value
    for piece in event.get("choices") or ():
        if not isinstance(piece, dict):
            continue
        index = _index(piece, 0)
        choice = choices.setdefault(index, {"index": index})
        for key in ("finish_reason", "prompt_token_ids"):
            if piece.get(key) is not None:
                choice[key] = piece[key]
        if isinstance(ids := piece.get("token_ids"), list):
            choice.setdefault("token_ids", []).extend(ids)
        if isinstance(piece.get("text"), str):
            choice["text"] = choice.get("text", "") + piece["text"]
        _add_logprobs(choice, piece.get("logprobs"))
        if isinstance(delta := piece.get("delta"), dict):
            message = choice.setdefault("message", {})
            for key, value in delta.items():
                before = message.get(key)
                joined = isinstance(before, str) and isinstance(value, str) and key != "role"
                if value is not None:
                    # None says only that this piece has nothing of it.
                    message[key] = f"{before}{value}" if joined else value


def _add_logprobs(choice: dict[str, Any], logprobs: Any) -> None:
    if not isinstance(logprobs, dict):
        return
    held = choice.setdefault("logprobs", {})
    for key in ("content", "token_logprobs"):
        if isinstance(piece := logprobs.get(key), list):
            held.setdefault(key, []).extend(piece)
