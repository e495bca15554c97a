"""The trainers that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.core.contracts import Register, Trainer
    from peercycle.trainers.simpo.settings import SimpoSettings
    from peercycle.trainers.with_trl.settings import SftSettings, TrlCpoSettings


@hookimpl
def register_trainers(register: Register[Trainer]) -> None:
    """Offer `simpo`, and on TRL `sft` and `trl-cpo`."""
    from peercycle.trainers.simpo.settings import SimpoSettings
    from peercycle.trainers.with_trl.settings import SftSettings, TrlCpoSettings

    register("simpo", _simpo, SimpoSettings)
    register("sft", _sft, SftSettings)
    register("trl-cpo", _trl_cpo, TrlCpoSettings)


def _simpo(settings: SimpoSettings) -> Trainer:
    from peercycle.trainers.simpo.training import Simpo

    return Simpo(settings)


def _sft(settings: SftSettings) -> Trainer:
    from peercycle.trainers.with_trl.sft_plugin import Sft

    return Sft(settings)


def _trl_cpo(settings: TrlCpoSettings) -> Trainer:
    from peercycle.trainers.with_trl.cpo_plugin import TrlCpo

    return TrlCpo(settings)
