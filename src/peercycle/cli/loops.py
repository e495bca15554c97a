"""Running a coroutine from a command, without importing asyncio before a command runs."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own and return what it returns."""
    import asyncio

    return asyncio.run(work)
