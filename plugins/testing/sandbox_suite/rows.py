"""What a row of the suite is: an attack or a behaviour, and what has to be removed for it to fail."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from peercycle.plugins.testing.sandbox_suite.ground import Ground

Check = Callable[["Ground"], Coroutine[Any, Any, list[str]]]
"""Does something in a sandbox; returns what got through, or what is not as promised. Empty is well."""

Kind = Literal["bubblewrap as root", "bubblewrap as a user", "docker"]
"""The columns of the table."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Says why no protection of ours could be removed that would let an attack through."""

    why: str


Needs = tuple[str, ...] | Nothing
KERNEL = Nothing("the kernel refuses an ordinary user")
PIDS = Nothing(
    "process 1 of the container ends by killing all that it sees: its process ids are not to be the host's"
)
ENGINE = Nothing("the engine starts the program, and nothing of the driver's can reach it")


@dataclass(frozen=True, slots=True)
class Row:
    """One check. `needs` says, by kind of backend, the smallest set of protections whose removal turns it red."""

    name: str
    number: int | None
    """In the list of attacks that the suite began with; None for one beyond it and for a behaviour."""
    says: str
    check: Check
    needs: dict[str, Needs]

    @property
    def is_attack(self) -> bool:
        """Whether it attacks, or only asks for what is promised."""
        return bool(self.needs)


ROWS: dict[str, Row] = {}
"""Every row by name, in order."""


def attack(
    number: int | None,
    *needs: str,
    root: Needs | None = None,
    user: Needs | None = None,
    docker: Needs | None = None,
) -> Callable[[Check], Check]:
    """Add an attack. `needs` is for every kind of backend for which nothing else is said."""

    def add(check: Check) -> Check:
        _add(
            check,
            number,
            {
                "bubblewrap as root": needs if root is None else root,
                "bubblewrap as a user": needs if user is None else user,
                "docker": needs if docker is None else docker,
            },
        )
        return check

    return add


def behaviour(check: Check) -> Check:
    """Add a behaviour."""
    _add(check, None, {})
    return check


def _add(check: Check, number: int | None, needs: dict[str, Needs]) -> None:
    name = getattr(check, "__name__", "")
    if name in ROWS:
        raise ValueError(f"two rows are called {name!r}")
    ROWS[name] = Row(name, number, (check.__doc__ or "").strip(), check, needs)
