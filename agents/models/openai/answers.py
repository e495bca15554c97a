"""From what a server answered to completions; nothing in it is believed before it is looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peercycle.agents.models.thinking import split_thoughts
from peercycle.core.base import JSON
from peercycle.core.modelling import Completion, Usage

LARGEST_COUNT = 1 << 40
"""More tokens than any answer has, and less than a database's numbers hold."""
DEEPEST = 100
"""Lists and objects inside each other that an answer may have."""
REASONING = ("reasoning_content", "reasoning")
"""Where servers put what a model thought before it answered."""


class UnreadableError(ValueError):
    """A body that is no Chat Completion; its message says in a few words why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one HTTP answer held."""

    completions: tuple[Completion, ...]
    usage: Usage
    model: str
    revision: str | None
    raw: JSON
    refusal: str | None = None
    """What the model said instead of any answer, where it refused to give one."""


def parse(body: bytes) -> dict[str, Any]:
    """Return a body's JSON object. Raises `UnreadableError`."""
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is not UTF-8 text at byte {error.start}") from None
    except (ValueError, RecursionError):
        start = body[:200].lstrip().lower()
        html = start.startswith((b"<!doctype", b"<html"))
        what = "is HTML" if html else "is empty" if not start else "is not JSON"
        where = " (base_url ends with /v1 for most servers)" if html or not start else ""
        raise UnreadableError(f"it {what}{where}") from None
    if not isinstance(found, dict):
        raise UnreadableError("it is no JSON object")
    require_shallow(found)
    return found


def require_shallow(found: Any) -> None:
    """Raise `UnreadableError` for JSON that is nested deeper than any answer, and too deep to be written again."""
    left = [(found, 1)]
    while left:
        value, depth = left.pop()
        if depth > DEEPEST:
            raise UnreadableError(f"it is nested deeper than {DEEPEST}")
        inner = value.values() if isinstance(value, dict) else value
        left += [(each, depth + 1) for each in inner if isinstance(each, dict | list)]


def read(found: Mapping[str, Any], prefix: str | None) -> Answer:
    """Return the answers of a body. Raises `UnreadableError` where it has none."""
    choices = found.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UnreadableError("it holds no choices")
    prompt = _ids(found.get("prompt_token_ids"))
    order = sorted((c for c in choices if isinstance(c, dict)), key=lambda c: _count(c.get("index")))
    completions = tuple(_completion(choice, prompt, prefix) for choice in order)
    if not completions:
        raise UnreadableError("its choices are no objects")
    used = found.get("usage") if isinstance(found.get("usage"), dict) else {}
    assert isinstance(used, dict)
    counted = sum(len(c.completion_token_ids or ()) for c in completions)
    usage = Usage(
        prompt_tokens=_count(used.get("prompt_tokens")) or len(prompt or ()),
        completion_tokens=_count(used.get("completion_tokens")) or counted,
        model_calls=1,
    )
    revision = found.get("system_fingerprint")
    return Answer(
        completions,
        usage,
        str(found.get("model") or ""),
        revision if isinstance(revision, str) else None,
        _kept(found),
        _refusal(order),
    )


def _refusal(choices: Sequence[Mapping[str, Any]]) -> str | None:
    messages = [choice.get("message") for choice in choices]
    said = [message.get("refusal") for message in messages if isinstance(message, dict)]
    return next((words for words in said if isinstance(words, str) and words.strip()), None)


def _completion(choice: Mapping[str, Any], prompt: tuple[int, ...] | None, prefix: str | None) -> Completion:
    message = choice.get("message") if isinstance(choice.get("message"), dict) else {}
    assert isinstance(message, dict)
    text = choice.get("text") if "message" not in choice else message.get("content")
    text = text if isinstance(text, str) else _of_parts(text)
    if prefix and text.startswith(prefix):
        # Some servers repeat the turn that they were asked to go on from.
        text = text[len(prefix) :]
    told_apart = next((message[name] for name in REASONING if isinstance(message.get(name), str)), None)
    reasoning, text = split_thoughts(text, told_apart)
    ids = _ids(choice.get("token_ids"))
    logprobs = _logprobs(choice.get("logprobs"))
    fits = ids is not None and logprobs is not None and len(ids) == len(logprobs)
    finish = choice.get("finish_reason")
    return Completion(
        text=text,
        reasoning=reasoning,
        finish_reason=finish if isinstance(finish, str) else None,
        prompt_token_ids=_ids(choice.get("prompt_token_ids")) or prompt,
        completion_token_ids=ids,
        logprobs=logprobs if fits else None,
    )


def _of_parts(content: Any) -> str:
    """Return the text of a content that comes as a list of parts; empty for anything else."""
    parts = content if isinstance(content, list) else []
    return "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _ids(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not all(isinstance(v, int) and not isinstance(v, bool) for v in value):
        return None
    return tuple(value)


def _logprobs(value: Any) -> tuple[float, ...] | None:
    """Return log-probabilities from either shape: Chat Completions' list of tokens, or Completions' parallel lists."""
    if not isinstance(value, dict):
        return None
    content, flat = value.get("content"), value.get("token_logprobs")
    listed: Sequence[Any] = (
        [entry.get("logprob") for entry in content if isinstance(entry, dict)]
        if isinstance(content, list)
        else flat
        if isinstance(flat, list)
        else ()
    )
    if not listed or not all(isinstance(v, int | float) for v in listed):
        return None
    return tuple(min(float(v), 0.0) for v in listed)


def _kept(found: Mapping[str, Any]) -> JSON:
    """Return the answer without what is kept elsewhere already: token ids and log-probabilities are most of it."""
    body = {key: value for key, value in found.items() if key not in {"prompt_token_ids", "choices"}}
    bulky = {"token_ids", "prompt_token_ids", "logprobs", "text"}
    choices = [
        {key: value for key, value in choice.items() if key not in bulky}
        for choice in found.get("choices", ())
        if isinstance(choice, dict)
    ]
    for choice in choices:
        if isinstance(message := choice.get("message"), dict):
            choice["message"] = {k: v for k, v in message.items() if k not in {"content", *REASONING}}
    kept: JSON = json.loads(json.dumps({**body, "choices": choices}))
    return kept


def _count(value: Any) -> int:
    """Return a count that a server may have made; 0 for none, and for what no answer of `LARGEST_COUNT` could have."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_COUNT else 0


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
