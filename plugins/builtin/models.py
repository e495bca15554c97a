"""The models that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.agents.models.openai.settings import OpenAISettings
    from peercycle.agents.models.replay import ReplayModelSettings
    from peercycle.agents.models.scripted import ScriptedModelSettings
    from peercycle.agents.models.transformers.settings import TransformersSettings
    from peercycle.agents.models.vllm.settings import VllmSettings
    from peercycle.core.contracts import LanguageModel, Register


@hookimpl
def register_models(register: Register[LanguageModel]) -> None:
    """Offer the engines, `scripted` (answers given beforehand) and `replay` (answers of an earlier run)."""
    from peercycle.agents.models.openai.settings import OpenAISettings
    from peercycle.agents.models.replay import ReplayModelSettings
    from peercycle.agents.models.scripted import ScriptedModelSettings
    from peercycle.agents.models.transformers.settings import TransformersSettings
    from peercycle.agents.models.vllm.settings import VllmSettings

    register("openai", _openai, OpenAISettings)
    register("transformers", _transformers, TransformersSettings)
    register("vllm", _vllm, VllmSettings)
    register("scripted", _scripted, ScriptedModelSettings)
    register("replay", _replay, ReplayModelSettings)


def _openai(settings: OpenAISettings) -> LanguageModel:
    from peercycle.agents.models.openai.model import OpenAIModel

    return OpenAIModel(settings)


def _vllm(settings: VllmSettings) -> LanguageModel:
    from peercycle.agents.models.vllm.model import VllmModel

    return VllmModel(settings)


def _transformers(settings: TransformersSettings) -> LanguageModel:
    from peercycle.agents.models.transformers.model import TransformersModel

    return TransformersModel(settings)


def _scripted(settings: ScriptedModelSettings) -> LanguageModel:
    from peercycle.agents.models.scripted import ScriptedModel

    return ScriptedModel(settings)


def _replay(settings: ReplayModelSettings) -> LanguageModel:
    from peercycle.agents.models.replay import ReplayModel

    return ReplayModel(settings)
