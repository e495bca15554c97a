"""The verdicts of `benchmarks/simpo_long.py`, on rows made up here."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

FIRST, TARGET = "1024x1024", "2048x2048"
CARD_CELLS = ["--cells", "15000x28000", "--targets", "15000x1000,15000x28000"]


@pytest.fixture
def targets(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return importlib.import_module("simpo_targets")


def rows_of(targets: Any, figures: dict[tuple[str, str], tuple[float, float]]) -> list[Any]:
    return [targets.Row(name, cell, gb, seconds) for (name, cell), (gb, seconds) in figures.items()]


GOOD = {
    ("trl-cpo", FIRST): (7.5, 25.0),
    ("trl-cpo", TARGET): (15.0, 50.0),
    ("trl-fused", TARGET): (4.8, 40.0),
    ("pair", FIRST): (1.0, 7.0),
    ("pair", TARGET): (1.4, 20.0),
    ("shared", FIRST): (0.9, 7.0),
    ("shared", TARGET): (1.2, 16.0),
    ("pair-n3", TARGET): (1.4, 60.0),
    ("group-n3", TARGET): (1.5, 29.0),
}


def test_each_target_has_a_ratio_and_a_verdict(targets: Any) -> None:
    found = {ratio.name: ratio for ratio in targets.ratios(rows_of(targets, GOOD), FIRST, TARGET)}
    memory = found["2048x2048: memory of shared / trl-cpo"]
    assert (memory.value, memory.target, memory.met) == (pytest.approx(0.08), 0.1, True)
    assert found["2048x2048: time of shared / trl-cpo"].met is True
    assert found["2048x2048: time of pair / trl-cpo"].met is False
    assert found["2048x2048: memory of shared / trl-fused"].value == pytest.approx(0.25)
    grown = found["memory per added token, 1024x1024 to 2048x2048: trl-cpo / shared"]
    assert (grown.value, grown.met) == (pytest.approx(7.5 / 0.3), True)
    assert found["KB per added token, 1024x1024 to 2048x2048: trl-cpo"].value == pytest.approx(7.5e6 / 4096)
    three = found["2048x2048: time of three episodes together / pair by pair"]
    assert (three.value, three.met) == (pytest.approx(29 / 60), True)
    assert "met)" in three.line()
    assert "NOT met" in found["2048x2048: time of pair / trl-cpo"].line()


def test_one_mode_has_to_meet_every_target_by_itself(targets: Any) -> None:
    assert targets.modes_that_meet_all(targets.ratios(rows_of(targets, GOOD), FIRST, TARGET)) == ["shared"]
    # Little memory in one mode and little time in another is no mode that has both.
    mixed = {**GOOD, ("shared", TARGET): (1.2, 20.0), ("pair", TARGET): (2.0, 10.0)}
    assert targets.modes_that_meet_all(targets.ratios(rows_of(targets, mixed), FIRST, TARGET)) == []


def test_three_episodes_are_compared_where_nothing_else_was_measured(targets: Any) -> None:
    only = {key: value for key, value in GOOD.items() if key[0].endswith("-n3")}
    found = {ratio.name: ratio for ratio in targets.ratios(rows_of(targets, only), FIRST, TARGET)}
    assert found["2048x2048: time of three episodes together / pair by pair"].met is True
    missing = found["2048x2048: memory of shared / trl-cpo"]
    assert (missing.value, missing.met) == (None, None)
    assert "not measured" in missing.line()
    assert targets.modes_that_meet_all(list(found.values())) == []


@pytest.mark.parametrize(("mode", "said"), [("trl-cpo", "163"), ("liger", "186")])
def test_a_cell_that_cannot_fit_the_card_is_not_begun_and_says_what_it_would_take(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str, said: str
) -> None:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    long = importlib.import_module("simpo_long")
    monkeypatch.setattr(long, "find_spec", lambda name: name)
    # An H200: 139.8 GiB.
    monkeypatch.setattr(long, "card_gb", lambda: 150.1)
    monkeypatch.setattr(long.Bench, "_child", lambda *_: pytest.fail("a process was started"))
    monkeypatch.setattr("sys.argv", ["simpo_long.py", "--shape", "12b", "--device", "cuda", *CARD_CELLS])
    long.Bench(long.read_arguments()).cell(mode, "15000x28000")
    assert capsys.readouterr().out.split(maxsplit=2)[2] == f"does not fit, estimated {said} GB\n"
