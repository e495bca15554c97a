"""The registry of trained policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from peercycle.core.base import sha256_hex
from peercycle.core.errors import DamagedRunError, UnknownNameError, UsageError
from peercycle.core.training import PolicyCheckpoint
from peercycle.store.policies import RECORD_FILE, find_policy, keep_policy, list_policies, name_policy

BODY = b"weights"


def trained(folder: Path, body: bytes = BODY, name: str = "first", **changes: object) -> PolicyCheckpoint:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(body)
    (folder / "config.json").write_text("{}")
    given = {"name": name, "policy": "direct", "base_model": "tiny", "weights": "model.safetensors"}
    return PolicyCheckpoint.model_validate({**given, "weights_sha256": sha256_hex(body), **changes})


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "policies"


def test_a_kept_policy_is_found_by_its_name_with_everything_beside_its_weights(
    tmp_path: Path, registry: Path
) -> None:
    keep_policy(registry, trained(tmp_path / "out"), tmp_path / "out")
    found = find_policy(registry, "first")
    assert found.weights.read_bytes() == BODY
    assert sorted(path.name for path in found.model.iterdir()) == ["config.json", "model.safetensors", RECORD_FILE]
    assert found.identity == f"first@{sha256_hex(BODY)}"
    assert list_policies(registry) == ("first",)


def test_a_second_name_means_whatever_it_was_last_given_to(tmp_path: Path, registry: Path) -> None:
    stored = [
        keep_policy(registry, trained(tmp_path / name, name.encode(), name), tmp_path / name)
        for name in ("one", "two")
    ]
    for each in stored:
        assert name_policy(registry, "best", each).weights.read_bytes() == each.name.encode()
    assert find_policy(registry, "best").record.name == "best"
    with pytest.raises(UsageError, match="a policy of its own"):
        name_policy(registry, "one", stored[1])


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path, registry: Path) -> None:
    left = registry / ".new-first-123"
    left.mkdir(parents=True)
    other = registry / ".new-first-001-123"
    other.mkdir()
    keep_policy(registry, trained(tmp_path / "out"), tmp_path / "out")
    names = sorted(path.name for path in registry.iterdir())
    assert names == [other.name, "first"], "what another process makes under a longer name is not ours to sweep"


def test_keeping_a_policy_twice_changes_nothing_and_another_of_its_name_is_refused(
    tmp_path: Path, registry: Path
) -> None:
    record = trained(tmp_path / "out")
    for _ in range(2):
        keep_policy(registry, record, tmp_path / "out")
    other = trained(tmp_path / "other", b"other weights")
    with pytest.raises(UsageError, match="has another policy 'first'"):
        keep_policy(registry, other, tmp_path / "other")


def test_an_unknown_name_names_the_nearest(tmp_path: Path, registry: Path) -> None:
    keep_policy(registry, trained(tmp_path / "out"), tmp_path / "out")
    with pytest.raises(UnknownNameError, match=r"'fisrt'.*nearest: 'first'"):
        find_policy(registry, "fisrt")
    for name in ("../first", "", ".", "a/b"):
        with pytest.raises(UnknownNameError):
            find_policy(registry, name)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ('{"name": "first"}', "no policy record"),
        ("not JSON", "no policy record"),
        ('{"schema_version": 99}', "no policy record"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, registry: Path, damage: str, said: str) -> None:
    keep_policy(registry, trained(tmp_path / "out"), tmp_path / "out")
    (registry / "first" / RECORD_FILE).write_text(damage)
    with pytest.raises(DamagedRunError, match=said):
        find_policy(registry, "first")


@pytest.mark.parametrize("weights", ["../../secret", "/etc/hostname"])
def test_a_record_cannot_name_weights_outside_the_registry(tmp_path: Path, registry: Path, weights: str) -> None:
    (tmp_path / "secret").write_bytes(BODY)
    keep_policy(registry, trained(tmp_path / "out"), tmp_path / "out")
    record = registry / "first" / RECORD_FILE
    record.write_text(record.read_text().replace("model.safetensors", weights))
    with pytest.raises(DamagedRunError, match="outside its place"):
        find_policy(registry, "first")


def test_weights_that_are_not_those_of_the_record_are_refused(tmp_path: Path, registry: Path) -> None:
    kept = keep_policy(registry, trained(tmp_path / "out"), tmp_path / "out")
    kept.weights.unlink()
    kept.weights.write_bytes(b"weighty")
    with pytest.raises(DamagedRunError, match="not those of its record"):
        find_policy(registry, "first")
    kept.weights.unlink()
    with pytest.raises(DamagedRunError, match="missing"):
        find_policy(registry, "first")
