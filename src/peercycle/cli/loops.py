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


def wait_unless_ended(work: Coroutine[Any, Any, T]) -> T:
    """Do what `wait_for` does; SIGTERM and SIGHUP call the work off, as Ctrl-C does, so that it leaves nothing behind.

    Raises `SystemExit` with what a shell reports for the signal. One that is ignored (`nohup`) stays so.
    """
    import asyncio
    import signal
    from contextlib import suppress

    heard: list[int] = []

    async def heeding() -> T:
        task = asyncio.current_task()
        assert task is not None

        def end(number: int) -> None:
            heard.append(number)
            task.cancel()

        for number in (signal.SIGTERM, signal.SIGHUP):
            # Only the main thread may be told of signals.
            with suppress(ValueError, RuntimeError):
                if signal.getsignal(number) == signal.SIG_DFL:
                    asyncio.get_running_loop().add_signal_handler(number, end, number)
        return await work

    try:
        return asyncio.run(heeding())
    except asyncio.CancelledError:
        if not heard:
            raise
        raise SystemExit(128 + heard[0]) from None


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
