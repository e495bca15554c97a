"""Works are ranked by what they say, never by how often they are cited; the same pool gives the same order."""

from __future__ import annotations

import random

from peercycle.core.literature import Reference
from peercycle.core.neighbours import share_scores
from peercycle.core.ranking import Document, Query, Ranker, Statistics, fused, rank_works
from peercycle.core.stems import stem, terms


def ranked(text: str, *works: tuple[str, str], feedback: bool | None = None) -> list[int]:
    documents = [Document.of(title, abstract) for title, abstract in works]
    return [place for place, _ in Ranker(documents).rank(Query.of(text), feedback=feedback)]


def test_stems_are_porters() -> None:
    # Examples of the paper, one of each step.
    pairs = {
        "caresses": "caress", "ponies": "poni", "agreed": "agre", "plastered": "plaster", "motoring": "motor",
        "sing": "sing", "conflated": "conflat", "hopping": "hop", "falling": "fall", "filing": "file", "happy": "happi",
        "sky": "sky", "relational": "relat", "conditional": "condit", "digitizer": "digit", "hopefulness": "hope",
        "formalize": "formal", "electrical": "electr", "revival": "reviv", "adjustment": "adjust", "adoption": "adopt",
        "probate": "probat", "rate": "rate", "cease": "ceas", "controll": "control", "roll": "roll",
    }  # fmt: skip
    assert {word: stem(word) for word in pairs} == pairs
    assert terms("The Naïve rankings of 評価") == ["naiv", "rank", "評価"]


def test_a_title_counts_more_and_what_shares_nothing_is_left_out() -> None:
    works = (
        ("Ports of the north", "A ship carried coral."),
        ("Bleaching of coral", "It is warm."),
        ("Trade", "Ships."),
    )
    assert ranked("corals", *works) == [1, 0]
    assert ranked("", *works) == [] and ranked("coral") == []


def test_words_that_stand_together_count_more_than_words_apart() -> None:
    works = (
        ("A study", "The reward is large and we learn a model."),
        ("A study", "A reward model is large, we learn it."),
    )
    assert ranked("reward model", *works, ("Other", "Nothing of it."), ("More", "Sea and sand."))[0] == 1


def test_feedback_finds_what_the_query_has_no_word_for() -> None:
    works = [("Coral bleaching", f"Coral bleaching in heat harms zooxanthellae of kind {n}.") for n in range(5)]
    works += [("Zooxanthellae", "They leave their host."), ("Herring", "They were salted.")]
    works += [(f"Trade in {n}", f"Ships carried {n} tons.") for n in range(20)]
    without = ranked("coral bleaching heat", *works, feedback=False)
    assert 5 not in without
    assert ranked("coral bleaching heat", *works, feedback=True)[:6] == [*without, 5]


def test_a_work_is_drawn_towards_the_scores_of_those_like_it() -> None:
    reefs, herring = {"coral": 0.8, "reef": 0.6}, {"herring": 1.0}
    # Of two with one score, the one among the best of its kind gains, and the one that stands alone keeps what it had.
    first, second, alone, middle = share_scores([3.0, 2.5, 2.0, 2.0], [reefs, reefs, herring, reefs])
    assert first > second > middle > alone == 2.0
    assert first < 3.0 and max(first, second, middle) <= 3.0


def test_works_of_the_querys_kind_pass_one_that_shares_as_much_by_chance() -> None:
    kind = [("Reefs", f"coral heat algae bleach reef polyp warm sea of kind {n}") for n in range(6)]
    chance = ("Trade", "coral heat salted barrels of ports and merchants and quays")
    lone = ("Reefs", "coral heat reef polyp bleach warm of atolls and lagoons")
    others = [("Trade", f"heat of kilns, salted barrels of ports and merchants and quays {n}") for n in range(25)]
    works = [*kind, chance, lone, *others]
    documents = [Document.of(*each) for each in works]
    ranker, query = Ranker(documents), Query.of("coral heat")
    before = [place for place, _ in ranker.rank(query, feedback=False)]
    after = ranker.smoothed(ranker.rank(query, feedback=False))
    assert before.index(6) < before.index(7), "it is no case: chance is not ahead by its words"
    places = [place for place, _ in after]
    assert places.index(7) < places.index(6)
    assert [score for _, score in after] == sorted((score for _, score in after), reverse=True)


def test_the_order_does_not_depend_on_hashes_or_on_the_pool_beside_ties() -> None:
    rng = random.Random(5)
    vocabulary = [f"word{n}" for n in range(60)]
    works = [(" ".join(rng.choices(vocabulary, k=6)), " ".join(rng.choices(vocabulary, k=40))) for _ in range(80)]
    documents = [Document.of(*work) for work in works]
    query = Query.of(" ".join(rng.choices(vocabulary, k=30)))
    first = Ranker(documents).rank(query)
    assert first == Ranker(documents).rank(query)
    assert [score for _, score in first] == sorted((score for _, score in first), reverse=True)


def test_statistics_of_a_larger_collection_may_stand_for_those_of_the_pool() -> None:
    documents = [Document.of("Coral", ""), Document.of("Sea", "")]
    whole = Statistics(1000, 5.0, 100.0, {"coral": 900, "sea": 2})
    scores = dict(Ranker(documents, statistics=whole).rank(Query.of("coral sea")))
    assert scores[1] > scores[0] > 0


def test_citation_counts_are_not_even_read() -> None:
    works = [Reference(key=key, title=title) for key, title in (("a", "Coral"), ("b", "Coral reefs of the sea"))]
    assert rank_works("coral", works) == [0, 1]


def test_rankings_are_fused_by_reciprocal_rank() -> None:
    assert fused([[3, 1, 2], [1, 3], []]) == [1, 3, 2] or fused([[3, 1, 2], [1, 3], []]) == [3, 1, 2]
    assert fused([[1, 2], [2, 1], [2]]) == [2, 1]
    assert fused([[5, 4], [4, 5]]) == [4, 5], "equal ones stand by place"
