"""Training with `simpo`, in this process: what comes out, again and again, and what is refused."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.tiny import tiny_folder

from peercycle.core.errors import BadInputError, SettingsError, TrainingError, UsageError
from peercycle.core.training import Episode, PolicyCheckpoint, PreferencePair, Segment
from peercycle.plugins.manager import Plugins
from peercycle.trainers.exporting import POLICY_FILE
from peercycle.trainers.simpo.settings import SimpoSettings
from peercycle.trainers.simpo.training import Simpo

pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[train]'")

FAST: dict[str, Any] = {
    "learning_rate": 1e-2,
    "batch_pairs": 2,
    "warmup": 0.0,
    "schedule": "constant",
    "probe_tokens": 8,
    "checkpointing": False,
}


def episode(name: str, ids: Sequence[int], *, prompt: Sequence[int] = (10, 11, 12), **more: Any) -> Episode:
    segment = Segment(prompt_ids=tuple(prompt), completion_ids=tuple(ids), policy_mask=(True,) * len(ids))
    return Episode(id=name, run_id="r", candidate=name, task_hash="t", segments=(segment,), **more)


def pair(number: int, *, split: Any = "train", task: str | None = None, **more: Any) -> PreferencePair:
    name = task or f"t{number % 3}"
    prompt = (10, 11, 12 + number % 3)
    return PreferencePair(
        id=f"p{number}",
        task_hash=name,
        chosen=episode(f"c{number}", [20 + number, 21, 22, 2], prompt=prompt, **more),
        rejected=episode(f"r{number}", [40 + number, 41, 42], prompt=prompt, **more),
        margin=1.0,
        strategy="best-worst",
        split=split,
    )


PAIRS = [pair(number) for number in range(6)]
Told = list[tuple[str, float, int]]


def trained(out: Path, pairs: Sequence[PreferencePair] = PAIRS, base: str = "", **settings: Any) -> Any:
    told: Told = []
    record = Simpo().train(
        iter(pairs),
        base or str(tiny_folder()),
        out,
        SimpoSettings(**{**FAST, **settings}),
        lambda name, value, step: told.append((name, value, step)),
    )
    return record, told


def latest(told: Told) -> dict[str, float]:
    return {name: value for name, value, _ in told}


@pytest.mark.parametrize("method", ["lora", "full"])
def test_it_writes_weights_card_and_record_and_the_same_ones_again(tmp_path: Path, method: str) -> None:
    first, told = trained(tmp_path / "one", method=method)
    second, again = trained(tmp_path / "two", method=method)
    assert first == second
    assert told == again
    weights = (tmp_path / "one" / first.weights).read_bytes()
    assert first.weights == ("adapter_model.safetensors" if method == "lora" else "model.safetensors")
    assert hashlib.sha256(weights).hexdigest() == first.weights_sha256
    assert PolicyCheckpoint.model_validate_json((tmp_path / "one" / POLICY_FILE).read_text()) == first
    card = (tmp_path / "one" / "README.md").read_text()
    assert "No person ranked" in card
    assert '"beta":2.5' in card
    assert not list((tmp_path / "one").glob("*.bin"))
    steps = [step for _, _, step in told]
    assert steps == sorted(steps)
    assert all(math.isfinite(value) for _, value, _ in told)


def test_it_learns_to_prefer_the_winners_also_of_a_held_out_task(tmp_path: Path) -> None:
    pairs = [*PAIRS, *(pair(number, split="heldout", task="h") for number in range(6, 9))]
    record, told = trained(tmp_path, pairs, epochs=6, method="full", learning_rate=3e-3)
    start = {name: value for name, value, step in told if step == 0}
    assert record.metrics["heldout_margin"] > start["heldout_margin"] + 0.5
    assert record.metrics["heldout_accuracy"] == 1.0
    assert record.metrics["heldout_logp_chosen_change"] == pytest.approx(
        record.metrics["heldout_logp_chosen"] - start["heldout_logp_chosen"]
    )
    assert record.extra["training"]["heldout_pairs"] == 3


def test_every_metric_of_a_step_is_told(tmp_path: Path) -> None:
    _, told = trained(tmp_path)
    parts = {"loss", "simpo_loss", "nll", "logp_chosen", "logp_rejected", "margin", "accuracy", "saturation"}
    work = {"grad_norm", "learning_rate", "padding_waste", "prefix_tokens_saved"}
    probes = {"probe_repetition", "probe_ended", "probe_length", "probe_distinct"}
    assert parts | work | probes <= latest(told).keys()
    taken = json.loads((tmp_path / "work.json").read_text())
    assert taken["tokens"] == sum(2 * 3 + 4 + 3 for _ in PAIRS)


def test_every_memory_mode_trains_to_the_same_weights(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    found = {}
    for mode in ("pair", "shared", "split", "group"):
        record, _ = trained(tmp_path / mode, memory_mode=mode, method="full", dtype="float64", optimizer="sgd")
        found[mode] = load_file(tmp_path / mode / record.weights)
        assert record.extra["training"]["memory_mode"] == mode
    for mode in ("shared", "split", "group"):
        for name, value in found["pair"].items():
            # The norm of these models computes in float32.
            torch.testing.assert_close(found[mode][name], value, rtol=0, atol=1e-6)


def test_an_adapter_is_trained_on_in_the_next_iteration_or_merged(tmp_path: Path) -> None:
    first, _ = trained(tmp_path / "one")
    second, _ = trained(tmp_path / "two", base=str(tmp_path / "one"), iteration=1, parent="policy")
    assert second.weights == "adapter_model.safetensors"
    assert second.weights_sha256 != first.weights_sha256
    assert (second.iteration, second.parent) == (1, "policy")
    third, _ = trained(tmp_path / "three", base=str(tmp_path / "one"), merge=True)
    assert third.weights == "model.safetensors"
    from transformers import AutoModelForCausalLM

    assert AutoModelForCausalLM.from_pretrained(tmp_path / "three").config.vocab_size == 256


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "there are no pairs to train on"),
        ([pair(1, split="heldout")], "1 are held out"),
        ([pair(300)], "token id 340, and .* has 256 tokens"),
        ([pair(-25)], "token id -5, and .* has 256 tokens"),
        ([pair(1), pair(2, tokenizer_hash="a" * 64)], None),
        ([pair(1, tokenizer_hash="a" * 64), pair(2, tokenizer_hash="b" * 64)], "sampled with 2 tokenizers"),
    ],
)
def test_pairs_that_cannot_be_trained_on_are_refused(
    tmp_path: Path, given: list[PreferencePair], message: str | None
) -> None:
    if message is None:
        trained(tmp_path, given)
        return
    with pytest.raises(BadInputError, match=message):
        trained(tmp_path, given)
    assert not (tmp_path / POLICY_FILE).exists()


def test_ids_of_another_tokenizer_than_the_models_are_refused(tmp_path: Path) -> None:
    given = [pair(number, tokenizer_hash="a" * 64, template_hash="b" * 64) for number in range(2)]
    with pytest.raises(BadInputError, match=r"tokenizer aaaaaaaaaaaa, and .* has cccccccccccc"):
        trained(tmp_path, given, tokenizer_hash="c" * 64)
    with pytest.raises(BadInputError, match=r"chat template bbbbbbbbbbbb, and .* has cccccccccccc"):
        trained(tmp_path, given, template_hash="c" * 64)
    trained(tmp_path, given, tokenizer_hash="a" * 64, template_hash="b" * 64)


def test_an_episode_in_which_the_policy_wrote_nothing_is_refused(tmp_path: Path) -> None:
    silent = episode("s", [1, 2]).model_copy(
        update={"segments": (Segment(prompt_ids=(1,), completion_ids=(2,), policy_mask=(False,)),)}
    )
    bad = PAIRS[0].model_copy(update={"rejected": silent})
    with pytest.raises(BadInputError, match="rejected episode of pair 'p0' holds no token"):
        trained(tmp_path, [bad])


def test_pairs_over_the_limit_and_pairs_of_one_text_are_counted(tmp_path: Path) -> None:
    long = PAIRS[0].model_copy(update={"id": "long", "chosen": episode("long", range(20, 60))})
    same = PAIRS[0].model_copy(update={"id": "same", "rejected": PAIRS[0].chosen})
    record, _ = trained(tmp_path, [*PAIRS, long, same], max_tokens=20)
    account: Any = record.extra["training"]
    assert account["dropped"] == {"pairs of one text": 1, "pairs over the token limit": 1}
    assert account["pairs"] == 6


def test_a_prompt_that_begins_twice_is_refused(tmp_path: Path) -> None:
    from tests.trainers.tiny import tiny_model

    model = tiny_model("llama", bos_token_id=1)
    model.save_pretrained(tmp_path / "base")
    twice = PAIRS[0].model_copy(update={"chosen": episode("c", [5, 6], prompt=(1, 1, 7))})
    with pytest.raises(BadInputError, match="begins with two begin tokens"):
        trained(tmp_path / "out", [twice], base=str(tmp_path / "base"))


def test_a_loss_that_is_not_finite_ends_the_training_and_names_the_pair(tmp_path: Path) -> None:
    import torch
    from tests.trainers.tiny import tiny_model

    model = tiny_model("llama")
    with torch.no_grad():
        model.lm_head.weight[3] = float("nan")
    model.save_pretrained(tmp_path / "base")
    with pytest.raises(TrainingError, match=r"the loss of 'p\d', 'p\d' at step 1 is nan"):
        trained(tmp_path / "out", base=str(tmp_path / "base"), probe_prompts=0)
    assert not (tmp_path / "out" / POLICY_FILE).exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gamma": 1.0, "gamma_beta_ratio": 0.5}, "not both"),
        ({"nll_reduction": "mean"}, "nll_reduction"),
        ({"learning_rat": 1e-4}, "learning_rat"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Plugins.load(entry_points=False).create("trainers", "simpo", settings)


def test_gamma_is_beta_times_the_ratio() -> None:
    assert SimpoSettings().margin == 1.25
    assert SimpoSettings(beta=10, gamma_beta_ratio=0.3).margin == pytest.approx(3.0)
    assert SimpoSettings(beta=10, gamma=0.5).margin == 0.5


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no config\.json"):
        trained(tmp_path / "out", base=str(tmp_path))
    with pytest.raises(UsageError, match="no model at"):
        trained(tmp_path / "out", base="./nowhere")


def test_a_job_in_a_process_of_its_own_trains_on_a_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.trainers.logs import draft, logged_run

    from peercycle.trainers.dataset.files import write_dataset
    from peercycle.trainers.job import main
    from peercycle.trainers.pair_building import build_pairs
    from peercycle.trainers.pair_settings import PairSettings

    run = logged_run(tmp_path / "runs", "r", [draft("one", 2.0), draft("two", 1.0)])
    write_dataset(build_pairs([run], PairSettings(heldout=0)), tmp_path / "pairs")
    (tmp_path / "settings.json").write_text(json.dumps(FAST))
    places = [str(tmp_path / "pairs"), str(tiny_folder()), str(tmp_path / "out")]
    assert main(["simpo", *places, "--settings", str(tmp_path / "settings.json")]) == 0
    told = capsys.readouterr()
    assert PolicyCheckpoint.model_validate_json(told.out).weights == "adapter_model.safetensors"
    assert "\tloss\t" in told.err
    (tmp_path / "settings.json").write_text('{"beta": -1}')
    assert main(["simpo", *places, "--settings", str(tmp_path / "settings.json")]) == 2
    assert "beta: Input should be greater than 0" in capsys.readouterr().err
    (tmp_path / "settings.json").write_text('{"learning_rat": 1.0}')
    assert main(["simpo", *places, "--settings", str(tmp_path / "settings.json")]) == 2
    assert "learning_rat: there is no such key; did you mean 'learning_rate'" in capsys.readouterr().err


def test_without_the_extra_one_line_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"training needs torch, .*: pip install 'peercycle\[train\]'"):
        trained(tmp_path)
