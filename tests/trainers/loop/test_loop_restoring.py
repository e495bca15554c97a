"""Weights that are damaged or gone after their training: everything that must go is named at once, and comes back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.store.policies import find_policy

Train = Callable[..., Any]
Write = Callable[..., Path]

pytestmark = pytest.mark.timeout(600)


def test_a_policy_that_is_damaged_in_the_registry_alone_is_one_folder_to_remove(
    train: Train, toy_loop: Write
) -> None:
    folder = toy_loop()
    assert train(["loop.toml"], folder).returncode == 0
    before = find_policy(folder / "policies", "toy-001").record
    kept = folder / "policies/toy-001/model.safetensors"
    kept.unlink()
    kept.write_text("damaged")
    done = train(["loop.toml", "--iterations", "2"], folder)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "where the loop that trained them is still there, remove 'policies/toy-001' and run it again" in line
    shutil.rmtree(kept.parent)
    # The loop has ended; what it exported is put back all the same, with what was measured of it.
    done = train(["loop.toml"], folder)
    assert done.returncode == 0, done.stderr
    assert find_policy(folder / "policies", "toy-001").record == before
    assert find_policy(folder / "policies", "toy").record.weights_sha256 == before.weights_sha256


def test_weights_that_are_damaged_in_both_folders_are_two_folders_to_remove(train: Train, toy_loop: Write) -> None:
    folder = toy_loop()
    assert train(["loop.toml"], folder).returncode == 0
    before = find_policy(folder / "policies", "toy-001").record
    # One file of two names.
    (folder / "policies/toy-001/model.safetensors").write_text("damaged")
    done = train(["loop.toml", "--iterations", "2"], folder)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "remove 'loops/toy/main/001/train' to have the step done again" in line
    assert line.endswith("(and 'policies/toy-001', which is damaged, too)")
    for name in ("loops/toy/main/001/train", "policies/toy-001"):
        shutil.rmtree(folder / name)
    done = train(["loop.toml", "--iterations", "2", "--json"], folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["iterations"] == 2
    assert find_policy(folder / "policies", "toy-001").record == before
