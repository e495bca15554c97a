"""Abstracts with headings and bullets, and sentences that a cut would turn round."""

from __future__ import annotations

import pytest
from tests.timing import cpu_seconds

from peercycle.agents.policies.extractive.corpus import read_corpus
from peercycle.agents.policies.extractive.headings import without_headings
from peercycle.agents.policies.extractive.latex import titled
from peercycle.agents.policies.extractive.naming import term_table
from peercycle.agents.policies.extractive.notes import Cluster, CorpusFacts, Notes, Quote, Strategy, TopicMatch
from peercycle.agents.policies.extractive.pointing import points_back
from peercycle.agents.policies.extractive.prose import shares
from peercycle.agents.policies.extractive.sections.mapping import printed_quotes
from peercycle.agents.policies.extractive.sentences import sentences_of, shortened
from peercycle.core.content_words import is_content
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.topicality import TopicWords

COLONS = (
    "BACKGROUND: Tranexamic acid can reduce bleeding in patients after elective surgery. METHODS: This trial was done in "
    "274 hospitals. Conclusions and Relevance: The risk of death from bleeding was lower with tranexamic acid."
)
BARE = (
    "Background Fresh red cells may improve the outcome of critically ill patients. Methods We assigned adults at random. "
    "Conclusions Transfusion of fresh red cells did not decrease the mortality among critically ill adults."
)


def corpus(*abstracts: str) -> list[str]:
    entries = tuple(Reference(key=f"k{i}", title=f"Title {i}", abstract=text) for i, text in enumerate(abstracts))
    return [work.abstract for work in read_corpus("bleeding", Bibliography(entries=entries)).works]


@pytest.mark.parametrize("abstract", [COLONS, BARE])
def test_the_headings_of_an_abstract_are_no_part_of_its_sentences(abstract: str) -> None:
    heads = ("background", "methods", "conclusions")
    said = [sentence.lower() for sentence in sentences_of(corpus(abstract)[0])]
    assert len(said) == 3
    assert not [sentence for sentence in said if sentence.startswith(heads)]


def test_a_heading_is_no_word_that_works_share() -> None:
    other = "The background of the image is removed before cells are counted, which takes more than an hour for one slide."
    entries = [
        Reference(key=f"k{i}", title=f"Bleeding {i}", year=2000 + i, abstract=text)
        for i, text in enumerate([COLONS] * 4 + [other] * 4)
    ]
    works = read_corpus("bleeding", Bibliography(entries=tuple(entries))).works
    words = {term.word: term.works for term in term_table(works, {})}
    assert "background" not in {token for work in works[:4] for token in work.abstract_tokens}
    assert words.get("background") == 4


def test_words_that_are_headings_elsewhere_stay_where_they_are_words() -> None:
    text = "Background radiation was measured at forty places. Results Section by section were kept for a year in a cellar."
    assert corpus(text) == [text]
    two = "Context Encoders are nets that paint what is missing. Background Subtraction removes what never moves in a film."
    assert corpus(two) == [two]


