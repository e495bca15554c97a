"""The grammar, recovery, identifiers and problems of the BibTeX reader."""

from __future__ import annotations

import random
import time
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.timing import cpu_seconds

from peercycle.agents.literature.bibtex import read, write
from peercycle.core.literature import Reference

MODEL_CARD = """Abstract: Agents read papers and propose experiments. They are slow
and need many calls.
@article{first2023agents,
  title={Agents that Read},
  author={First, Anna and Second, Bo},
  year={2023}
}
Abstract: A benchmark of reviews, with 10% held out.

@inproceedings{second2024bench,
  title={Benchmarking Reviews},
  author={Third, Cy},
  booktitle={Proc. of Tests},
  year={2024}
}

Abstract: The last one: never closed.
@misc{third2024open,
  title={An Entry that Never Ends},
  author={Fourth, Di},
  year={2024}

The above content represents the literature. Please write the title, and the motivation.
"""


def _one(text: str) -> Reference:
    (entry,) = read(text).entries
    return entry


def test_the_model_cards_kind_of_input_gives_three_entries_with_their_abstracts() -> None:
    found = read(MODEL_CARD)
    assert [entry.key for entry in found.entries] == ["first2023agents", "second2024bench", "third2024open"]
    assert [entry.recovered for entry in found.entries] == [False, False, True]
    assert [entry.line for entry in found.entries] == [3, 10, 18]
    assert [entry.abstract for entry in found.entries] == [
        "Agents read papers and propose experiments. They are slow and need many calls.",
        "A benchmark of reviews, with 10% held out.",
        "The last one: never closed.",
    ]
    assert found.entries[2].fields == {
        "title": "An Entry that Never Ends", "author": "Fourth, Di", "year": "2024",
    }  # fmt: skip
    (problem,) = found.problems
    assert (problem.key, problem.severity) == ("third2024open", "warning")
    assert "never closed" in problem.message


def test_a_never_closed_entry_in_the_middle_costs_nothing() -> None:
    text = MODEL_CARD.replace("year={2023}\n}", "year={2023}")
    found = read(text)
    assert [entry.recovered for entry in found.entries] == [True, False, True]
    assert found.entries[0].fields == read(MODEL_CARD).entries[0].fields
    assert [entry.abstract for entry in found.entries] == [e.abstract for e in read(MODEL_CARD).entries]


def test_an_entry_inside_balanced_braces_is_text() -> None:
    found = read(
        "@misc{outer,\n abstract = {Cite it as\n@inproceedings{inner,\n  title = {T},\n  year = {2000}\n}\n"
        "Abstract: of it\n},\n title = {Outer}\n}\n@misc{next, title = {N}}"
    )
    assert [entry.key for entry in found.entries] == ["outer", "next"]
    assert found.problems == ()
    assert "@inproceedings{inner, title = {T}, year = {2000} }" in found.entries[0].fields["abstract"]
    assert found.entries[1].abstract is None


def test_a_missing_comma_beside_an_entry_inside_braces_cuts_nothing() -> None:
    found = read("@misc{outer,\n title = {Outer}\n abstract = {See\n@book{inner,\n  title = {T}\n}\nhere}\n}")
    assert [entry.key for entry in found.entries] == ["outer"]
    assert found.entries[0].recovered
    assert found.entries[0].fields["abstract"] == "See @book{inner, title = {T} } here"


def test_an_abstract_field_counts_more_than_an_abstract_line() -> None:
    entry = _one("Abstract: line\n@misc{a, abstract={field}, title={T}}")
    assert entry.abstract == "field"


def test_an_abstract_without_an_entry_is_reported() -> None:
    found = read("Abstract: one\nAbstract: two\n@misc{a, title={T}}\nAbstract: three")
    assert found.entries[0].abstract == "two"
    assert [(problem.line, problem.severity) for problem in found.problems] == [(1, "error"), (4, "error")]


def test_macros_concatenation_and_months() -> None:
    found = read(
        '@STRING{acl = "Annual " # {Meeting}}\n@string(both = acl # ", " # 2)\n'
        '@article{a, journal = both, month = 3 # "~" # Mar, note = unknown}'
    )
    assert found.entries[0].fields == {
        "journal": "Annual Meeting, 2", "month": "3~March", "note": "unknown",
    }  # fmt: skip
    assert found.macros == {"acl": "Annual Meeting", "both": "Annual Meeting, 2"}
    assert [(problem.severity, problem.key) for problem in found.problems] == [("warning", "a")]
    assert not found.entries[0].recovered


