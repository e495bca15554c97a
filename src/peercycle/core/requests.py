"""What an effect sends to online sources: counted against its allowance, and kept for the journal."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from peercycle.core.base import JSON
from peercycle.core.errors import BudgetExceededError


@dataclass(slots=True)
class RequestLog:
    """The requests of one effect. One log may be shared by several tasks of one loop."""

    allowed: int | None = None
    """How many may go out, new tries included; None is no limit."""
    sent: int = 0
    lines: list[JSON] = field(default_factory=list)
    """One object a request: method, url, status, seconds, and whether the cache answered."""

    def spend(self, url: str) -> None:
        """Count one request before it goes out. Raises `BudgetExceededError` where none is left."""
        if self.allowed is not None and self.sent >= self.allowed:
            raise BudgetExceededError(
                f"this search may send {self.allowed} requests, and {url!r} would be one more; ask for fewer works"
            )
        self.sent += 1


REQUESTS: ContextVar[RequestLog | None] = ContextVar("peercycle_requests", default=None)
"""The log of the effect in hand; none outside a run."""
