"""What can be set of an online source is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from peercycle.agents.literature.online.settings import OnlineSettings

PAGE = Path(__file__).parents[4] / "docs" / "literature.md"


@pytest.mark.parametrize("name", [*OnlineSettings.model_fields])
def test_every_setting_of_an_online_source_is_on_its_page(name: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert any(form in page for form in (f"`{name}`", f"\n{name} = ", f".{name}]"))
