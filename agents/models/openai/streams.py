"""A streamed answer put together again, as if it had come whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from peercycle.agents.models.openai.answers import UnreadableError


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
        if isinstance(error := event.get("error"), dict):
            raise UnreadableError(f"the stream reports an error: {str(error.get('message'))[:500]}")
        _add(whole, choices, event)
    finished = choices and all(choice.get("finish_reason") for choice in choices.values())
    if not finished and not (ended and choices):
        raise BrokenStreamError("the stream was cut before the answer's end")
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


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
    except ValueError:
        # Half an event: what a cut leaves.
        raise BrokenStreamError("the stream was cut in the middle of an event") from None
    if not isinstance(found, dict):
        raise UnreadableError("an event of its stream is no JSON object")
    return found


def _add(whole: dict[str, Any], choices: dict[int, dict[str, Any]], event: dict[str, Any]) -> None:
    for key, value in event.items():
        if key != "choices" and value is not None:
            whole[key] = value
    for piece in event.get("choices") or ():
        if not isinstance(piece, dict):
            continue
        given = piece.get("index")
        index = given if isinstance(given, int) else 0
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
                message[key] = message.get(key, "") + value if isinstance(value, str) and key != "role" else value


def _add_logprobs(choice: dict[str, Any], logprobs: Any) -> None:
    if not isinstance(logprobs, dict):
        return
    held = choice.setdefault("logprobs", {})
    for key in ("content", "token_logprobs"):
        if isinstance(piece := logprobs.get(key), list):
            held.setdefault(key, []).extend(piece)
