"""What a sandbox may offer beside its contract: data from elsewhere, fetched before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from peercycle.core.sandboxing import DataRecord, DataSpec


@runtime_checkable
class FetchingSandbox(Protocol):
    """A sandbox that can give its programs data from elsewhere: asked before `run`, which has no network."""

    async def fetch(self, data: Sequence[DataSpec]) -> tuple[DataRecord, ...]:
        """Fetch data, within limits and from allowed hosts; what is here already is not fetched again.

        Raises `RefusedRequestError` for data that cannot be had as it was named, `OutageError` where nobody answers.
        """
        ...
