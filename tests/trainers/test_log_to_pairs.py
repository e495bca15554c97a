"""From run directories to pairs: what is chosen, what is left out, and that each is counted."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.logs import Draft, Said, draft, logged_run

from peercycle.core.errors import BadInputError, DamagedRunError
from peercycle.core.modelling import Message
from peercycle.core.training import PreferencePair
from peercycle.store.artifacts import FileArtifactStore
from peercycle.trainers import pairing
from peercycle.trainers.pair_advice import ADVICE, advice
from peercycle.trainers.pair_building import PairSet, build_pairs, require_pairs
from peercycle.trainers.pair_settings import PairReport, PairSettings
from peercycle.trainers.segments import LoggedTurn, UnfaithfulLogError, check_fidelity, segments_of

QUESTION = Message(role="user", content="Write on rivers.")
COUNTED = " ".join(map(str, range(100)))
RESULTS = Message(role="user", content="The result is 5.")


def made(*runs: Path, **settings: Any) -> tuple[list[PreferencePair], PairReport]:
    pairs: PairSet = build_pairs(runs, PairSettings(**{"heldout": 0.0, **settings}))
    found = list(pairs.pairs())
    return found, pairs.report()


def sides(pairs: list[PreferencePair]) -> list[tuple[str, str]]:
    return [(pair.chosen.candidate, pair.rejected.candidate) for pair in pairs]


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """Rewards 3, 5, 1 and 4."""
    texts = ("a river bends", "water cuts the outer bank", "rivers", "sand settles on the inner side of it")
    return logged_run(tmp_path, "four", [draft(t, r) for t, r in zip(texts, (3.0, 5.0, 1.0, 4.0), strict=True)])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [("c1", "c2")]),
        ({"strategy": "best-second"}, [("c1", "c3")]),
        ({"strategy": "all"}, [("c1", "c2"), ("c3", "c2"), ("c0", "c2"), ("c1", "c0"), ("c1", "c3"), ("c3", "c0")]),
        ({"strategy": "all", "min_margin": 2}, [("c1", "c2"), ("c3", "c2"), ("c0", "c2"), ("c1", "c0")]),
        ({"strategy": "all", "max_pairs_per_task": 1}, [("c1", "c2")]),
        ({"min_margin": 4.5}, []),
        ({"max_length_ratio": 2.0}, []),
        # At 0.2 a byte, 3 - 2.6 is the best and 4 - 7.4 the worst.
        ({"length_penalty": 200.0}, [("c0", "c3")]),
    ],
)
def test_each_strategy_sets_the_right_candidates_against_each_other(
    four: Path, settings: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    pairs, _ = made(four, **settings)
    assert sides(pairs) == expected
    assert all(pair.margin > 0 for pair in pairs)


def test_a_strategy_may_be_asked_for_in_full() -> None:
    assert PairSettings.model_validate({"strategy": "best-against-second"}).strategy == "best-second"


def test_the_random_opponent_is_another_one_and_the_same_each_time(four: Path) -> None:
    drawn = {sides(made(four, strategy="best-random", seed=seed)[0])[0] for seed in range(20)}
    assert drawn == {("c1", "c0"), ("c1", "c2"), ("c1", "c3")}
    assert sides(made(four, strategy="best-random", seed=7)[0]) == sides(
        made(four, strategy="best-random", seed=7)[0]
    )


def test_two_runs_of_one_task_give_one_best_and_worst_or_one_each(tmp_path: Path) -> None:
    first = logged_run(tmp_path, "r1", [draft("a river bends", 3.0), draft("sand settles", 1.0)], topic="rivers")
    second = logged_run(tmp_path, "r2", [draft("water cuts", 5.0), draft("banks fall", 4.0)], topic="rivers")

    def ids(within: str) -> list[str]:
        return sorted(pair.id for pair in made(first, second, within=within)[0])

    assert ids("task") == ["r2/c0>r1/c1"]
    assert ids("run") == ["r1/c0>r1/c1", "r2/c0>r2/c1"]


@pytest.mark.parametrize(
    ("drafts", "reason"),
    [
        ([draft("one", 1.0)], "tasks with one candidate"),
        ([draft("one", 1.0), draft("two", 1.0)], "tasks whose rewards are all equal"),
        ([draft("same words", 1.0), draft("same words", 2.0)], "candidates that repeat another"),
        ([draft("one", None), draft("two", 1.0)], "candidates without a reward"),
        ([draft("one", 2.0, finish="length"), draft("two", 1.0)], "pairs whose winner was cut at the token limit"),
        ([draft("one", 2.0, ids=False), draft("two", 1.0)], "candidates without token ids"),
        ([draft("", 2.0), draft("two", 1.0)], "candidates without text"),
        (
            [draft("one", 2.0, role="reviewer"), draft("two", 1.0)],
            "candidates without a completion of the policy's model",
        ),
        ([Draft((Said("one"),), 2.0, failed=True), draft("two", 1.0)], "candidates that failed"),
        ([draft(COUNTED, 2.0), draft(COUNTED + ".", 1.0)], "pairs of nearly equal texts"),
        ([draft("one", 2.0, tokenizer_hash="other"), draft("two", 1.0)], "pairs of two tokenizers"),
        ([draft("one", 2.0, prompt_ids=()), draft("two", 1.0)], "episodes with an empty completion or prompt"),
    ],
)
def test_what_gives_no_pair_is_dropped_and_counted(tmp_path: Path, drafts: list[Draft], reason: str) -> None:
    pairs, report = made(logged_run(tmp_path, "r", drafts))
    assert pairs == []
    assert report.dropped[reason] >= 1
    with pytest.raises(BadInputError, match=f"gives no pair .*{reason}"):
        require_pairs(report)


def test_a_completion_cut_at_the_token_limit_may_lose(tmp_path: Path) -> None:
    run = logged_run(tmp_path, "r", [draft("one", 2.0), draft("two", 1.0, finish="length"), draft("three", 1.5)])
    assert sides(made(run)[0]) == [("c0", "c1")]
    pairs, report = made(run, truncated="drop")
    assert sides(pairs) == [("c0", "c2")]
    assert report.dropped == {"candidates cut at the token limit": 1}


def test_the_best_that_was_not_cut_wins_in_place_of_a_better_one_that_was(tmp_path: Path) -> None:
    run = logged_run(tmp_path, "r", [draft("one", 3.0, finish="length"), draft("two", 2.0), draft("three", 1.0)])
    assert sides(made(run)[0]) == [("c1", "c2")]


@pytest.mark.parametrize("status", [None, "failed", "waiting"])
def test_a_log_with_no_finished_run_is_an_error_that_says_what_it_found(tmp_path: Path, status: str | None) -> None:
    run = logged_run(tmp_path, "r", [draft("one", 2.0), draft("two", 1.0)], status=status)
    with pytest.raises(BadInputError, match=f"none of 1 run has finished \\(1 {status or 'crashed'}\\)"):
        made(run)


def test_one_unfinished_run_among_others_is_counted(tmp_path: Path, four: Path) -> None:
    other = logged_run(tmp_path, "other", [draft("one", 2.0), draft("two", 1.0)], status=None)
    pairs, report = made(four, other)
    assert len(pairs) == 1
    assert report.dropped == {"runs that are crashed": 1}


def test_runs_that_are_left_out_are_named_a_few_of_them(tmp_path: Path, four: Path) -> None:
    crashed = [
        logged_run(tmp_path, f"other-{n}", [draft("one", 2.0), draft("two", 1.0)], status=None) for n in range(7)
    ]
    damaged = logged_run(tmp_path, "damaged", [draft("one", 2.0), draft("two", 1.0)])
    (damaged / "run.sqlite").write_bytes(b"none" * 1000)
    _, report = made(four, damaged, *crashed)
    assert "dropped: 1 runs that cannot be read (damaged)" in report.lines()
    names = ", ".join(f"other-{n}" for n in range(5))
    assert f"dropped: 7 runs that are crashed ({names} and 2 more)" in report.lines()
    with pytest.raises(BadInputError, match=r"\(7 crashed\): other-0, .*, other-4 …; .* `peercycle resume RUN`"):
        made(*crashed)


@pytest.mark.parametrize(
    ("settings", "advised"),
    [
        ({"min_margin": 4.5}, "lower --min-margin"),
        ({"max_length_ratio": 1.1}, "raise --max-length-ratio"),
        ({"max_prompt_tokens": 10}, "raise --max-prompt-tokens"),
        ({"max_tokens": 60}, "raise --max-tokens"),
    ],
)
def test_what_to_do_where_no_pair_is_left_depends_on_what_took_most_away(
    four: Path, settings: dict[str, Any], advised: str
) -> None:
    _, report = made(four, **settings)
    with pytest.raises(BadInputError, match=f"gives no pair .*; {advised}$"):
        require_pairs(report)


def test_every_reason_that_a_pair_is_left_out_for_has_its_advice() -> None:
    source = "".join(
        (Path(pairing.__file__).parent / f"{name}.py").read_text()
        for name in ("pairing", "pair_building", "log_index")
    )
    reasons = set(re.findall(r'"((?:candidates|tasks|pairs) [a-z\' ]+)"', source))
    assert len(reasons) > 15
    assert reasons <= ADVICE.keys()
    assert advice({"tasks with one candidate": 1, "pairs below the least margin": 3}) == "lower --min-margin"


def test_a_rejected_try_and_a_later_visit_are_no_part_of_an_episode(tmp_path: Path) -> None:
    said = (
        Said("garbage", accepted=False),
        Said("fine", accepted=True),
        Said("a revision", stage="conclude", visit=2),
        Said("a point", stage="revise"),
        Said("a verdict", stage="review", role="default"),
    )
    run = logged_run(tmp_path, "r", [Draft(said, 2.0), draft("two", 1.0)])
    (pair,), _ = made(run)
    assert [bytes(segment.completion_ids) for segment in pair.chosen.segments] == [b"fine"]


def test_two_turns_of_one_conversation_are_one_segment_with_a_mask(tmp_path: Path) -> None:
    second = (QUESTION, Message(role="assistant", content="the set-up"), RESULTS)
    said = (Said("the set-up", (QUESTION,)), Said("the end", second, "conclude"))
    run = logged_run(tmp_path, "r", [Draft(said, 2.0), draft("two", 1.0)])
    (pair,), report = made(run)
    (segment,) = pair.chosen.segments
    own = bytes(i for i, mine in zip(segment.completion_ids, segment.policy_mask, strict=True) if mine)
    given = bytes(i for i, mine in zip(segment.completion_ids, segment.policy_mask, strict=True) if not mine)
    assert own == b"the set-upthe end"
    assert given == b"\n<|user|>\nThe result is 5.\n<|assistant|>\n"
    assert pair.multi_turn
    assert report.multi_turn == 1


def test_turns_under_prompts_of_their_own_are_segments_of_their_own(tmp_path: Path) -> None:
    said = (Said("an outline", (QUESTION,), "outline"), Said("a paper", (RESULTS,), "write"))
    run = logged_run(tmp_path, "r", [Draft(said, 2.0), draft("two", 1.0)])
    (pair,), _ = made(run)
    assert [bytes(segment.completion_ids) for segment in pair.chosen.segments] == [b"an outline", b"a paper"]
    assert pair.multi_turn


@pytest.mark.parametrize(
    ("ids", "mask", "said"),
    [
        ((3, 4), (True, False), "the masks hold 1 tokens and the policy sampled 2"),
        ((3, 5), (True, True), "no segment begins with what turn 1 saw and said"),
        ((3, 4, 4), (False, True, True), "no segment begins with what turn 1 saw and said"),
    ],
)
def test_segments_that_are_not_what_the_engine_saw_and_said_are_dropped(
    ids: tuple[int, ...], mask: tuple[bool, ...], said: str
) -> None:
    turn = LoggedTurn(messages=(), text="", prompt_ids=(1, 2), completion_ids=(3, 4))
    (whole,) = segments_of([turn])
    check_fidelity([whole], [turn])
    other = whole.model_copy(update={"completion_ids": ids, "policy_mask": mask})
    with pytest.raises(UnfaithfulLogError, match=said):
        check_fidelity([other], [turn])


def test_ids_that_do_not_continue_the_turn_before_are_dropped_and_counted(tmp_path: Path) -> None:
    second = (QUESTION, Message(role="assistant", content="the set-up"), RESULTS)
    said = (Said("the set-up", (QUESTION,)), Said("the end", second, "conclude", prompt_ids=(1, 2, 3)))
    run = logged_run(tmp_path, "r", [Draft(said, 2.0), draft("two", 1.0)])
    pairs, report = made(run)
    assert pairs == []
    assert report.dropped == {"episodes whose ids do not continue the turn before": 1}
    (pair,), _ = made(run, discontinued="segment")
    assert [segment.prompt_ids for segment in pair.chosen.segments][1] == (1, 2, 3)


def test_a_prompt_over_the_limit_is_dropped_and_counted_never_cut(four: Path) -> None:
    pairs, report = made(four, max_prompt_tokens=10)
    assert pairs == []
    assert report.dropped == {"pairs with a prompt over the limit": 1}
    assert made(four, max_tokens=60)[1].dropped == {"pairs over the token limit": 1}


def test_repeated_reviews_give_an_error_that_a_margin_is_held_against(tmp_path: Path) -> None:
    drafts = [Draft((Said("one"),), 2.0, spread=(4, 2.0)), Draft((Said("two"),), 1.0, spread=(4, 2.0))]
    run = logged_run(tmp_path, "r", drafts)
    # Each mean has a standard error of 1, their difference one of 1.41.
    assert len(made(run, min_margin_errors=0.7)[0]) == 1
    pairs, report = made(run, min_margin_errors=0.71)
    assert pairs == []
    assert report.dropped == {"pairs whose margin is within the reviewers' noise": 1}


def test_held_out_tasks_stay_held_out_and_shards_are_disjoint(tmp_path: Path) -> None:
    runs = [
        logged_run(tmp_path, f"r{n}", [draft("one", 2.0), draft("two", 1.0)], topic=f"topic {n}") for n in range(40)
    ]
    trained: list[set[str]] = []
    heldout: list[set[str]] = []
    for iteration in range(3):
        pairs = build_pairs(
            runs,
            PairSettings(heldout=0.25, shards=3, iteration=iteration),
            iterations={f"r{n}": iteration for n in range(40)},
        )
        found = list(pairs.pairs())
        trained.append({pair.task_hash for pair in found if pair.split == "train"})
        heldout.append({pair.task_hash for pair in found if pair.split == "heldout"})
    assert heldout[0] == heldout[1] == heldout[2] != set()
    assert all(trained)
    assert not set.union(*trained) & heldout[0]
    assert not trained[0] & trained[1] and not trained[1] & trained[2] and not trained[0] & trained[2]
    assert len(set.union(*trained)) + len(heldout[0]) == 40


def test_a_share_of_earlier_pairs_is_replayed_and_held_out_tasks_never_are(tmp_path: Path) -> None:
    runs = [
        logged_run(tmp_path, f"r{n}", [draft("one", 2.0), draft("two", 1.0)], topic=f"topic {n}") for n in range(30)
    ]
    iterations = {f"r{n}": n % 2 for n in range(30)}
    settings = PairSettings(heldout=0.2, iteration=1, replay=0.5)
    pairs = build_pairs(runs, settings, iterations=iterations)
    found = list(pairs.pairs())
    report = pairs.report()
    assert report.replayed == round(0.5 * report.train) > 0
    assert {pair.chosen.iteration for pair in found if pair.split == "heldout"} == {1}
    assert sum(pair.chosen.iteration == 0 for pair in found) == report.replayed
    assert report.off_policy_age == {"0": report.train, "1": report.replayed}


def test_the_account_says_how_many_pairs_the_prompts_gave(four: Path, tmp_path: Path) -> None:
    equal = logged_run(tmp_path, "equal", [draft("one", 1.0), draft("two", 1.0)], topic="lakes")
    assert made(four, equal)[1].pairs_per_prompt == {"0": 1, "1": 1}
    _, report = made(four, equal, strategy="all")
    assert report.pairs_per_prompt == {"0": 1, "6": 1}
    # Of runs that nobody says the iteration of, no age is known.
    assert report.off_policy_age == {}


def test_lengths_are_balanced_by_leaving_out_the_narrowest_margins(tmp_path: Path) -> None:
    runs = [
        logged_run(
            tmp_path, f"r{n}", [draft("w" * (9 if n < 8 else 5), 2.0 + n / 10), draft("l" * 7, 1.0)], topic=f"t{n}"
        )
        for n in range(10)
    ]
    _, before = made(*runs)
    assert before.chosen_longer == 0.8
    pairs, report = made(*runs, balance_lengths=(0.4, 0.6))
    assert report.chosen_longer == 0.6
    assert report.dropped == {"pairs that balance the lengths": 5}
    assert {pair.chosen.run_id for pair in pairs} == {"r5", "r6", "r7", "r8", "r9"}


def test_everything_is_rebuilt_from_the_database_and_the_artefacts_alone(tmp_path: Path) -> None:
    long = "the bank is cut on the outer side " * 400
    run = logged_run(tmp_path, "r", [draft(long, 2.0), draft("two", 1.0)])
    moved = tmp_path / "elsewhere" / "r"
    moved.mkdir(parents=True)
    shutil.copy(run / "run.sqlite", moved / "run.sqlite")
    shutil.copytree(run / "artifacts", moved / "artifacts")
    (here,), _ = made(run)
    (there,), _ = made(moved)
    assert here == there
    assert bytes(here.chosen.segments[0].completion_ids) == long.encode()


def test_bodies_are_read_of_chosen_pairs_only(tmp_path: Path) -> None:
    drafts = [draft(f"{word} is cut on the outer side " * 400, r) for word, r in (("a", 3.0), ("b", 2.0), ("c", 1.0))]
    run = logged_run(tmp_path, "r", drafts)
    with closing(sqlite3.connect(run / "run.sqlite")) as connection:
        query = "SELECT candidate, text_ref, tokens_json_ref FROM completions"
        bodies = {candidate: refs for candidate, *refs in connection.execute(query)}
    assert all(ref for refs in bodies.values() for ref in refs), "a body stands in its row, so that nothing is opened"
    for ref in bodies["c1"]:
        FileArtifactStore(run / "artifacts").path(ref).unlink()
    pairs, report = made(run)
    assert sides(pairs) == [("c0", "c2")]
    assert report.dropped == {}
    # Where the middle one is in a pair, its bodies are missed.
    assert made(run, strategy="best-second")[1].dropped == {"pairs of a damaged run": 1}


def test_a_damaged_body_is_counted_and_named_when_it_is_read(tmp_path: Path) -> None:
    run = logged_run(tmp_path, "r", [draft("the bank is cut " * 800, 2.0), draft("two", 1.0)])
    for path in (run / "artifacts").rglob("*"):
        if path.is_file() and b"completion_token_ids" in path.read_bytes():
            path.write_bytes(b"{}")
    pairs, report = made(run)
    assert pairs == []
    assert report.dropped == {"pairs of a damaged run": 1}


def test_a_database_that_is_none_is_an_error_that_names_it(four: Path) -> None:
    (four / "run.sqlite").write_bytes(b"not a database, but long enough to be taken for one at first sight" * 50)
    with pytest.raises(DamagedRunError, match=r"run\.sqlite"):
        made(four)


def test_the_account_of_the_margins_is_json(four: Path) -> None:
    _, report = made(four, strategy="all")
    assert json.loads(report.model_dump_json())["margins"] == {"1": 2, "2": 2, "3": 1, "4": 1}
