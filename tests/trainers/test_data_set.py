"""The data set on disk: what the loader and TRL read, what a trainer reads back, and that it is the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.logs import Draft, Said, draft, logged_run

from peercycle.core.errors import BadInputError, UsageError
from peercycle.core.modelling import Message
from peercycle.trainers.dataset.files import read_pairs, write_dataset
from peercycle.trainers.pair_building import PairSet, build_pairs
from peercycle.trainers.pair_settings import PairSettings

QUESTION = Message(role="user", content="Write on rivers.")
RESULTS = Message(role="user", content="The result is 5.")


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """One plain task, one with an environment's turn, and eight more of which some are held out."""
    second = (QUESTION, Message(role="assistant", content="the set-up"), RESULTS)
    turns = Draft((Said("the set-up", (QUESTION,)), Said("the end", second, "conclude")), 4.0)
    folder = tmp_path / "runs"
    return [
        logged_run(folder, "plain", [draft("good – “text”\u2028", 5.5), draft("bad", 2.0)], topic="plain"),
        logged_run(folder, "turns", [turns, draft("short", 1.0)], topic="turns"),
        *(logged_run(folder, f"r{n}", [draft("one", 2.0), draft("two", 1.0)], topic=f"topic {n}") for n in range(8)),
    ]


def pairs_of(runs: list[Path], **settings: Any) -> PairSet:
    return build_pairs(runs, PairSettings(**{"heldout": 0.3, **settings}))


def test_the_loader_reads_it_offline_with_every_type_as_stated(
    tmp_path: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets", reason="needs datasets: pip install 'peercycle[train]'")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    written = write_dataset(pairs_of(runs), tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {
        "train": written.report.train,
        "heldout": written.report.heldout,
    }
    rows = {row["id"]: row for rows in loaded.values() for row in rows}
    plain = rows["plain/c0>plain/c1"]
    assert plain["prompt"] == [{"role": "user", "content": "Write on rivers."}]
    assert plain["chosen"] == [{"role": "assistant", "content": "good – “text”\u2028"}]
    assert plain["rejected"] == [{"role": "assistant", "content": "bad"}]
    assert (plain["score_chosen"], plain["score_rejected"], plain["margin"]) == (5.5, 2.0, 3.5)
    assert plain["multi_turn"] is False
    assert bytes(plain["rejected_segments"][0]["completion_ids"]) == b"bad"
    turns = rows["turns/c0>turns/c1"]
    assert turns["multi_turn"] is True
    assert [message["content"] for message in turns["chosen"]] == ["the set-up", "The result is 5.", "the end"]
    (segment,) = turns["chosen_segments"]
    assert sum(segment["policy_mask"]) == len(b"the set-up") + len(b"the end") < len(segment["policy_mask"])


def test_a_trainer_reads_back_what_was_written(tmp_path: Path, runs: list[Path]) -> None:
    made = {pair.id: pair for pair in pairs_of(runs).pairs()}
    write_dataset(pairs_of(runs), tmp_path / "out")
    read = {pair.id: pair for pair in read_pairs(tmp_path / "out")}
    assert read == made
    assert {pair.split for pair in read_pairs(tmp_path / "out", "heldout")} == {"heldout"}


def test_the_same_runs_give_the_same_bytes_in_any_order(tmp_path: Path, runs: list[Path]) -> None:
    def written(name: str, order: list[Path]) -> dict[str, bytes]:
        out = tmp_path / name
        write_dataset(pairs_of(order, strategy="all"), out)
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    first = written("one", runs)
    assert written("two", runs[::-1]) == first
    assert written("one", runs) == first
    assert set(first) == {"README.md", "report.json", "data/train.jsonl", "data/heldout.jsonl"}


