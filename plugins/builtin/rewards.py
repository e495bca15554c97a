"""The rewards that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.agents.rewards import CompositeSettings
    from peercycle.core.contracts import NoSettings, Register, RewardFunction


@hookimpl
def register_rewards(register: Register[RewardFunction]) -> None:
    """Offer `mean-rating` (the published one), `min-rating`, `composite` and `checks`."""
    from peercycle.agents.rewards import CompositeSettings

    register("mean-rating", _mean_rating)
    register("min-rating", _min_rating)
    register("composite", _composite, CompositeSettings)
    register("checks", _checks)


def _mean_rating(settings: NoSettings) -> RewardFunction:
    from peercycle.agents.rewards import MeanRating

    return MeanRating(settings)


def _min_rating(settings: NoSettings) -> RewardFunction:
    from peercycle.agents.rewards import MinRating

    return MinRating(settings)


def _composite(settings: CompositeSettings) -> RewardFunction:
    from peercycle.agents.rewards import Composite

    return Composite(settings)


def _checks(settings: NoSettings) -> RewardFunction:
    from peercycle.agents.rewards import ChecksPassed

    return ChecksPassed(settings)
