"""Prompts: what is missing is an error, never a blank; what is data cannot pass for anything else."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from jinja2 import UndefinedError

from peercycle.agents.structured.templates import render

PACKAGES = ("peercycle.agents.policies.prompted", "peercycle.agents.reviewers.prompted")
PROMPTS = [
    (package, item.name.removesuffix(".j2"))
    for package in PACKAGES
    for item in (files(package) / "prompts").iterdir()
    if re.search(r"\{\{|\{%", item.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("package", "name"), PROMPTS)
def test_a_value_that_a_prompt_lacks_is_an_error(package: str, name: str) -> None:
    with pytest.raises(UndefinedError, match="is undefined"):
        render(package, name)


def test_a_prompt_is_rendered_with_its_values() -> None:
    said = render("peercycle.agents.reviewers.prompted", "review", disposition="You are strict.")
    assert said.startswith("You are strict.\n\nReview the paper above.")


def test_every_package_of_prompts_is_tried() -> None:
    assert {package for package, _ in PROMPTS} == set(PACKAGES)
