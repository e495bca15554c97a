"""Settings of Semantic Scholar. The key is no setting: settings are written down, and a key must not be."""

from __future__ import annotations

import os

from peercycle.agents.literature.online.settings import OnlineSettings
from peercycle.core.errors import SourceUnavailableError

KEY_VARIABLE = "SEMANTIC_SCHOLAR_API_KEY"
URL_VARIABLE = "PEERCYCLE_SEMANTIC_SCHOLAR_URL"
SERVICE = "https://api.semanticscholar.org"


class SemanticScholarSettings(OnlineSettings):
    """How Semantic Scholar is asked."""

    def base(self) -> str:
        """Return the service's address: the setting, the environment's, or its own."""
        return (self.url or os.environ.get(URL_VARIABLE) or SERVICE).rstrip("/")


def api_key() -> str:
    """Return the key of the environment; empty where there is none. Raises `SourceUnavailableError` for what is no key."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key.isascii() or not key.isprintable():
        raise SourceUnavailableError(
            f"{KEY_VARIABLE} holds characters that no header can carry; set it anew, or unset it"
        )
    return key
