"""No built-in offer is forgotten: each is held to its kind's contract by a test class that names it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from peercycle.plugins.manager import KINDS, Kind, Plugins

TESTS = Path(__file__).parents[2]
CONTRACTS: dict[Kind, str] = {
    "models": "ModelContract",
    "policies": "PolicyContract",
    "reviewers": "ReviewerContract",
    "rewards": "RewardContract",
    "literature": "LiteratureContract",
    "sandboxes": "SandboxContract",
    "trainers": "TrainerContract",
    "exporters": "ExporterContract",
}
NOT_HELD: dict[tuple[Kind, str], str] = {}
"""Offers that no contract test names, each with the reason."""
SETTINGS: dict[str, dict[str, Any]] = {
    "replay": {"run": "runs/r1"},
    "transformers": {"model": "weights"},
    "openai": {"model": "m"},
    "vllm": {"model": "m", "url": "http://localhost:8000/v1"},
}
"""What cannot be made without settings."""


@cache
def holders() -> dict[str, list[str]]:
    """Return the text of every test class that inherits a contract, by contract; its own helpers count as its text."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        classes = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
        for name in classes:
            ancestry = _ancestry(name, classes)
            whole = "\n".join(
                ast.get_source_segment(text, classes[each]) or "" for each in ancestry if each in classes
            )
            for contract in set(CONTRACTS.values()) & ancestry if name.startswith("Test") else ():
                found.setdefault(contract, []).append(whole)
    return found


def _ancestry(name: str, classes: dict[str, ast.ClassDef]) -> frozenset[str]:
    """Return a class and what it inherits within its file, and the names of bases from elsewhere."""
    bases = [ast.unparse(base) for base in classes[name].bases] if name in classes else []
    return frozenset([name]).union(*(_ancestry(base, classes) for base in bases))


def offers() -> list[tuple[Kind, str]]:
    plugins = Plugins.load(entry_points=False, environ={})
    return [(kind, name) for kind in KINDS for name in plugins.names(kind)]


def is_held(kind: Kind, name: str) -> bool:
    """Tell whether a contract's test class names the offer's class, or makes the offer by name through the hooks."""
    made = Plugins.load(entry_points=False, environ={}).create(kind, name, SETTINGS.get(name, {}))
    named = re.compile(rf'\b{type(made).__name__}\b|_named\("{re.escape(name)}"')
    return any(named.search(text) for text in holders().get(CONTRACTS[kind], ()))


def test_every_kind_has_a_contract() -> None:
    assert set(CONTRACTS) == set(KINDS)


@pytest.mark.parametrize(("kind", "name"), offers())
def test_a_contract_test_names_the_offer_or_a_reason_is_given(kind: Kind, name: str) -> None:
    assert is_held(kind, name) is ((kind, name) not in NOT_HELD), (
        f"hold {name!r} to {CONTRACTS[kind]} in a test, or give the reason in NOT_HELD; remove a reason that is none"
    )


def test_exceptions_are_offers() -> None:
    assert set(NOT_HELD) <= set(offers())
