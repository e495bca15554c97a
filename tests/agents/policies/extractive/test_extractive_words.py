"""The parts that sentences are made of: numbers in words, lists, escaping, sentences, folded words."""

from __future__ import annotations

import time

import pytest

from peercycle.agents.policies.extractive.findings import shown
from peercycle.agents.policies.extractive.latex import cite, escape, titled
from peercycle.agents.policies.extractive.prose import counted, listed, number_word, shares
from peercycle.agents.policies.extractive.sentences import sentences_of, shortened
from peercycle.agents.policies.extractive.terms import content_tokens, spellings
from peercycle.core.content_words import fold


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "no"),
        (1, "one"),
        (19, "nineteen"),
        (21, "twenty-one"),
        (100, "one hundred"),
        (342, "three hundred and forty-two"),
        (1064, "one thousand and sixty-four"),
        (2500, "two thousand five hundred"),
        (12345, "12\\,345"),
    ],
)
def test_numbers_are_written_in_words_up_to_ten_thousand(number: int, words: str) -> None:
    assert number_word(number) == words


def test_nouns_agree_with_their_numbers() -> None:
    assert counted(1, "entry", "entries") == "one entry"
    assert counted(2, "entry", "entries") == "two entries"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert [shares(part, 3, "seed") for part in (0, 1, 3)] == [
        "none of the three seeds",
        "one of the three seeds",
        "all three seeds",
    ]
    assert shares(2, 2, "seed") == "both seeds"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a & b", "a \\& b"),
        ("50% of $5", "50\\% of \\$5"),
        ("$x^{2}$ holds", "$x^{2}$ holds"),
        ("$\\input{/etc/passwd}$", "\\$\\textbackslash{}input\\{/etc/passwd\\}\\$"),
        ("$x^2^3$", "\\$x\\textasciicircum{}2\\textasciicircum{}3\\$"),
        ("\\end{document}", "\\textbackslash{}end\\{document\\}"),
    ],
)
def test_text_prints_as_given_and_commands_do_not_pass(text: str, printed: str) -> None:
    assert escape(text) == printed


def test_a_key_that_would_break_a_citation_is_not_cited() -> None:
    assert cite(["good2020", "bad key", "x}y", "good2020"]) == "~\\citep{good2020}"
    assert cite(["bad key"]) == ""


def test_numbers_are_rounded_and_zero_has_no_sign() -> None:
    assert [shown(value, 2) for value in (-0.001, 0.126, -1.5)] == ["0.00", "0.13", "-1.50"]


def test_sentences_end_where_they_end() -> None:
    assert sentences_of("We follow Smith et al. They ask why. E.g. this, i.e. that.") == [
        "We follow Smith et al. They ask why.",
        "E.g. this, i.e. that.",
    ]


def test_a_long_sentence_is_cut_at_a_comma_and_marked() -> None:
    quote = shortened("k", "One two three four five six seven eight, nine ten eleven twelve thirteen.", 10)
    assert quote is not None
    assert quote.cut
    assert quote.text == "One two three four five six seven eight"
    assert shortened("k", "A formula $x$ makes this sentence one that is not quoted.", 20) is None


def test_words_are_folded_and_printed_in_their_commonest_spelling() -> None:
    assert [fold(word) for word in ("Reefs", "bodies", "classes", "gas", "bus", "Baltic's")] == [
        "reef",
        "body",
        "class",
        "gas",
        "bus",
        "baltic",
    ]
    assert content_tokens("The reefs of the study show $x$ coral") == ["reef", "coral"]
    assert spellings(["Reefs die. Some reefs live. HVC sings."])["reef"] == "reefs"


@pytest.mark.parametrize(
    "formula",
    [
        "$x_{i_{j}}$",
        "$\\mathbb{R}^{d_{k}}$",
        "$e^{-x^{2}_{a}}$",
        "$\\mathrm{softmax}(x)$",
        "$x_{a}^{b}$",
        "$1$",
        "$_2$",
    ],
)
def test_mathematics_with_nested_braces_is_kept(formula: str) -> None:
    assert escape(f"On {formula} we say") == f"On {formula} we say"


@pytest.mark.parametrize(
    "formula",
    [
        "$x_{a}_{b}$", "$x_{a_b_c}$", "$x_{}$", "$x_$", "$a}{b$", "${a$", "$\\mathbb R$", "$\\mathbb{\\input{f}}$", "$a&b$",
        "$\\text{a}$", "$a%b$", "$x^{\\def{y}}$", "${{{{{{{{{x}}}}}}}}}$", "$\\alphax$", "$a#1$", "$x^^41$", "$100 for coffee$",
    ],
)  # fmt: skip
def test_what_tex_would_stumble_over_or_obey_is_printed_as_it_was_written(formula: str) -> None:
    assert "$" not in escape(formula).replace("\\$", "")
    assert escape(formula).startswith("\\$")


def test_mathematics_is_read_in_linear_time() -> None:
    began = time.process_time()
    for text in (
        "$" * 100_000,
        "$x_{" * 50_000 + "$",
        "$" + "{" * 100_000 + "$",
        "$1" * 50_000,
        "$" + "a " * 50_000 + "$",
    ):
        escape(text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("title", "printed"),
    [
        ("'Tis the Season", "'Tis the Season"),
        ("'Tis the Dogs' Day", "'Tis the Dogs' Day"),
        ("Why We Don't Know", "Why We Don't Know"),
        ("A 'Quoted' Word", "A ‘Quoted' Word"),
        ("'Quoted' Words", "\\,‘Quoted' Words"),
        ("The End of 'Truth'", "The End of ‘Truth'\\,"),
        ("Rock 'n' Roll in the '90s", "Rock 'n' Roll in the '90s"),
    ],
)
def test_quotes_are_turned_round_and_apostrophes_stay(title: str, printed: str) -> None:
    assert titled(title) == printed