def test_macros_made_of_macros_do_not_explode() -> None:
    text = "@string{a0 = {xxxxxxxxxx}}\n" + "".join(f"@string{{a{n + 1} = a{n} # a{n} # a{n}}}\n" for n in range(40))
    found = read(text + "@misc{k, title = a40 # a40}" * 50)
    assert sum(len(entry.fields["title"]) for entry in found.entries) < 2_000_000
    assert any("too long" in problem.message for problem in found.problems)


def test_preambles_and_comments_are_no_entries() -> None:
    found = read('@preamble{"\\newcommand{\\x}{}"}\n@comment{jabref-meta: @misc{z, title={Z}}}\n@misc{a, title={A}}')
    assert [entry.key for entry in found.entries] == ["a"]
    assert found.preamble == ("\\newcommand{\\x}{}",)


def test_parentheses_delimit_and_case_does_not_matter() -> None:
    entry = _one('@InProceedings( a ,\n TITLE = {A (b) c}, BookTitle = "{X "y"} z" )')
    assert (entry.entry_type, entry.title, entry.venue) == ("inproceedings", "A (b) c", 'X "y" z')
    assert not entry.recovered


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"{\"o}\"{u}\"a{\'\i}\'{\i}\v{c}{\c{c}}\c c", "öüaííčçç".replace("a", "ä")),
        (r"\ss \o{} {\O}re \aa{}{\AE}sop \L{}\'od\'z", "ßø Øre åÆsop Łódź"),
        (r"A--B---C ``q'' \& \% \_ \# \$5~x", "A–B—C “q” & % _ # $5 x"),
        (r"{BERT}: \emph{pre}training of \textbf{d\'{e}ep} nets", "BERT: pretraining of déep nets"),
        (r"On $O(n^2)$ and \(x_1\) with \$3", "On $O(n^2)$ and $x_1$ with $3"),
        (
            r"Erd{\H{o}}s, \.Zak, \k{a}, \d{a}, \u{g}, \={e}, \r{u}, Nguy{\~{\^e}}n",
            "Erdős, Żak, ą, ạ, ğ, ē, ů, Nguyễn",
        ),
        (r"\LaTeX{} and \unknown{kept}", "LaTeX and kept"),
        ("a\\", "a\\"),
    ],
)
def test_latex_becomes_unicode(latex: str, shown: str) -> None:
    assert _one(f"@misc{{a, title={{{latex}}}}}").title == shown


def test_names_are_given_and_family() -> None:
    entry = _one(
        "@misc{a, author = {Knuth, Donald E. and Ludwig van Beethoven and King, Jr, Martin Luther\n AND "
        "{Barnes and Noble, Inc.} and de la Vall{\\'e}e, Charles and {Data Team} and others}}"
    )
    assert entry.authors == (
        "Donald E. Knuth",
        "Ludwig van Beethoven",
        "Martin Luther King Jr",
        "Barnes and Noble, Inc.",
        "Charles de la Vallée",
        "Data Team",
    )


def test_a_comma_before_a_suffix_or_in_a_corporate_name_turns_nothing_round() -> None:
    assert _one("@misc{a, author = {King, Jr. and Gemini Team, Google}}").authors == (
        "King Jr.",
        "Gemini Team, Google",
    )


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ("doi = {https://doi.org/10.1145/ABC_1}", {"doi": "10.1145/abc_1"}),
        ("doi = {10.1000/a\\_b}", {"doi": "10.1000/a_b"}),
        ("url = {http://dx.doi.org/10.1000/x.}", {"doi": "10.1000/x"}),
        ("eprint = {1706.03762v5}, archivePrefix = {arXiv}", {"arxiv": "1706.03762"}),
        ("eprint = {hep-th/9901001}", {"arxiv": "hep-th/9901001"}),
        ("eprint = {12345}, archiveprefix = {hal}", {}),
        ("journal = {arXiv preprint arXiv:2101.00001v2}", {"arxiv": "2101.00001"}),
        ("journal = {CoRR}, volume = {abs/1412.6980}", {"arxiv": "1412.6980"}),
        ("doi = {10.48550/arXiv.2301.00001}", {"doi": "10.48550/arxiv.2301.00001", "arxiv": "2301.00001"}),
        ("url = {https://aclanthology.org/P19-1001.pdf}", {"acl": "P19-1001"}),
        ("url = {https://api.semanticscholar.org/CorpusID:13756489}", {"corpus": "13756489"}),
        ("howpublished = {\\url{https://arxiv.org/pdf/2005.14165}}", {"arxiv": "2005.14165"}),
    ],
)  # fmt: skip
def test_identifiers_are_found_where_people_write_them(fields: str, ids: dict[str, str]) -> None:
    assert _one(f"@misc{{a, {fields}}}").ids == ids


