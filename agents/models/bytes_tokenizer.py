"""The simplest real tokenizer: a token is a byte of UTF-8. Counts are exact, and ids turn back into text."""

from __future__ import annotations

from peercycle.core.base import sha256_hex
from peercycle.core.modelling import ModelRequest

TOKENIZER_HASH = sha256_hex(b"a token is a byte of UTF-8")
TEMPLATE = "<|{role}|>\n{content}\n"
TEMPLATE_HASH = sha256_hex(TEMPLATE.encode())


def encode(text: str) -> tuple[int, ...]:
    """Return a text's token ids, 0 to 255; half of a surrogate pair is kept as its three bytes."""
    return tuple(text.encode("utf-8", "surrogatepass"))


def decode(ids: tuple[int, ...]) -> str:
    """Return the text of token ids; bytes that are no whole character are left out."""
    return bytes(ids).decode("utf-8", "ignore")


def prompt_ids(request: ModelRequest) -> tuple[int, ...]:
    """Return what a request's prompt is as tokens: its own ids, or its messages under the template."""
    if request.prompt_token_ids is not None:
        return request.prompt_token_ids
    turns = [TEMPLATE.format(role=m.role, content=m.content) for m in request.messages]
    return encode("".join([*turns, "<|assistant|>\n", request.assistant_prefix or ""]))
