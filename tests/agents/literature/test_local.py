"""The literature at hand is found, each work once, whatever the query says."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from peercycle.agents.literature.local.cache import open_corpus
from peercycle.agents.literature.local.corpus import read_jsonl
from peercycle.agents.literature.local.index import create, fill, query_terms
from peercycle.agents.literature.local.settings import LocalSettings
from peercycle.agents.literature.local.source import LocalLiterature
from peercycle.core.errors import BadInputError, LiteratureError, StoreError
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.ranking import rank_works
from peercycle.core.sameness import deduplicate
from peercycle.core.stems import terms


def work(key: str, title: str, abstract: str = "", **fields: object) -> Reference:
    return Reference.model_validate({"key": key, "title": title, "abstract": abstract, **fields})


SHELF = (
    work("reef", "Bleaching of coral reefs", "Corals lose their algae when the sea is warm.", year=2016),
    work("trade", "Trade routes of the Hanse", "Ships carried herring and timber between ports.", year=1998),
    work("song", "How young finches learn their song", "Finches copy the song of an adult, note by note.", year=2004),
    work("mention", "Ports of the north", "One ship in this register carried coral.", year=1999),
)


def found(query: str, *works: Reference, **options: object) -> list[str]:
    settings = LocalSettings.model_validate(options)

    async def main() -> list[str]:
        async with LocalLiterature(settings) as source:
            await source.add(Bibliography(entries=works))
            return [reference.key for reference in await source.search(query)]

    return asyncio.run(main())


def test_the_ranking_has_the_stems_that_the_index_counts() -> None:
    # A stem that the index does not know would pass for the rarest of all.
    words = "technology methodology ecological analogies possibly assembly reliably relational hopefulness studies"
    with closing(sqlite3.connect(":memory:")) as connection:
        create(connection)
        fill(connection, [work("all", words)])
        counted = {row[0] for row in connection.execute("SELECT term FROM terms")}
    assert set(terms(words)) == counted


def test_a_title_counts_more_than_an_abstract() -> None:
    assert found("coral", *SHELF) == ["reef", "mention"]


def test_words_are_found_in_other_forms_and_without_their_accents() -> None:
    assert found("ship carrying", *SHELF)[0] in {"trade", "mention"}
    assert found("Godel", work("g", "Gödel's proof")) == ["g"]
    assert found("CO2", work("c", "Uptake of CO₂")) == found("CO₂", work("c", "Uptake of CO2")) == ["c"]


def test_a_query_is_words_and_never_syntax() -> None:
    for query in ('"coral', "coral OR NOT NEAR(", "title:coral", "coral*", "a\0coral", "-coral ^", "coral " * 10_000):
        assert found(query, *SHELF)[0] == "reef", query


def test_stop_words_count_only_where_there_is_nothing_else() -> None:
    assert query_terms("the song of the finches") == ["song", "finches"]
    assert query_terms("to be or not to be") == ["to", "be", "or", "not"]


def test_a_query_without_a_word_is_an_error_and_not_an_empty_answer() -> None:
    with pytest.raises(BadInputError, match="holds no word"):
        found("?!", *SHELF)


def test_one_work_under_a_doi_an_arxiv_id_or_a_title_is_kept_once() -> None:
    records = [
        work("a", "On Sorting", year=2001, ids={"doi": "10.1/X"}),
        work("b", "On sorting (preprint)", "We sort.", ids={"doi": "10.1/x", "arxiv": "2001.00001v2"}),
        work("c", "Sorting, again", ids={"arxiv": "2001.00001"}),
        work("d", "On  sorting!", "We sort, and say more.", year=2001),
        work("e", "On sorting", year=2011),
    ]
    kept = deduplicate(records)
    assert [reference.key for reference in kept] == ["a", "e"]
    assert kept[0].abstract == "We sort, and say more."
    assert kept[0].ids == {"doi": "10.1/X", "arxiv": "2001.00001v2"}


def test_works_that_share_a_title_only_stay_apart() -> None:
    apart = [
        work("m", "Preface", year=2023, ids={"doi": "10.1/a"}, authors=("Ada Byron",)),
        work("n", "Preface", year=2023, ids={"doi": "10.1/b"}, authors=("Max Born",)),
        work("o", "Llama 2: models", year=2023, ids={"arxiv": "2307.1"}),
        work("p", "Llama 3: models", year=2023, ids={"arxiv": "2407.1"}),
        work("q", "Introduction", year=2020, authors=("Ada Byron",)),
        work("r", "Introduction", year=2020, authors=("Max Born",)),
    ]
    assert [reference.key for reference in deduplicate(apart)] == ["m", "n", "o", "p", "q", "r"]
    preprint = work("s", "On Rings", year=2020, ids={"doi": "10.48550/arXiv.2001.1"}, authors=("E. Noether",))
    printed = work("t", "On rings", year=2020, ids={"doi": "10.1/r"}, authors=("Emmy Noether",))
    assert [reference.key for reference in deduplicate([preprint, printed])] == ["s"]


def test_a_bad_line_of_a_corpus_costs_only_itself() -> None:
    lines = [
        '{"title": "One", "externalIds": {"DOI": "10.1/a"}}',
        "{broken",
        "[1]",
        '{"title": ""}',
        "",
        '{"title": "Two"}',
    ]
    read = read_jsonl("\n".join(lines))
    assert [reference.title for reference in read.entries] == ["One", "Two"]
    assert read.entries[0].ids == {"doi": "10.1/a"}
    assert [problem.line for problem in read.problems] == [2, 3, 4]


def test_what_no_text_can_hold_or_drives_a_terminal_is_left_out_of_a_corpus_of_json() -> None:
    row = {
        "title": "a \x1b]0;b\x07 \0c\ud83d \U0001f600",
        "authors": ["Ann\n\x9bLee"],
        "abstract": "\u202ed",
        "doi": "10.1/\ud83d",
    }
    read = read_jsonl("\n".join([json.dumps(row), json.dumps({"title": "\0\ud83d"})]))
    (work,) = read.entries
    assert (work.title, work.authors) == ("a ]0;b c \U0001f600", ("Ann Lee",))
    assert (work.abstract, work.ids) == ("d", {"doi": "10.1/"})
    assert [problem.line for problem in read.problems] == [2]


def corpus_of(folder: Path, titles: list[str]) -> Path:
    path = folder / "corpus.jsonl"
    path.write_text("\n".join(json.dumps({"title": title, "key": f"w{n}"}) for n, title in enumerate(titles)))
    return path


def test_a_corpus_is_searched_beside_the_own_works_whose_keys_win(tmp_path: Path) -> None:
    path = corpus_of(tmp_path, ["Bleaching of coral reefs", "Coral nurseries"])
    keys = found("coral", *SHELF, corpora=(str(path),), cache=str(tmp_path / "cache"))
    assert keys[0] == "reef"
    assert "w0" in keys  # the shelf's record has a year and the corpus's has none: two works by the rules
    assert "w1" in keys


def test_a_damaged_index_is_built_anew(tmp_path: Path) -> None:
    path, cache = corpus_of(tmp_path, ["Coral nurseries"]), tmp_path / "cache"
    open_corpus(path, str(cache)).close()
    (index,) = cache.glob("*.sqlite")
    index.write_bytes(b"not a database" * 1000)
    assert found("coral", corpora=(str(path),), cache=str(cache)) == ["w0"]


def test_a_changed_corpus_is_indexed_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert found("coral", corpora=(str(corpus_of(tmp_path, ["Coral nurseries"])),), cache=str(cache)) == ["w0"]
    assert found("coral", corpora=(str(corpus_of(tmp_path, ["Finches"])),), cache=str(cache)) == []


def test_two_processes_may_build_one_index_at_once(tmp_path: Path) -> None:
    path, cache = corpus_of(tmp_path, [f"Coral study {n}" for n in range(2000)]), tmp_path / "cache"
    spawn = multiprocessing.get_context("spawn")
    children = [spawn.Process(target=open_corpus, args=(path, str(cache))) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert [file.suffix for file in cache.iterdir()] == [".sqlite"]


def test_a_cache_that_cannot_be_made_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be made .*the source's setting cache"):
        found("coral", corpora=(str(corpus_of(tmp_path, ["Finches"])),), cache=str(tmp_path / "file" / "cache"))


def test_an_unreadable_corpus_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"cannot read the corpus .*missing\.bib"):
        found("coral", corpora=(str(tmp_path / "missing.bib"),), cache=str(tmp_path))
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(BadInputError, match="holds no usable work"):
        found("coral", corpora=(str(tmp_path / "empty.jsonl"),), cache=str(tmp_path))


def test_an_array_of_json_is_said_to_be_one_also_where_a_line_of_it_looks_like_a_work(tmp_path: Path) -> None:
    (tmp_path / "works.json").write_text('[{"title": "Coral"},\n{"title": "Herring"}\n]\n')
    with pytest.raises(BadInputError, match=r"is one JSON array; give JSON lines.*jq -c"):
        found("coral", corpora=(str(tmp_path / "works.json"),), cache=str(tmp_path))


@pytest.mark.parametrize(("given", "year"), [(1999, 1999), ("1999", 1999), (-5, None), (0, None), (20195, None)])
def test_a_number_that_no_year_can_be_is_left_out(given: object, year: int | None) -> None:
    (read,) = read_jsonl(json.dumps({"title": "Coral", "year": given})).entries
    assert read.year == year


def test_what_it_cannot_do_is_an_error_and_not_an_empty_answer() -> None:
    source = LocalLiterature(LocalSettings())
    with pytest.raises(LiteratureError, match="knows no citations"):
        asyncio.run(source.expand("doi:10.1/x", "citations"))


def test_works_are_got_by_their_identifiers() -> None:
    async def main() -> list[str | None]:
        async with LocalLiterature(LocalSettings()) as source:
            await source.add(Bibliography(entries=(work("a", "On Sorting", ids={"doi": "10.1/X"}),)))
            return [w.key if w else None for w in await source.get(["doi:10.1/x", "key:a", "doi:10.1/y"])]

    assert asyncio.run(main()) == ["a", "a", None]


def test_a_text_as_query_finds_its_neighbours_and_keeps_to_limit_and_filters() -> None:
    subjects = (
        "coral reefs bleach in warm sea",
        "finches learn songs from adults",
        "ships carried herring between ports",
    )
    shelf = [
        work(
            f"{subject.split()[0]}{n}", f"Study {n}: {subject}", f"We look at how {subject}, case {n}.", year=1990 + n
        )
        for subject in subjects
        for n in range(12)
    ]
    text = (
        "Heat and the reefs. When the sea is warm, corals bleach: we ask how reefs in a warm sea change over years, "
        "which algae leave the coral, and whether bleached reefs recover."
    )
    keys = found(text, *shelf)
    assert {key[:5] for key in keys[:12]} == {"coral"}
    assert keys == found(text, *shelf)

    async def limited() -> list[Reference]:
        async with LocalLiterature(LocalSettings()) as source:
            await source.add(Bibliography(entries=tuple(shelf)))
            return list(await source.search(text, limit=3, filters={"year_from": 2000}))

    best = asyncio.run(limited())
    assert 0 < len(best) <= 3 and all(one.year is not None and one.year >= 2000 for one in best)


def test_a_text_is_ranked_as_in_the_whole_pool_where_short_works_abound() -> None:
    draw = random.Random(1)
    topic = [f"topic{n}" for n in range(30)]
    words = [f"word{n}" for n in range(2000)]

    def work_of(n: int) -> Reference:
        if n % 10:
            # A title alone; most of them have nothing of the query.
            return work(f"w{n}", " ".join(draw.sample(topic if n % 10 == 1 else words, 8)))
        return work(
            f"w{n}", " ".join(draw.sample(words, 8)), " ".join(draw.choices(topic, k=40) + draw.choices(words, k=100))
        )

    pool = [work_of(n) for n in range(600)]
    query = " ".join(draw.sample(topic, 15))
    assert found(query, *pool) == [pool[place].key for place in rank_works(query, pool)[:20]]


def test_a_text_finds_a_work_that_has_many_of_its_words_and_none_of_the_rarest() -> None:
    rare, common = [f"rare{n}" for n in range(12)], [f"common{n}" for n in range(10)]
    # Each rare word is in 400 works, each common one in 481; the one work that has all the common ones has no rare one.
    pool = [work(f"w{n}", f"{rare[n % 12]} {common[n % 10]} case{n}") for n in range(4800)]
    pool.append(work("near", " ".join(common)))
    assert found(" ".join((*rare, *common)), *pool)[0] == "near"
