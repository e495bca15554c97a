"""A training writes into a folder of its own: never over its base, nor over what somebody else has put there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.test_simpo_training import FAST, PAIRS, trained
from tests.trainers.tiny import tiny_folder

from peercycle.core.errors import BadInputError, UsageError
from peercycle.plugins.manager import Plugins

pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[train]'")

TRAINERS = ("simpo", "sft", "trl-cpo")


def train(name: str, base: Path | str, out: Path, pairs: Any = PAIRS, **more: Any) -> Any:
    registration = Plugins.load(entry_points=False).find("trainers", name)
    known = registration.settings_model.model_fields
    given = {key: value for key, value in {**FAST, **more}.items() if key in known}
    settings = registration.settings_model.model_validate(given)
    return registration.factory(settings).train(iter(pairs), str(base), out, settings)


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", TRAINERS)
def test_a_training_into_its_base_is_refused_and_nothing_of_it_is_touched(tmp_path: Path, name: str) -> None:
    base = shutil.copytree(tiny_folder(), tmp_path / "base")
    before = bytes_in(base)
    (tmp_path / "link").symlink_to(base)
    for out in (base, tmp_path / "link"):
        with pytest.raises(UsageError, match="is the base model itself, which would be overwritten"):
            train(name, base, out, method="full")
    assert bytes_in(base) == before


@pytest.mark.parametrize("name", TRAINERS)
def test_a_folder_that_holds_files_of_somebody_else_is_refused_and_named(tmp_path: Path, name: str) -> None:
    for file in ("README.md", "model.safetensors", "notes", "x"):
        (tmp_path / file).write_text("mine")
    with pytest.raises(UsageError, match=r"holds what .* \('README.md', 'model.safetensors', 'notes' and 1 more\)"):
        train(name, tiny_folder(), tmp_path)
    assert set(bytes_in(tmp_path).values()) == {b"mine"}


@pytest.mark.parametrize("name", TRAINERS)
def test_a_training_that_is_refused_leaves_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="there is no model"):
        train(name, "./nowhere", tmp_path / "out")
    with pytest.raises(BadInputError, match=r"nothing to train on|no pairs to train on"):
        train(name, tiny_folder(), tmp_path / "out", [])
    assert list(tmp_path.iterdir()) == []


def test_a_training_may_be_done_again_in_its_own_folder_and_in_an_empty_one(tmp_path: Path) -> None:
    first, _ = trained(tmp_path)
    again, _ = trained(tmp_path)
    assert again == first
