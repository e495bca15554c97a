"""The literature sources that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.agents.literature.arxiv import ArxivSettings
    from peercycle.agents.literature.crossref import CrossrefSettings
    from peercycle.agents.literature.local.settings import LocalSettings
    from peercycle.agents.literature.openalex import OpenAlexSettings
    from peercycle.agents.literature.semantic_scholar import SemanticScholarSettings
    from peercycle.core.contracts import LiteratureSource, Register


@hookimpl
def register_literature(register: Register[LiteratureSource]) -> None:
    """Offer `local` (the task's bibliography and any corpus files) and the online sources, used only when named."""
    from peercycle.agents.literature.arxiv.source import ArxivSettings
    from peercycle.agents.literature.crossref.source import CrossrefSettings
    from peercycle.agents.literature.local.settings import LocalSettings
    from peercycle.agents.literature.openalex.source import OpenAlexSettings
    from peercycle.agents.literature.semantic_scholar.settings import SemanticScholarSettings

    register("local", _local, LocalSettings)
    register("semantic-scholar", _semantic_scholar, SemanticScholarSettings)
    register("crossref", _crossref, CrossrefSettings)
    register("arxiv", _arxiv, ArxivSettings)
    register("openalex", _openalex, OpenAlexSettings)


def _local(settings: LocalSettings) -> LiteratureSource:
    from peercycle.agents.literature.local.source import LocalLiterature

    return LocalLiterature(settings)


def _semantic_scholar(settings: SemanticScholarSettings) -> LiteratureSource:
    from peercycle.agents.literature.semantic_scholar import SemanticScholar

    return SemanticScholar(settings)


def _crossref(settings: CrossrefSettings) -> LiteratureSource:
    from peercycle.agents.literature.crossref import Crossref

    return Crossref(settings)


def _arxiv(settings: ArxivSettings) -> LiteratureSource:
    from peercycle.agents.literature.arxiv import Arxiv

    return Arxiv(settings)


def _openalex(settings: OpenAlexSettings) -> LiteratureSource:
    from peercycle.agents.literature.openalex import OpenAlex

    return OpenAlex(settings)
