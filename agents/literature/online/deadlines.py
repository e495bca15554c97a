"""How long a question may take in all, and each of its requests.

A question is one call of a source: a search of several pages is several requests, each with its new tries, pauses and
turns, and all of them together end with the question's time. It is handed down in a context variable, because
between the source and the transport there may be a package that knows nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]])


@dataclass(frozen=True, slots=True)
class Question:
    """One call of a source."""

    seconds: float
    """What it was given."""
    until: float
    """By the monotonic clock."""

    def left(self) -> float:
        """Return how many seconds are left, at least 0."""
        return max(0.0, self.until - time.monotonic())


QUESTION: ContextVar[Question | None] = ContextVar("peercycle_question", default=None)
"""The question in hand; none where a transport is used by itself."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let everything that is asked inside take no longer together; inside another such span the earlier end holds."""
    outer = QUESTION.get()
    question = Question(seconds, time.monotonic() + seconds)
    token = QUESTION.set(outer if outer is not None and outer.until < question.until else question)
    try:
        yield
    finally:
        QUESTION.reset(token)


def a_question(method: F) -> F:
    """Give a method of a source the time that its `settings` grant to a question."""

    @wraps(method)
    async def in_time(self: Any, *args: Any, **kwargs: Any) -> Any:
        with within(self.settings.question_s):
            return await method(self, *args, **kwargs)

    return cast("F", in_time)


@dataclass(slots=True)
class Deadline:
    """The time of one request: it begins when the first turn has come, and ends with the question at the latest."""

    seconds: float
    question: Question | None = None
    until: float = 0.0

    @property
    def running(self) -> bool:
        """Whether it has begun."""
        return self.until > 0

    def start(self) -> None:
        """Begin, the first time."""
        self.until = self.until or time.monotonic() + self.seconds

    def left(self) -> float:
        """Return how many seconds are left, at least 0."""
        own = max(0.0, self.until - time.monotonic()) if self.running else self.seconds
        return own if self.question is None else min(own, self.question.left())
