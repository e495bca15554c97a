"""A loop whose folder is moved goes on where it stopped; what is gone is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.loop.test_loop_killed import SLOW, finish, kill_in, made, rolled

from peercycle.trainers.loop.manifest import StepName, read_manifest
from peercycle.trainers.loop.moving import follow_adapters

Train = Callable[..., Any]
Write = Callable[..., Path]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", ["sample", "train"])
def test_a_loop_that_is_killed_and_moved_ends_with_the_weights_of_one_that_was_not(
    toy_loop: Write, step: StepName
) -> None:
    whole, killed = toy_loop("whole", **SLOW), toy_loop("killed", **SLOW)
    finish(whole)
    assert kill_in(killed, 1, step)
    begun = read_manifest(next(killed.glob("loops/toy/start-*/evaluate")))
    moved = killed.rename(killed.with_name("moved"))
    finish(moved)
    # Nothing was begun a second time: iteration 0 and the runs are those from before.
    (start,) = moved.glob("loops/toy/start-*")
    assert read_manifest(start / "evaluate") == begun
    assert rolled(moved) == rolled(whole)
    assert made(moved) == made(whole)
    for record in moved.glob("loops/toy/main/001/sample/runs/*/run.json"):
        model = json.loads(record.read_bytes())["options"]["models"]["policy"]["settings"]["model"]
        assert step == "train" or Path(model) == moved / "base"


def test_a_base_that_did_not_move_along_is_named(train: Train, toy_loop: Write) -> None:
    folder = toy_loop()
    base = folder / "base"
    assert train(["loop.toml"], folder).returncode == 0
    base.rename(folder / "elsewhere")
    done = train(["loop.toml", "--iterations", "2"], folder)
    assert done.returncode == 2
    assert f"another inputs.base (its base lay at {str(base)!r}, which is gone)" in done.stderr
    path = folder / "loop.toml"
    text = path.read_text()
    path.write_text(text.replace('"base"', json.dumps(str(base))))
    done = train(["loop.toml", "--iterations", "2"], folder)
    assert done.stderr == f"error: start.base: there is no folder {str(base)!r}\n"
    path.write_text(text.replace('"base"', '"elsewhere"'))
    assert train(["loop.toml", "--iterations", "2"], folder).returncode == 0


def test_adapters_lie_on_their_base_where_it_was_moved_to(tmp_path: Path) -> None:
    old, base, policies = "/was/here/base", tmp_path / "base", tmp_path / "policies"
    out = tmp_path / "loops/toy/main/001/train/out"
    under = {policies / "one": old, policies / "two": "/was/here/policies/warm", policies / "three": "org/model"}
    under |= {policies / "four": "/never/there", out: old}
    for folder in (base, policies / "warm", *under):
        folder.mkdir(parents=True)
    for folder, name in under.items():
        (folder / "adapter_config.json").write_text(json.dumps({"r": 8, "base_model_name_or_path": name}))
    follow_adapters(tmp_path / "loops/toy", policies, old, str(base))
    found = {folder: json.loads((folder / "adapter_config.json").read_bytes()) for folder in under}
    assert {each["r"] for each in found.values()} == {8}
    assert [each["base_model_name_or_path"] for each in found.values()] == [
        str(base),
        str(policies / "warm"),
        "org/model",
        "/never/there",
        str(base),
    ]
