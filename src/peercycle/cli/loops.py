"""Running a coroutine from a command, without importing asyncio before a command runs."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from peercycle.core.errors import OutageError, PeercycleError

T = TypeVar("T")


class UnansweredError(PeercycleError):
    """No source answered. That is a failure of a command that leaves nothing to be resumed."""


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own and return what it returns."""
    import asyncio

    return asyncio.run(work)


def answer_of(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that asks the network, and do not stay longer than it does.

    A look-up of a name cannot be called off, and takes up to a minute where nobody answers; nothing waits for its
    thread. Raises `UnansweredError` for an outage.
    """
    import asyncio

    from peercycle.cli.leaving import LeavingThreads

    async def asking() -> T:
        asyncio.get_running_loop().set_default_executor(LeavingThreads())
        return await work

    try:
        return asyncio.run(asking())
    except OutageError as error:
        raise UnansweredError(str(error)) from error
