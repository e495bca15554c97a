"""What keeps a run whole, each to be taken away: a matrix that stays green without one proves nothing of it."""

from __future__ import annotations

from typing import Any

from tests.graphs.crash.points import put_in_place


def without(protection: str) -> None:
    """Take a protection away in this process. Raises `KeyError` for one that is not known."""
    REMOVALS[protection]()


def _without_journal() -> None:
    from peercycle.store import effects, reader

    put_in_place(effects, journalled_outcome=lambda *_: None)
    put_in_place(reader, journalled_outcome=lambda *_: None)


class Loose:
    """The same graph, its checkpoints written whenever there is time."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph

    def __getattr__(self, name: str) -> Any:
        return getattr(self.graph, name)

    async def ainvoke(self, *args: Any, **kwargs: Any) -> Any:
        """Go on without waiting for checkpoints."""
        assert kwargs["durability"] == "sync"
        return await self.graph.ainvoke(*args, **{**kwargs, "durability": "async"})


def _without_sync() -> None:
    from peercycle.graphs import cycle, driver

    put_in_place(driver, cycle_of=lambda *args: Loose(cycle.cycle_of(*args)))


def _without_lease() -> None:
    from peercycle.store import lease

    put_in_place(lease, lock_file=lambda _: None)


def _without_fence() -> None:
    from peercycle.store import commits

    put_in_place(commits, check_fence=lambda *_: None)


REMOVALS = {
    "journal": _without_journal,
    "sync": _without_sync,
    "lease": _without_lease,
    "fence": _without_fence,
}