def test_repeated_keys_are_kept_and_reported_with_both_lines() -> None:
    found = read("@misc{a, title={One}}\n\n@misc{b}\n@misc{a, title={Two}}")
    assert [entry.title for entry in found.entries] == ["One", "", "Two"]
    (problem,) = found.problems
    assert (problem.line, problem.severity, problem.key) == (4, "warning", "a")
    assert "line 1" in problem.message
    assert "line 4" in problem.message


@pytest.mark.parametrize(
    ("key", "usable"),
    [
        ("", "hopper1952"),
        ("L'opez 2023", "Lopez2023"),
        ("Müller%1", "Muller1"),
        ("中文", "hopper1952"),
        ("-x", "x"),
    ],
)
def test_keys_that_do_not_compile_are_replaced(key: str, usable: str) -> None:
    found = read(f"@misc{{{key}, author={{Hopper, Grace}}, year=1952}}\n@misc{{taken, title={{T}}}}")
    assert [entry.key for entry in found.entries] == [usable, "taken"]
    assert found.entries[0].recovered
    assert any(problem.key == usable and problem.line == 1 for problem in found.problems)


def test_a_generated_key_is_nobody_elses() -> None:
    found = read("@misc{a b, title={T}}\n@misc{ab, title={U}}\n@misc{, title={V}}\n@misc{, title={W}}")
    assert len({entry.key for entry in found.entries}) == 4
    assert found.entries[1].key == "ab"


def test_an_entry_without_its_at_sign_is_a_comment_and_said_to_be() -> None:
    found = read("@misc{a, title={A}}\narticle{b, title={B}}\n@misc{c, title={C}}")
    assert [entry.key for entry in found.entries] == ["a", "c"]
    assert [problem.line for problem in found.problems] == [2]


def test_addresses_of_mail_between_entries_are_no_entries() -> None:
    found = read("From: me@example.org (me)\n@misc{a, title={A}}\n")
    assert [entry.key for entry in found.entries] == ["a"]
    assert found.problems == ()


def test_line_ends_marks_of_order_and_nul_do_no_harm() -> None:
    text = "\ufeff@misc{a,\r\n title={Caf\u00c3\u00a9\x00 \udc80},\r\n year={2001\r\n}\r\n@misc{b, title={B}}"
    found = read(text)
    assert [entry.key for entry in found.entries] == ["a", "b"]
    assert found.entries[0].title == "Caf\u00c3\u00a9"
    assert found.entries[1].line == 5
    found.model_dump_json()


HOSTILE = ["{", "}", "@", "@a{", '"', "\\", "@a{k,t={", "$", "\\(", "Abstract: x\n",
           "@article{a,\n title={x\n",
           "a={\n", "@string{a=b#", "@a{k}}x=1 ", "\n a = {b,", "#", ",", "\n", " ", "@ ", "a" ]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_flood_of_one_mark_takes_no_time(unit: str) -> None:
    size = 1_000_000 if unit in {"{", "}", "@", "@a{", '"', "\\"} else 300_000
    for before in ("", "@article{k, title={", '@misc{k, title="'):
        start = time.process_time()
        read(before + unit * (size // len(unit)))
        assert time.process_time() - start < 10.0


@pytest.mark.prove
@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    for before in ("", "@article{k, title={"):
        few, many = (before + unit * (size // len(unit)) for size in (250_000, 1_000_000))
        seconds = [cpu_seconds(partial(_through, text), tries=2) for text in (few, many)]
        assert seconds[1] < max(1.0, 8 * seconds[0]), (unit, seconds)


def _through(text: str) -> str:
    return write(read(text))


SHARDS = ["@", "article", "{", "}", "(", ")", "key", ",", "=", '"', "#", "\n", " ",
          "title", "Abstract:", "jan", "\\",
          "$",
          "@string", "@comment", "@preamble", "2020", "\x00", "é", "\ud800", "{x}",
          "\n\n@misc{k, title={T}}\n"]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(SHARDS), max_size=60).map("".join)))
def test_any_text_is_read_and_what_was_read_is_written_stably(text: str) -> None:
    found = read(text)
    written = write(found)
    assert write(read(written)) == written


@pytest.mark.prove
def test_a_hundred_thousand_heaps_of_shards_are_read() -> None:
    rng = random.Random(7)
    for _ in range(100_000):
        read("".join(rng.choices(SHARDS, k=rng.randint(1, 60))))
