"""Finishing what a cancellation must not break off."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


async def outlast(future: asyncio.Future[T]) -> T:
    """Wait for a future to its end, and only then be cancelled.

    Give it what an executor does: a task would be cancelled, too, where the loop is shut down.
    """
    cancelled = False
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        # What it came to is asked for, so that asyncio reports no exception that nobody retrieved.
        future.exception()
        raise asyncio.CancelledError
    return future.result()
