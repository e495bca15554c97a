"""Settings that every online source has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from peercycle.core.base import Word

CacheMode = Literal["cached", "cache-only", "refresh"]

Kind = Literal["search", "work", "graph", "recommend", "eprint", "refusal"]
"""What an answer is, which decides how long it is good for."""

DAY_S = 86_400.0


class Lifetimes(Word):
    """For how many days an answer of each kind is good."""

    search: float = Field(default=7, ge=0)
    work: float = Field(default=30, ge=0)
    """Records of works by id."""
    graph: float = Field(default=14, ge=0)
    """References and citations."""
    recommend: float = Field(default=7, ge=0)
    eprint: float = Field(default=30, ge=0)
    """Sources of papers."""
    refusal: float = Field(default=1, ge=0)
    """That a work does not exist, or that a request was a bad one."""

    def seconds(self, kind: Kind) -> float:
        """Return the lifetime of a kind in seconds."""
        days: float = getattr(self, kind)
        return days * DAY_S


class OnlineSettings(Word):
    """How an online source is asked."""

    url: str | None = None
    """Where the service is; none means its own address."""
    mode: CacheMode = "cached"
    """`cache-only` sends nothing and takes answers of any age; `refresh` asks anew and keeps what it is told."""
    cache: str | None = None
    """Folder of the kept answers; none means the user's cache folder."""
    lifetimes: Lifetimes = Lifetimes()
    deadline_s: float = Field(default=15.0, gt=0)
    """Seconds until a request is given up, with all new tries and pauses, once its turn has come."""
    question_s: float = Field(default=600.0, gt=0)
    """Seconds until a question (a search, a list of ids) is given up: all its pages, with their new tries, pauses, and
    waits for a turn among others of this machine."""
    tries: int = Field(default=4, ge=1, le=20)
    """How often a request is sent at most."""
    most_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    """The largest answer that is read."""
    interval_s: float | None = Field(default=None, ge=0)
    """Seconds between two requests to the host, over all threads and processes of this machine; none means what
    the source asks for."""
