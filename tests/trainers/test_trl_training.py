"""Training on TRL: `sft` and `trl-cpo`, under the same contract and the same refusals."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.test_simpo_training import FAST, PAIRS, pair
from tests.trainers.tiny import tiny_folder

from peercycle.core.errors import BadInputError, UsageError
from peercycle.core.training import PreferencePair, Segment
from peercycle.trainers.exporting import POLICY_FILE
from peercycle.trainers.with_trl.conversations import IGNORED, rows_of_file, rows_of_pairs
from peercycle.trainers.with_trl.cpo_plugin import TrlCpo
from peercycle.trainers.with_trl.settings import SftSettings, TrlCpoSettings
from peercycle.trainers.with_trl.sft_plugin import Sft

pytest.importorskip("trl", reason="needs trl: pip install 'peercycle[train]'")

PLAIN = {name: value for name, value in FAST.items() if name != "probe_tokens"}


def _note(told: list[tuple[str, float, int]], *each: Any) -> None:
    told.append(each)


def multi_turn(one: PreferencePair) -> PreferencePair:
    segment = Segment(prompt_ids=(10,), completion_ids=(20, 30, 21), policy_mask=(True, False, True))
    return one.model_copy(update={"chosen": one.chosen.model_copy(update={"segments": (segment,)})})


@pytest.mark.parametrize("name", ["sft", "trl-cpo"])
def test_it_trains_and_does_the_same_again(tmp_path: Path, name: str) -> None:
    made = []
    trainer: Any = Sft(SftSettings(**PLAIN)) if name == "sft" else TrlCpo(TrlCpoSettings(**FAST))
    for number in range(2):
        told: list[tuple[str, float, int]] = []
        out = tmp_path / str(number)
        record = trainer.train(iter(PAIRS), str(tiny_folder()), out, None, partial(_note, told))
        made.append((record, told))
        assert (out / record.weights).is_file()
        assert json.loads((out / POLICY_FILE).read_text())["weights_sha256"] == record.weights_sha256
        assert not (out / "tokenizer.json").exists()
    assert made[0] == made[1]
    assert {"loss", "grad_norm"} <= {metric for metric, _, _ in made[0][1]}


def test_sft_lowers_the_loss_of_the_winners(tmp_path: Path) -> None:
    told: list[float] = []
    settings = SftSettings(**{**PLAIN, "epochs": 8, "method": "full"})
    Sft().train(
        iter(PAIRS),
        str(tiny_folder()),
        tmp_path,
        settings,
        lambda name, value, _: told.append(value) if name == "loss" else None,
    )
    assert told[-1] < told[0] - 1


def test_only_what_the_policy_wrote_is_labelled() -> None:
    ((row, _),) = rows_of_pairs([multi_turn(PAIRS[0])], None)
    assert row == {"input_ids": [10, 20, 30, 21], "labels": [IGNORED, 20, IGNORED, 21]}


def test_episodes_above_a_reward_are_taken_from_both_sides_and_once() -> None:
    scored = [
        one.model_copy(
            update={
                "chosen": one.chosen.model_copy(update={"reward": 5.0}),
                "rejected": one.rejected.model_copy(update={"reward": 2.0 + number}),
            }
        )
        for number, one in enumerate(PAIRS[:2])
    ]
    again = [*scored, scored[0], pair(7, split="heldout")]
    assert [episode.id for _, episode in rows_of_pairs(again, 3.0)] == ["c0", "c1", "r1"]
    assert [episode.id for _, episode in rows_of_pairs(again, None)] == ["c0", "c1"]


def test_sft_on_nothing_is_refused_and_says_what_was_dropped(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="nothing to train on"):
        Sft().train((), str(tiny_folder()), tmp_path, SftSettings(**PLAIN))
    with pytest.raises(BadInputError, match="6 sequences over the token limit"):
        Sft().train(PAIRS, str(tiny_folder()), tmp_path, SftSettings(**PLAIN, max_tokens=3))


def test_trl_cpo_refuses_turns_that_the_policy_did_not_write(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="pair 'p0' has turns that the policy did not write"):
        TrlCpo().train([multi_turn(PAIRS[0])], str(tiny_folder()), tmp_path, TrlCpoSettings(**FAST))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"nll_reduction": "sum"}, "nll_reduction 'sum'"), ({"memory_mode": "shared"}, "memory_mode 'shared'")],
)
def test_trl_cpo_refuses_what_trl_has_no_word_for(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrlCpo().train(PAIRS, str(tiny_folder()), tmp_path, TrlCpoSettings(**FAST, **settings))


class _Bytes:
    """A tokenizer of bytes with a template that a test gives it."""

    def __init__(self, ends: str = "\n") -> None:
        self._ends = ends

    def apply_chat_template(self, messages: Any, *, tokenize: bool, add_generation_prompt: bool) -> str:
        turns = [f"{m['role'][0]}:{m['content']}{self._ends}" for m in messages]
        return "".join(turns) + ("a:" if add_generation_prompt else "")

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": list(text.encode())}


def test_a_conversation_teaches_the_assistants_turns_only(tmp_path: Path) -> None:
    turns = [("user", "q"), ("assistant", "one"), ("user", "r"), ("assistant", "two")]
    path = tmp_path / "talk.jsonl"
    path.write_text(json.dumps({"messages": [{"role": r, "content": c} for r, c in turns]}) + "\n")
    (row,) = rows_of_file(path, _Bytes())
    assert bytes(row["input_ids"]) == b"u:q\na:one\nu:r\na:two\n"
    assert bytes(label for label in row["labels"] if label != IGNORED) == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1 of .* is no conversation: Expecting property name"),
        ("{}", "is no conversation: it has no 'messages'$"),
        ("[]", "is no conversation: it is no JSON object$"),
        ('{"messages": [{"role": "user", "content": "q"}]}', "no assistant's turn"),
        ('{"messages": [{"role": "nobody", "content": "q"}]}', "line 1 of .*: 0.role: Input should be"),
    ],
)
def test_a_line_that_is_no_conversation_is_refused_by_number(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(BadInputError, match=message):
        list(rows_of_file(path, _Bytes()))


def test_a_template_that_rewrites_earlier_turns_is_refused(tmp_path: Path) -> None:
    class Rewrites(_Bytes):
        def apply_chat_template(self, messages: Any, *, tokenize: bool, add_generation_prompt: bool) -> str:
            text = super().apply_chat_template(
                messages, tokenize=tokenize, add_generation_prompt=add_generation_prompt
            )
            return f"{len(messages)}{text}"

    path = tmp_path / "talk.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n')
    with pytest.raises(BadInputError, match="renders a turn otherwise"):
        list(rows_of_file(path, Rewrites()))
