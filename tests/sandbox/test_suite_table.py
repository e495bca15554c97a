"""The table in docs/sandbox.md is the suite's, and each of its proofs is of the protections that it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from peercycle.plugins.testing.sandbox_suite import ROWS, Nothing, table
from peercycle.sandbox.protections import MEANING, Protection

RUN = "run `.venv/bin/python -P tools/sandbox_table.py`, with `--prove` where protections changed"


@pytest.fixture
def proofs(repository: Path) -> table.Proofs:
    return table.read(repository / "benchmarks" / "results" / "sandbox_proofs.json")


def test_the_page_shows_the_suite_as_it_is(repository: Path, proofs: table.Proofs) -> None:
    page = (repository / "docs" / "sandbox.md").read_text(encoding="utf-8")
    assert table.put_into(page, proofs, MEANING.items()) == page, RUN


@pytest.mark.parametrize("kind", table.KINDS)
def test_every_attack_has_been_seen_to_succeed(kind: str, proofs: table.Proofs) -> None:
    unproved = [
        name
        for name, row in ROWS.items()
        if row.is_attack
        and not isinstance(needs := row.needs[kind], Nothing)
        and list(proofs.get(name, {}).get(kind, {}).get("removed", ())) != sorted(needs)
    ]
    assert unproved == [], RUN


def test_all_forty_attacks_of_the_list_are_in_the_suite() -> None:
    # Row 1 is what has to work.
    assert {row.number for row in ROWS.values() if row.number} == set(range(2, 41))
    assert "benign_work_goes_through" in ROWS
    assert sum(not row.is_attack for row in ROWS.values()) >= 40


def test_every_row_of_bubblewrap_names_protections_that_exist() -> None:
    for row in ROWS.values():
        for kind in ("bubblewrap as root", "bubblewrap as a user") if row.is_attack else ():
            needs = row.needs[kind]
            assert isinstance(needs, Nothing) or set(needs) <= set(get_args(Protection)), row.name


def test_proofs_are_kept_in_the_place_of_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "proofs.json"
    for got in (["a"], ["b"]):
        table.keep(path, {"kernel": "x"}, "docker", "a_row", ["two", "one"], got)
    assert json.loads(path.read_text())["rows"] == {"a_row": {"docker": {"removed": ["one", "two"], "got": ["b"]}}}