def test_headings_are_taken_out_in_time_that_grows_with_the_abstract() -> None:
    def seconds(size: int) -> float:
        text = "Aim: Bees. " * (size // 11)
        return cpu_seconds(lambda: without_headings(text))

    assert seconds(1_600_000) <= 8 * max(seconds(400_000), 0.03)


def test_a_heading_before_a_small_letter_is_neither_quoted_nor_counted() -> None:
    text = "Objective: to see whether bees that are fed with sugar outlive those that are not, in forty hives over a winter."
    entry = Reference(key="k", title="Bees", abstract=text)
    (work,) = read_corpus("bees", Bibliography(entries=(entry,))).works
    assert "objective" not in work.abstract_tokens
    assert shortened("k", text, 30) is None


def test_an_item_of_a_bulleted_list_is_a_sentence_of_its_own() -> None:
    text = "Summary. * Root fungi were counted in thirty-one field studies of four biomes. • Nitrogen made them fewer"
    assert sentences_of(text) == [
        "Summary.",
        "Root fungi were counted in thirty-one field studies of four biomes.",
        "Nitrogen made them fewer",
    ]
    product = (
        "The convolution f * g of two bounded functions is smooth, and f * G of a bounded one and a measure is not."
    )
    assert sentences_of(product) == [product]


def test_a_sentence_is_not_cut_before_a_word_that_turns_it_round() -> None:
    risk = "The risk of death was lower with the new drug in patients with a mild or moderate injury of the head, "
    assert shortened("k", risk + "but not in those with a severe injury of it", 22) is None
    assert shortened("k", risk + "and in those with a severe injury of it", 22) == Quote(
        key="k", text=risk.rstrip(", "), cut=True
    )


@pytest.mark.parametrize(
    "rest", ["(except the elderly ones in care)", "—but in those of two cities", "who are hardly ever so in care"]
)
def test_a_sentence_is_not_cut_before_a_turn_behind_a_bracket_or_a_dash(rest: str) -> None:
    whole = f"The new drug lowered the risk of death in all the participants {rest}"
    assert shortened("k", whole, 12) is None


def test_a_cut_does_not_end_on_a_verb_that_says_nothing_yet() -> None:
    quote = shortened(
        "k", "The temperature of the water in all the forty ponds was measured each hour of the day", 11
    )
    assert quote is not None
    assert quote.text == "The temperature of the water in all the forty ponds"


def test_a_cut_leaves_no_bare_introduction_and_no_small_word_at_the_end() -> None:
    text = "In patients with severe trauma and major bleeding, early plasma in equal parts was given to the first of the forty"
    quote = shortened("k", text, 17)
    assert quote is not None
    assert quote.text == "In patients with severe trauma and major bleeding, early plasma in equal parts was given"


def test_a_cut_leaves_no_bracket_open_and_no_clause_without_its_main_clause() -> None:
    open_bracket = (
        "The new rule converges on every task of the list at hand (on tasks with one policy where the old rule does)"
    )
    quote = shortened("k", open_bracket, 18)
    assert quote is not None
    assert quote.text == "The new rule converges on every task of the list at hand"
    whereas = "Whereas standard methods make one update for each sample, we propose an objective that makes many updates each"
    quote = shortened("k", whereas, 15)
    assert quote is not None
    assert quote.text.startswith("Whereas standard methods make one update for each sample, we propose")


def test_a_quotation_that_a_shorter_limit_would_turn_round_is_not_printed() -> None:
    whole = "The drug lowered the risk of death in all the patients of the trial who were young, except for those with fever"
    cluster = Cluster(
        label=0, name="drug", terms=("drug",), uses=(1,), keys=("k",), quotes=(Quote(key="k", text=whole),)
    )
    notes = Notes(
        strategy=Strategy(clusters=1, weighting="log", title_weight=1, seed=0, gaps_first=False, by_year=False),
        facts=CorpusFacts(entries=1, works=1, abstracts=1, dated=0),
        topic=TopicMatch(),
        quote_words=16,
    )
    assert printed_quotes(cluster, notes) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "An additional mechanism, competition with free-living fungi, slows the decay of litter.",
        "Another study of the same hives found the reverse in a warmer year.",
        "Although their algorithm converges reliably, it can be slow on problems with one policy.",
        "At the same time, the minimum wage led workers to better paid employers.",
    ],
)
def test_a_sentence_that_adds_to_another_points_back(sentence: str) -> None:
    assert points_back(sentence)


def test_the_quotation_marks_of_a_german_title_stay_a_pair() -> None:
    assert titled("Das „Recht auf Vergessen“ im Internet") == "Das ‚Recht auf Vergessen‘ im Internet"
    assert titled("Whole blood measures the tip of the iceberg:") == "Whole blood measures the tip of the iceberg"


def test_of_two_none_is_neither() -> None:
    assert shares(0, 2, "cluster") == "neither of the two clusters"


def test_the_cent_of_per_cent_says_nothing() -> None:
    assert not is_content("cent")


def test_an_adjective_of_a_name_in_a_is_a_form_of_it() -> None:
    assert TopicWords("Maya writing").used_by("A history of Mayan astronomy") == {"maya"}