@pytest.mark.parametrize(
    ("line", "said"),
    [("{}", "it has no 'id'"), ("[]", "it is no JSON object"), ("{", "Expecting property name")],
)
def test_a_line_that_is_no_pair_is_named_and_why(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text(line + "\n")
    with pytest.raises(BadInputError, match=f"^line 1 of .*train.jsonl' is no pair: {said}"):
        list(read_pairs(tmp_path))


def test_the_card_says_what_plain_trl_would_learn(tmp_path: Path, runs: list[Path]) -> None:
    write_dataset(pairs_of(runs), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Plain TRL trains on everything after the prompt" in card
    assert "would teach the model to write the results itself" in card
    assert "`trl-cpo` trainer refuses these rows" in card
    assert "none by a person" in card


def test_trajectories_hold_every_message_and_every_id(tmp_path: Path, runs: list[Path]) -> None:
    write_dataset(pairs_of(runs[:2], heldout=0), tmp_path / "out", form="atif")
    # Not splitlines: a text may hold a line separator.
    lines = (tmp_path / "out" / "data" / "train.jsonl").read_text().strip().split("\n")
    found = {line["session_id"]: line for line in map(json.loads, lines)}
    assert found.keys() == {"plain/c0", "plain/c1", "turns/c0", "turns/c1"}
    one = found["turns/c0"]
    assert one["schema_version"] == "ATIF-v1.4"
    assert [(step["step_id"], step["source"], step["message"]) for step in one["steps"]] == [
        (1, "user", "Write on rivers."),
        (2, "agent", "the set-up"),
        (3, "user", "The result is 5."),
        (4, "agent", "the end"),
    ]
    metrics = one["steps"][3]["metrics"]
    assert bytes(metrics["completion_token_ids"]) == b"the end"
    assert bytes(metrics["prompt_token_ids"]).endswith(b"The result is 5.\n<|assistant|>\n")
    assert one["final_metrics"]["total_completion_tokens"] == len(b"the set-up") + len(b"the end")
    assert one["extra"]["reward"] == 4.0


def test_nothing_is_written_over_what_is_not_a_data_set(tmp_path: Path, runs: list[Path]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other things"):
        write_dataset(pairs_of(runs), tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        write_dataset(pairs_of(runs), tmp_path / "notes.txt")


def test_a_log_without_a_pair_is_an_error_and_leaves_no_data(tmp_path: Path, runs: list[Path]) -> None:
    with pytest.raises(BadInputError, match="the log gives no pair"):
        write_dataset(pairs_of(runs, min_margin=100), tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.jsonl"))
    with pytest.raises(BadInputError, match="holds no pairs"):
        list(read_pairs(tmp_path / "out"))


def test_a_line_that_is_no_pair_is_named(tmp_path: Path, runs: list[Path]) -> None:
    write_dataset(pairs_of(runs, heldout=0), tmp_path / "out")
    path = tmp_path / "out" / "data" / "train.jsonl"
    lines = path.read_text().splitlines()
    broken = json.loads(lines[2])
    broken["chosen_segments"][0]["policy_mask"] = [1]
    path.write_text("\n".join([*lines[:2], json.dumps(broken)]) + "\n")
    with pytest.raises(BadInputError, match=r"line 3 of .*train\.jsonl"):
        list(read_pairs(tmp_path / "out"))


def tokenizer_folder(folder: Path) -> Path:
    """A tokenizer of words with a chat template, on disk."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = ["<end>", "<unk>", "user", "assistant", "Write", "on", "rivers", ".", "good", "bad"]
    core = Tokenizer(WordLevel({word: n for n, word in enumerate(words)}, "<unk>"))
    core.pre_tokenizer = Whitespace()
    make: Any = PreTrainedTokenizerFast
    made = make(tokenizer_object=core, unk_token="<unk>", eos_token="<end>")
    made.chat_template = (
        "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}"
        "{% if add_generation_prompt %}assistant{% endif %}"
    )
    made.save_pretrained(folder)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    return folder


def test_a_log_without_ids_is_tokenised_again_only_when_asked_and_says_so(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs transformers: pip install 'peercycle[train]'")
    from peercycle.core.identity import template_hash, tokenizer_hash
    from peercycle.trainers.retokenizing import retokenize_with

    run = logged_run(tmp_path, "r", [draft("good", 2.0, ids=False), draft("bad", 1.0, ids=False, finish="length")])
    with pytest.raises(BadInputError, match="2 candidates without token ids"):
        write_dataset(pairs_of([run], heldout=0), tmp_path / "out")
    base = tokenizer_folder(tmp_path / "base")
    again = build_pairs([run], PairSettings(heldout=0), retokenize=retokenize_with(str(base)))
    written = write_dataset(again, tmp_path / "out")
    assert written.report.retokenized == 1
    (pair,) = read_pairs(tmp_path / "out")
    assert pair.chosen.retokenized
    assert pair.rejected.retokenized
    assert pair.chosen.tokenizer_hash == tokenizer_hash(base)
    assert pair.chosen.template_hash == template_hash(base)
    assert pair.chosen.segments[0].prompt_ids == (2, 4, 5, 6, 7, 3)
    # One ended, and its end is learnt; the other was cut, and has none.
    assert pair.chosen.segments[0].completion_ids == (8, 0)
    assert pair.rejected.segments[0].completion_ids == (9,)


def test_thoughts_that_were_told_apart_are_not_tokenised_away_and_count_as_words(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs transformers: pip install 'peercycle[train]'")
    from peercycle.trainers.loop.rollouts import read_rollouts
    from peercycle.trainers.retokenizing import retokenize_with

    thoughtful = draft("good", 2.0, ids=False, reasoning="a long plan")
    run = logged_run(tmp_path, "r", [thoughtful, draft("bad", 1.0, ids=False)])
    again = retokenize_with(str(tokenizer_folder(tmp_path / "base")))
    with pytest.raises(BadInputError, match="1 episodes whose thoughts were told apart") as caught:
        write_dataset(build_pairs([run], PairSettings(heldout=0), retokenize=again), tmp_path / "out")
    assert "sample with an engine that logs ids" in str(caught.value)
    assert [row.sampled_tokens for row in read_rollouts(run, "t")] == [4, 1]
