"""The trainers that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.core.contracts import Register, Trainer
    from peercycle.trainers.simpo.settings import SimpoSettings


@hookimpl
def register_trainers(register: Register[Trainer]) -> None:
    """Offer `simpo`."""
    from peercycle.trainers.simpo.settings import SimpoSettings

    register("simpo", _simpo, SimpoSettings)


def _simpo(settings: SimpoSettings) -> Trainer:
    from peercycle.trainers.simpo.training import Simpo

    return Simpo(settings)
