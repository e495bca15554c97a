"""Protocols of those who extend the cycle: stages, the graph's builder, registration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from peercycle.core.base import JSON, Word

if TYPE_CHECKING:
    from peercycle.core.contracts import StageContext

T_co = TypeVar("T_co", covariant=True)


class Stage(Protocol):
    """One step of the graph."""

    name: str

    async def __call__(self, state: Mapping[str, JSON], ctx: StageContext) -> Mapping[str, JSON]:
        """Return the channels to update: JSON values of at most 256 KB; bodies go to `ctx.save`.

        `state` is read-only: the candidate's channels, those of plugins among them.
        """
        ...


WrapStage = Callable[[Stage], Stage]


@dataclass(frozen=True, slots=True)
class Channel:
    """A place in a candidate's state that a plugin declares and keeps."""

    name: str
    default: JSON = None
    description: str = ""


class GraphBuilder(Protocol):
    """What `extend_graph` is handed. The stages of a draft: `outline`, `related`, `write`, `plan`, `experiment`,
    `conclude`, `check`, `review`; of a revision: `revise`, and the same from `plan` on."""

    def add_stage(
        self,
        stage: Stage,
        *,
        after: str | None = None,
        before: str | None = None,
        paths: Sequence[Literal["draft", "improve"]] = ("draft", "improve"),
        channels: Sequence[Channel] = (),
    ) -> None:
        """Add a stage next to another one, on the named paths."""
        ...

    def replace_stage(self, name: str, stage: Stage, *, channels: Sequence[Channel] = ()) -> None:
        """Put another stage in a stage's place. Two replacements of one stage are an error that names both."""
        ...

    def wrap_stage(self, name: str, wrap: WrapStage, *, channels: Sequence[Channel] = ()) -> None:
        """Put a stage around a stage; wrappers nest in the order of their plugins."""
        ...


class NoSettings(Word):
    """Settings of a component that has none."""


class Register(Protocol[T_co]):
    """What a `register_…` hook is handed."""

    def __call__(
        self,
        name: str,
        factory: Callable[[Any], Any],
        settings_model: type[BaseModel] = NoSettings,
    ) -> None:
        """Offer a component under a name. `factory(settings)` does no I/O and imports nothing heavy."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A component that the driver enters once per process and leaves on every ending."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *exc: object) -> bool | None: ...
