"""What the prepare step may fetch, and from where."""

from __future__ import annotations

from pydantic import Field

from peercycle.core.base import Word


class FetchSettings(Word):
    """The border of the prepare step, which is the one step that has a network."""

    hosts: tuple[str, ...] = ()
    """Hosts that data may come from, redirects included, as `zenodo.org` or `*.zenodo.org`; none means no URL."""
    private_hosts: tuple[str, ...] = ()
    """Hosts, or `HOST:PORT`, that may have an address of this machine or its own network; they need no other entry."""
    offline: bool = False
    """Fetch nothing: what is not here already is an error."""
    max_mb: int = Field(default=2048, ge=1)
    """Most that one data set, and one environment's wheels, may weigh; unpacked, those may hold four times as much."""
    total_mb: int = Field(default=20480, ge=1)
    """Most that all data kept here may weigh."""
    timeout_s: float = Field(default=600.0, gt=0)
    """Most time for one data set."""
