"""What is asked of a service, what it answered, and how it wants to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import unquote_plus

from peercycle.agents.literature.online.settings import Kind
from peercycle.core.hiding import hide, to_hide

T = TypeVar("T")

USER_AGENT = "peercycle"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. Two that are equal have one answer, whatever the headers say."""

    method: Literal["GET", "POST"]
    url: str
    """Without parameters."""
    parameters: str = ""
    """Quoted already."""
    body: Any = None
    """JSON, or None."""
    kind: Kind = "search"
    most_bytes: int | None = None
    """The largest answer that is read; none means what the settings say."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Where a key is. Never kept, journalled or shown."""
    secret_parameters: str = ""
    """More parameters, for a source that takes its key there. Never kept, journalled or shown."""

    @property
    def address(self) -> str:
        """What may be shown of where it is sent."""
        return f"{self.url}?{self.parameters}" if self.parameters else self.url

    def hide(self, said: bytes) -> bytes:
        """Return what a service said without the secrets it was sent: some quote the key that they refuse."""
        secrets = [value for name, value in self.headers.items() if name.lower() != "user-agent"]
        for parameter in self.secret_parameters.split("&"):
            value = parameter.partition("=")[2]
            secrets += [value, unquote_plus(value)]
        # Whatever its bytes are, they come back as they were.
        return hide(said.decode("utf-8", "surrogateescape"), to_hide(secrets)).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T]):
    """An answer as it was understood."""

    value: T
    fetched_at: float
    """UTC time at which the service gave it, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Manners:
    """What a host asks of its users."""

    interval_s: float
    alone: bool = False
    """One connection at a time, over all processes of this machine."""
