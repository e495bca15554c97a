"""How this policy puts a question: its prompts, its sampling, its role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from peercycle.agents.policies.prompted.settings import PromptedSettings
from peercycle.agents.structured.asking import Answer, Question, ask_json
from peercycle.agents.structured.schemas import Schema
from peercycle.agents.structured.templates import render
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.modelling import Message

T = TypeVar("T")

PACKAGE = "peercycle.agents.policies.prompted"
ROLE = "policy"
CODER = "coder"


def turns(prompt: str, **values: Any) -> tuple[Message, ...]:
    """Return the conversation that asks a prompt."""
    return (
        Message(role="system", content=render(PACKAGE, "system")),
        Message(role="user", content=render(PACKAGE, prompt, **values)),
    )


async def ask(
    ctx: StageContext,
    settings: PromptedSettings,
    label: str,
    schema: Schema,
    messages: tuple[Message, ...],
    read: Callable[[dict[str, JSON]], Answer[T]],
) -> T:
    """Ask for JSON, log what had to be left out of the answer, and return what was read."""
    question = Question(label=label, role=ROLE, messages=messages, sampling=settings.sampling, schema=schema)
    answer = await ask_json(question, ctx, read)
    for report in answer.reports:
        await ctx.log(f"{label}: {report}")
    return answer.value


def words(value: JSON) -> str:
    """Return a string of a fitting answer."""
    assert isinstance(value, str)
    return value


def texts(value: JSON) -> tuple[str, ...]:
    """Return a list of strings of a fitting answer, each once, blanks left out."""
    assert isinstance(value, list)
    return tuple(dict.fromkeys(entry for entry in value if isinstance(entry, str) and entry.strip()))


def records(value: JSON) -> list[dict[str, Any]]:
    """Return a list of objects of a fitting answer."""
    assert isinstance(value, list)
    return [entry for entry in value if isinstance(entry, dict)]


def whole(value: JSON) -> int:
    """Return an integer of a fitting answer."""
    assert isinstance(value, int)
    return value
