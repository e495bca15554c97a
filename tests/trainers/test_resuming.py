"""A killed training goes on bit for bit; a full disk is an error that leaves what was whole; two processes agree."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.test_simpo_training import FAST, PAIRS, trained
from tests.trainers.tiny import tiny_folder

from peercycle.core.errors import UsageError
from peercycle.plugins.manager import Plugins
from peercycle.trainers.resuming import newest_checkpoint
from peercycle.trainers.simpo.settings import SimpoSettings
from peercycle.trainers.simpo.training import Simpo

torch = pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[train]'")

SAVING = {**FAST, "save_every": 1, "epochs": 1, "schedule": "cosine"}


def child(
    repository: Path, out: Path, how: str = "", settings: dict[str, Any] | None = None, **environment: str
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.trainers.train_child", str(out), json.dumps(settings or SAVING)]
    return subprocess.Popen(
        [*command, *([how] if how else [])],
        cwd=repository,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        # pytest's own limit comes first, but where a test has set itself a longer one.
        out, err = process.communicate(timeout=280)
    finally:
        process.kill()
    return process.returncode, out, err


@pytest.mark.timeout(240)
def test_a_training_killed_after_a_step_and_within_a_checkpoint_ends_with_the_same_weights(
    repository: Path, tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole, _ = trained(tmp_path / "whole", **{**SAVING, "save_every": None})
        out = tmp_path / "killed"
        assert ended(child(repository, out, "kill-step:1"))[0] == -signal.SIGKILL
        assert newest_checkpoint(out / "checkpoints") == out / "checkpoints" / "checkpoint-1"
        assert ended(child(repository, out, "kill-checkpoint:2"))[0] == -signal.SIGKILL
        assert (out / "checkpoints" / "checkpoint-2").is_dir()
        assert newest_checkpoint(out / "checkpoints") == out / "checkpoints" / "checkpoint-1"
        resumed, _ = trained(out, **SAVING)
    finally:
        torch.set_num_threads(threads)
    assert resumed.weights_sha256 == whole.weights_sha256
    assert resumed.metrics == whole.metrics
    # Nothing is left to do: the record is made again, the same.
    again, _ = trained(out, **SAVING)
    assert again == resumed


@pytest.mark.parametrize("name", ["simpo", "sft", "trl-cpo"])
@pytest.mark.parametrize("log_every", [1, 2])
def test_a_training_that_goes_on_tells_of_all_its_steps_and_tokens_once(
    tmp_path: Path, name: str, log_every: int
) -> None:
    saving = {**SAVING, "keep_checkpoints": 3, "log_every": log_every}
    plain = {key: value for key, value in saving.items() if key != "probe_tokens"}
    told: dict[str, list[tuple[str, float, int]]] = {"whole": [], "killed": []}

    def train(out: str) -> dict[str, Any]:
        given = plain if name == "sft" else saving
        registration = Plugins.load(entry_points=False).find("trainers", name)
        settings = registration.settings_model.model_validate(given)
        told[out].clear()
        trainer = registration.factory(settings)
        trainer.train(iter(PAIRS), str(tiny_folder()), tmp_path / out, settings, lambda *each: told[out].append(each))
        work: dict[str, Any] = json.loads((tmp_path / out / "work.json").read_bytes())
        return work

    whole = train("whole")
    # A kill after the first checkpoint leaves that one alone.
    shutil.copytree(tmp_path / "whole" / "checkpoints", tmp_path / "killed" / "checkpoints")
    for later in ("checkpoint-2", "checkpoint-3"):
        shutil.rmtree(tmp_path / "killed" / "checkpoints" / later)
    again = train("killed")
    assert again["tokens"] == whole["tokens"] > 0
    assert told["killed"] == told["whole"]
    assert {step for metric, _, step in told["killed"] if metric == "loss"} == {1, 2, 3}
    assert again["tokens_per_s"] == pytest.approx(whole["tokens"] * 2 / 3 / again["seconds"], rel=0.05)


def test_checkpoints_of_another_training_are_not_gone_on_from(tmp_path: Path) -> None:
    trained(tmp_path, **SAVING)
    with pytest.raises(UsageError, match="with other beta, seed; give another"):
        trained(tmp_path, **SAVING, beta=3.0, seed=1)
    with pytest.raises(UsageError, match="with other data"):
        trained(tmp_path, PAIRS[:4], **SAVING)
    trained(tmp_path, PAIRS[:4], **SAVING, resume=False)


def test_a_training_goes_on_where_its_base_was_moved_and_an_adapter_without_its_base_is_named(tmp_path: Path) -> None:
    first = shutil.copytree(tiny_folder(), tmp_path / "first")
    begun, _ = trained(tmp_path / "out", base=str(first), **SAVING)
    moved = first.rename(tmp_path / "moved")
    gone_on, _ = trained(tmp_path / "out", base=str(moved), **SAVING)
    assert gone_on.weights_sha256 == begun.weights_sha256
    moved.rename(tmp_path / "gone")
    with pytest.raises(UsageError, match=r"lies on '.*moved', which is gone; put it back there, or write"):
        trained(tmp_path / "next", base=str(tmp_path / "out"), **SAVING)


def test_a_disk_that_fills_at_the_checkpoint_is_an_error_and_leaves_no_half(repository: Path, tmp_path: Path) -> None:
    settings = {**SAVING, "method": "full"}
    size = (tiny_folder() / "model.safetensors").stat().st_size
    # The weights fit; the optimizer's state, twice their size, does not.
    code, said, _ = ended(child(repository, tmp_path, f"small-disk:{size + 4096}", settings))
    assert code == 1
    assert said.startswith("StoreError: cannot write the checkpoint")
    assert "full?" in said
    assert len(said.splitlines()) == 1
    assert not list((tmp_path / "checkpoints").glob("checkpoint-*"))


def test_a_checkpoint_whose_weights_were_cut_off_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    trained(tmp_path, **SAVING, keep_checkpoints=3)
    whole = sorted((tmp_path / "checkpoints").glob("checkpoint-*"))
    assert len(whole) > 1
    weights = whole[-1] / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    assert newest_checkpoint(tmp_path / "checkpoints") == whole[-2]


def free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


def two_processes(repository: Path, out: Path, settings: dict[str, Any], **environment: str) -> str:
    port = str(free_port())
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "ACCELERATE_USE_CPU": "true"}
    processes = [
        child(repository, out, settings=settings, RANK=str(n), LOCAL_RANK=str(n), **shared, **environment)
        for n in range(2)
    ]
    results = [ended(process) for process in processes]
    for code, said, err in results:
        assert code == 0, said + err[-3000:]
    return results[0][1]


FSDP2 = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "LlamaDecoderLayer",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("mode", "environment"),
    [
        ("shared", FSDP2),
        pytest.param("split", FSDP2, marks=pytest.mark.prove),
        pytest.param("pair", FSDP2, marks=pytest.mark.prove),
        pytest.param("group", FSDP2, marks=pytest.mark.prove),
        pytest.param("split", {}, marks=pytest.mark.prove),
        pytest.param("group", {}, marks=pytest.mark.prove),
    ],
)
def test_two_processes_train_to_the_weights_of_one(
    repository: Path, tmp_path: Path, mode: str, environment: dict[str, str]
) -> None:
    from safetensors.torch import load_file

    # Three pairs to a step: the processes have unequal shares, and one computes a pair for nothing.
    settings = {
        **FAST,
        "method": "full",
        "memory_mode": mode,
        "batch_pairs": 3,
        "optimizer": "sgd",
        "learning_rate": 0.1,
    }
    alone, _ = trained(tmp_path / "alone", **settings)
    said = two_processes(repository, tmp_path / "two", settings, **environment)
    record = json.loads(said)
    assert record["extra"]["training"]["memory_mode"] == mode
    assert record["extra"]["training"]["spread"] == ("FSDP x 2" if environment else "MULTI_CPU x 2")
    one = load_file(tmp_path / "alone" / alone.weights)
    two = load_file(tmp_path / "two" / record["weights"])
    start = load_file(tiny_folder() / "model.safetensors")
    assert one.keys() == two.keys()
    assert max(float((one[name] - start[name]).abs().max()) for name in one) > 1e-3
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=0, atol=1e-6)


def test_a_mode_that_a_strategy_cannot_serve_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(mode: str, message: str, **environment: str) -> None:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(UsageError, match=message):
                Simpo().train(
                    PAIRS, str(tiny_folder()), tmp_path, SimpoSettings.model_validate({"memory_mode": mode})
                )

    refused("pair", "FSDP 1 flattens", ACCELERATE_USE_FSDP="true")
    refused("shared", "context parallelism", PARALLELISM_CONFIG_CP_SIZE="2")
    refused("split", "DeepSpeed allows one backward pass", ACCELERATE_USE_DEEPSPEED="true")


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("mistral", {"sliding_window": 4}, "sees 4 tokens back, and the longest sequence has 7"),
        ("gemma2", {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 64}, "final_logit_softcapping|caps"),
    ],
)
def test_an_architecture_that_a_mode_cannot_serve_is_refused_with_the_reason(
    tmp_path: Path, kind: str, more: dict[str, Any], message: str
) -> None:
    from tests.trainers.tiny import tiny_model

    tiny_model(kind, **more).save_pretrained(tmp_path / "base")
    with pytest.raises(UsageError, match=message):
        trained(tmp_path / "out", base=str(tmp_path / "base"), memory_mode="shared")
