"""What is done together ends together, and what a cancellation must not break off is finished."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def outlast(future: asyncio.Future[T]) -> T:
    """Wait for a future to its end, and only then be cancelled.

    Give it what an executor does: a task would be cancelled, too, where the loop is shut down.
    """
    try:
        await outlast_each([future])
    except asyncio.CancelledError:
        # What it came to is asked for, so that asyncio reports no exception that nobody retrieved.
        future.exception()
        raise
    return future.result()


async def outlast_each(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Wait for futures one after the other, each asked for once the one before has ended; only then be cancelled.

    What they came to is left to whoever made them.
    """
    cancelled = False
    for future in futures:
        while True:
            try:
                # Also for one that is done: what its end sets off must have happened before the next is asked for.
                await asyncio.wait([future])
                break
            except asyncio.CancelledError:
                cancelled = True
    if cancelled:
        raise asyncio.CancelledError


async def together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do works at once and return what they return, in order; where one fails, the others are cancelled and awaited.

    The first failure is raised as it is. With `asyncio.gather` the others would go on, when nobody waits for them.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        # What they end with is theirs: the first failure is the one that is told.
        await asyncio.gather(*left, return_exceptions=True)
        for task in tasks:
            if not task.cancelled():
                task.exception()
