"""Asking a model until its answer can be read: every try logged, exactly the one that was used marked accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from peercycle.agents.formats.lenient_json import NotJSONError, read_json
from peercycle.agents.formats.plain import clean, quoted
from peercycle.agents.structured.faults import fault_of, other_script
from peercycle.agents.structured.fitting import UnfitError, fit
from peercycle.core.base import JSON, canonical_json, sha256_hex
from peercycle.core.contracts import StageContext
from peercycle.core.errors import UnparsableAnswerError
from peercycle.core.modelling import Completion, Message, ModelRequest, ModelResult, Sampling

T = TypeVar("T")

RE_ASKS = 2
QUOTED_BACK = 2000
"""Characters of a bad answer that are shown to its author again."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask, of whom, and how."""

    label: str
    """Names it in errors, and keeps its seed apart from other questions of the stage."""
    role: str
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    schema: dict[str, JSON] | None = None
    prose: bool = True
    """Its strings hold LaTeX; False for program code."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What was read in the answer that was taken, and what had to be left out of it."""

    value: T
    reports: tuple[str, ...] = ()
    completion: Completion | None = None
    messages: tuple[Message, ...] = ()
    """The conversation whose last turn this answer is."""


class BadAnswerError(ValueError):
    """An answer is to be asked for again. `fallback` is what is taken where no try is better."""

    def __init__(self, message: str, fallback: Answer[Any] | None = None) -> None:
        super().__init__(message)
        self.fallback = fallback


Read = Callable[[str], T]
"""Reads a text; raises `BadAnswerError`."""


async def ask_text(question: Question, ctx: StageContext, read: Read[Answer[T]]) -> Answer[T]:
    """Ask until `read` takes the answer, at most twice more, each time with the fault quoted.

    Where the last answer has a fault that can be left out, that is done and reported. Else raises
    `UnparsableAnswerError`; what was said is in the journal.
    """
    conversation = question.messages
    fault = last = ""
    for attempt in range(RE_ASKS + 1):
        said, result, model_fault = await _one(question, conversation, attempt, ctx)
        last = said.text
        try:
            if model_fault:
                raise BadAnswerError(model_fault)
            answer = read(clean(said.text))
        except BadAnswerError as error:
            fault = str(error)
            if attempt == RE_ASKS and error.fallback is not None:
                await ctx.accept(result)
                answer = error.fallback
                return replace(answer, completion=said, messages=conversation)
            await ctx.accept(result, None)
            await ctx.log(f"{question.label}: answer {attempt + 1} of {RE_ASKS + 1} was not taken: {fault}")
            conversation = (*question.messages, *_again(said.text, fault))
        else:
            await ctx.accept(result)
            return replace(answer, completion=said, messages=conversation)
    raise UnparsableAnswerError(
        f"{question.label}: no answer of {RE_ASKS + 1} could be used; the last: {fault}; it begins "
        f"{quoted(last)} and is whole in the run's completions"
    )


async def ask_json(question: Question, ctx: StageContext, read: Callable[[dict[str, JSON]], Answer[T]]) -> Answer[T]:
    """Ask for JSON of the question's schema; `read` gets it, fitting, and may find further faults."""
    schema = question.schema
    assert schema is not None, "a question for JSON has a schema"

    def fitting(text: str) -> Answer[T]:
        try:
            value = fit(read_json(text, prose=question.prose).value, schema)
        except (NotJSONError, UnfitError) as error:
            raise BadAnswerError(str(error)) from None
        assert isinstance(value, dict)
        answer = read(value)
        if question.prose and other_script(text):
            raise BadAnswerError("the answer is not in English; write English", fallback=answer)
        return answer

    return await ask_text(question, ctx, fitting)


async def _one(
    question: Question, conversation: Sequence[Message], attempt: int, ctx: StageContext
) -> tuple[Completion, ModelResult, str | None]:
    request = ModelRequest(
        messages=tuple(conversation),
        sampling=question.sampling,
        seed=seed_of(ctx, f"{question.label}|{attempt}"),
        response_schema=question.schema,
    )
    (result,) = await ctx.model(question.role).generate([request])
    said = result.completions[0]
    return said, result, fault_of(said, question.sampling.max_tokens)


def seed_of(ctx: StageContext, label: str) -> int:
    """Return a seed of this place and question: the same after a resume and whatever the order of questions."""
    place: list[JSON] = [ctx.options.seed, ctx.candidate, ctx.stage, ctx.visit, label]
    return int(sha256_hex(canonical_json(place))[:8], 16) & 0x7FFFFFFF


def _again(said: str, fault: str) -> tuple[Message, Message]:
    """Return the turns that show a bad answer to its author and say what is wrong with it."""
    shown = (
        said if len(said) <= QUOTED_BACK else f"{said[:QUOTED_BACK]}\n[… {len(said) - QUOTED_BACK} characters more]"
    )
    ask = f"That answer cannot be used: {fault}. Answer the request above again, whole, with this mended."
    return Message(role="assistant", content=clean(shown) or "(nothing)"), Message(role="user", content=ask)


def taken(value: T, *reports: str) -> Answer[T]:
    """Return an answer that is taken as it is."""
    return Answer(value, reports)
