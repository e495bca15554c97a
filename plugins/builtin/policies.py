"""The policies that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.agents.policies.cycleresearcher.settings import CycleResearcherSettings
    from peercycle.agents.policies.direct import DirectSettings
    from peercycle.agents.policies.extractive.settings import ExtractiveSettings
    from peercycle.agents.policies.prompted.settings import PromptedSettings
    from peercycle.agents.policies.scripted import ScriptedSettings
    from peercycle.core.contracts import Policy, Register


@hookimpl
def register_policies(register: Register[Policy]) -> None:
    """Offer `extractive` (a systematic map of the literature, without a model), `prompted` (any instruction model),
    `cycleresearcher` (the published protocol), `direct` (one completion is the paper) and `scripted` (for tests)."""
    from peercycle.agents.policies.cycleresearcher.settings import CycleResearcherSettings
    from peercycle.agents.policies.direct import DirectSettings
    from peercycle.agents.policies.extractive.settings import ExtractiveSettings
    from peercycle.agents.policies.prompted.settings import PromptedSettings
    from peercycle.agents.policies.scripted import ScriptedSettings

    register("extractive", _extractive, ExtractiveSettings)
    register("prompted", _prompted, PromptedSettings)
    register("cycleresearcher", _cycleresearcher, CycleResearcherSettings)
    register("direct", _direct, DirectSettings)
    register("scripted", _scripted, ScriptedSettings)


def _extractive(settings: ExtractiveSettings) -> Policy:
    from peercycle.agents.policies.extractive.policy import ExtractivePolicy

    return ExtractivePolicy(settings)


def _prompted(settings: PromptedSettings) -> Policy:
    from peercycle.agents.policies.prompted.policy import PromptedPolicy

    return PromptedPolicy(settings)


def _cycleresearcher(settings: CycleResearcherSettings) -> Policy:
    from peercycle.agents.policies.cycleresearcher.policy import CycleResearcherPolicy

    return CycleResearcherPolicy(settings)


def _scripted(settings: ScriptedSettings) -> Policy:
    from peercycle.agents.policies.scripted import ScriptedPolicy

    return ScriptedPolicy(settings)


def _direct(settings: DirectSettings) -> Policy:
    from peercycle.agents.policies.direct import DirectPolicy

    return DirectPolicy(settings)
