"""A cache of the test's own, no pauses to speak of, and nothing remembered of other tests' servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from peercycle.agents.literature.online import breaker, tries


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SEMANTIC_SCHOLAR_API_KEY", raising=False)
    monkeypatch.delenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", raising=False)
    monkeypatch.setattr(breaker, "_BREAKERS", {})
    monkeypatch.setattr(tries, "FIRST_PAUSE_S", 0.01)
