"""From a request to the body that a server is sent."""

from __future__ import annotations

from typing import Any, Literal

from peercycle.agents.models.openai.settings import OpenAISettings
from peercycle.core.modelling import ModelRequest

SEEDS = 1 << 31
"""Servers differ in how large a seed may be: all take 31 bits."""

Prefixing = Literal["message", "continue"]
"""How a server is told to go on from a prefix: by a last assistant turn alone, or by vLLM's own fields too."""


def body_of(
    request: ModelRequest,
    settings: OpenAISettings,
    *,
    limit_field: str,
    prefixing: Prefixing,
    choices: int,
    first: int,
) -> tuple[str, dict[str, Any]]:
    """Return the end point and the body that ask for `choices` answers, of which the first is number `first`."""
    body: dict[str, Any] = {"model": settings.model, "n": choices, **settings.extra_body}
    sampling = request.sampling
    for name in ("temperature", "top_p", "top_k"):
        if (value := getattr(sampling, name)) is not None:
            body[name] = value
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.ignore_eos:
        body["ignore_eos"] = True
    if request.seed is not None:
        body["seed"] = (request.seed + first) % SEEDS
    if settings.return_token_ids:
        body["return_token_ids"] = True
    if request.response_schema is not None and settings.response_format != "none":
        body["response_format"] = _format(request, settings)
    most = sampling.max_tokens or settings.max_tokens
    if request.prompt_token_ids is not None:
        if settings.return_token_ids:
            body["logprobs"] = 0
        return "completions", body | {"prompt": list(request.prompt_token_ids), "max_tokens": most}
    if settings.return_token_ids:
        body["logprobs"] = True
    body[limit_field] = most
    body["messages"] = [{"role": m.role, "content": whole(m.content)} for m in request.messages]
    if request.assistant_prefix:
        body["messages"].append({"role": "assistant", "content": whole(request.assistant_prefix)})
        if prefixing == "continue":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
    return "chat/completions", body


def whole(text: str) -> str:
    """Return a text without halves of surrogate pairs, which are no characters and which no server takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def prompt_bound(request: ModelRequest) -> int:
    """Return more tokens than the prompt can have: a token is at least one byte, and a template adds some."""
    if request.prompt_token_ids is not None:
        return len(request.prompt_token_ids)
    texts = [message.content for message in request.messages] + [request.assistant_prefix or ""]
    written = sum(len(text.encode("utf-8", "replace")) for text in texts)
    schema = len(str(request.response_schema)) if request.response_schema is not None else 0
    return written + schema + 16 * len(texts) + 256


def _format(request: ModelRequest, settings: OpenAISettings) -> dict[str, Any]:
    if settings.response_format == "json_object":
        return {"type": "json_object"}
    schema = {"name": "answer", "schema": request.response_schema, "strict": True}
    return {"type": "json_schema", "json_schema": schema}
