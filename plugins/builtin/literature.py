"""The literature sources that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.agents.literature.local import LocalSettings
    from peercycle.core.contracts import LiteratureSource, Register


@hookimpl
def register_literature(register: Register[LiteratureSource]) -> None:
    """Offer `local`: full-text search over the task's bibliography and any corpus files."""
    from peercycle.agents.literature.local import LocalSettings

    register("local", _local, LocalSettings)


def _local(settings: LocalSettings) -> LiteratureSource:
    from peercycle.agents.literature.local import LocalLiterature

    return LocalLiterature(settings)
