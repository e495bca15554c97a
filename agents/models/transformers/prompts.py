"""A request's prompt as token ids: its own, or its messages under the tokenizer's chat template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peercycle.core.base import JSON
from peercycle.core.errors import ModelError
from peercycle.core.modelling import ModelRequest


def prompt_ids(tokenizer: Any, request: ModelRequest, template_kwargs: Mapping[str, JSON]) -> tuple[int, ...]:
    """Return the prompt's token ids, with the request's prefix of the answer at their end.

    Raises `ModelError` where the template refuses the conversation, or there is none.
    """
    prefix = request.assistant_prefix or ""
    if request.prompt_token_ids is not None:
        return request.prompt_token_ids + _encode(tokenizer, prefix)
    # The template writes its own special tokens: the tokenizer must not add them a second time.
    return _encode(tokenizer, _rendered(tokenizer, request, template_kwargs) + prefix)


def _rendered(tokenizer: Any, request: ModelRequest, template_kwargs: Mapping[str, JSON]) -> str:
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        raise ModelError(
            "the tokenizer has no chat template, so messages have no form; set chat_template to a Jinja file, "
            "or use a model that was trained to converse"
        )
    turns = [{"role": message.role, "content": message.content} for message in request.messages]
    try:
        return str(
            tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **dict(template_kwargs))
        )
    except TemplateError as error:
        raise ModelError(f"the chat template refuses this conversation: {error}") from None


def _encode(tokenizer: Any, text: str) -> tuple[int, ...]:
    if not text:
        return ()
    # Half of a surrogate pair is no character, and tokenizers refuse it.
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return tuple(tokenizer(whole, add_special_tokens=False)["input_ids"])
