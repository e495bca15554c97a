"""`peercycle literature`: imported corpora are searched without their file, and kept answers can be seen and cleared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.plugins.testing.graph_service import GraphService
from peercycle.plugins.testing.web import Reply, WebService

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.mark.parametrize("form", [("literature",), ("sandbox",), ()], ids=str)
def test_a_command_of_commands_alone_prints_its_help_in_lines_and_exits_2(
    peercycle: Command, form: tuple[str, ...]
) -> None:
    done = peercycle(*form)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Usage: {' '.join(['peercycle', *form])} ")
    assert re.search(r"^Commands:$", done.err, re.MULTILINE)
    assert "error:" not in done.err


def test_an_imported_corpus_is_searched_without_its_file(peercycle: Command, folder: Path) -> None:
    done = peercycle("literature", "import", "refs.bib")
    assert done.code == 0 and done.out.startswith("2 works of refs.bib imported: ")
    (folder / "refs.bib").unlink()
    assert peercycle("search", "depth").out == "networks: Sorting networks and their depth. Ada Byron (1990)\n"


def test_an_import_says_what_was_wrong_and_keeps_the_rest(peercycle: Command, folder: Path) -> None:
    rows = [
        '{"title": "On reefs", "year": 2001, "doi": "10.1/A"}',
        "no json",
        '{"title": "On Reefs", "doi": "10.1/a"}',
    ]
    (folder / "dump.jsonl").write_text("\n".join(rows))
    done = peercycle("literature", "import", "dump.jsonl", "--json").json
    assert [(one["works"], one["repeated"], len(one["problems"])) for one in done] == [(1, 1, 1)]
    assert "line 2" in peercycle("literature", "import", "dump.jsonl").err
    kept = list(Path(done[0]["path"]).parent.glob("*.jsonl"))
    assert len(kept) == 1, "the same corpus again takes its place"
    assert json.loads(kept[0].read_text())["ids"] == {"doi": "10.1/A"}


def test_files_of_one_name_are_corpora_of_their_own(peercycle: Command, folder: Path) -> None:
    (folder / "refs.jsonl").write_text('{"title": "On herring", "year": 1999}\n')
    (folder / "other").mkdir()
    (folder / "other" / "refs.bib").write_text("@book{tides, title = {Tides and their tables}, year = {2001}}")
    for name in ("refs.bib", "refs.jsonl", "other/refs.bib"):
        assert peercycle("literature", "import", name).code == 0
    for word, title in {"depth": "Sorting networks", "herring": "On herring", "tides": "Tides and"}.items():
        assert title in peercycle("search", word).out
    (folder / "refs.jsonl").write_text('{"title": "On salmon", "year": 1999}\n')
    peercycle("literature", "import", "refs.jsonl")
    assert peercycle("search", "herring").out == "", "what a file held before is replaced by what it holds now"


def test_an_import_leaves_the_corpus_of_a_file_whose_name_begins_like_its_own(
    peercycle: Command, folder: Path
) -> None:
    kept = Path(peercycle("literature", "import", "refs.bib", "--json").json[0]["path"])
    longer = f"{kept.stem.rpartition('-')[0]}-more.bib"
    (folder / longer).write_text("@book{tides, title = {Tides and their tables}, year = {2001}}")
    for name in (longer, "refs.bib"):
        assert peercycle("literature", "import", name).code == 0
    assert "Tides and" in peercycle("search", "tides").out


def test_what_cannot_be_imported_is_named(peercycle: Command, folder: Path) -> None:
    (folder / "empty.bib").write_text("")
    for name in ("empty.bib", "missing.bib"):
        done = peercycle("literature", "import", name)
        assert done.code == 2 and name in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"@article{a, title = {\0\x1b[2J}}", "is binary"),
        (b"@article{a, year = {1990}}\n@book{b, author = {Byron, Ada}}", "holds no usable work"),
    ],
    ids=["bytes", "untitled"],
)
def test_a_file_without_usable_works_is_not_imported(
    peercycle: Command, folder: Path, body: bytes, words: str
) -> None:
    (folder / "bin.bib").write_bytes(body)
    done = peercycle("literature", "import", "bin.bib")
    assert (done.code, done.out) == (2, "")
    assert words in done.err and done.err.count("\n") == 1
    assert not list(folder.rglob("*-*.jsonl")), "and nothing is kept that would spoil the next search"


def test_an_untitled_entry_is_left_out_of_an_import_and_named(peercycle: Command, folder: Path) -> None:
    with (folder / "refs.bib").open("a") as bib:
        bib.write("@book{nameless, year = {1990}}\n")
    done = peercycle("literature", "import", "refs.bib")
    assert done.out.startswith("2 works of refs.bib imported: ")
    assert done.err == "warning: refs.bib: line 6: not a work: a work needs a title\n"


def test_an_imported_corpus_that_went_bad_is_named_with_what_to_do(peercycle: Command) -> None:
    kept = Path(peercycle("literature", "import", "refs.bib", "--json").json[0]["path"])
    kept.write_text("no json\n")
    done = peercycle("search", "depth")
    assert done.code != 0 and str(kept) in done.err
    assert "it was imported: delete that file, then import its source again" in done.err


def test_a_run_from_a_topic_alone_searches_what_was_imported(peercycle: Command, folder: Path) -> None:
    peercycle("literature", "import", "refs.bib")
    arguments = ("run", "--topic", "sorting networks", "--literature", "local", "--run-id", "r1", "--rounds", "0")
    assert peercycle(*arguments).code == 0
    record = json.loads((folder / "runs" / "r1" / "run.json").read_text())
    assert record["options"]["literature"] == ["local"]
    assert len(record["options"]["settings"]["literature"]["local"]["corpora"]) == 1


def test_a_source_that_is_down_for_every_question_is_said_once_and_counted(
    ran: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService([Reply(401)]) as down:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", down.url)
        done = ran("--literature", "local", "--literature", "semantic-scholar", "--on-outage", "continue")
    assert done.code == 0
    said = [line for line in done.out.splitlines() if "401" in line]
    assert len(said) == 2 and "outage passed over: semantic-scholar did not answer" in said[0]
    assert re.match(r"\d+ times: semantic-scholar did not answer", said[1])


def test_without_anything_to_search_local_sources_are_refused(peercycle: Command) -> None:
    done = peercycle("run", "--topic", "sorting networks", "--literature", "local")
    assert done.code == 2 and "nothing to start from" in done.err


def test_kept_answers_are_counted_and_cleared(peercycle: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert peercycle("literature", "cache", "--json").json["kept"] == []
    with WebService(GraphService([{"paperId": "a", "title": "On reefs"}], {})) as service:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", service.url)
        assert peercycle("search", "reefs", "--source", "semantic-scholar").code == 0
        (row,) = peercycle("literature", "cache", "--json").json["kept"]
        assert (row["host"], row["kind"], row["answers"]) == ("127.0.0.1", "search", 1)
        assert "1 answers kept in " in peercycle("literature", "cache", "--stats").out
        assert peercycle("literature", "cache", "--clear").out == "1 answers forgotten\n"
        peercycle("search", "reefs", "--source", "semantic-scholar")
        assert len(service.received) == 2
    assert peercycle("literature", "cache", "--stats", "--clear").code == 2


def test_the_source_of_a_paper_is_written_whole_or_not_at_all(
    peercycle: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tex = b"\\documentclass{article}\\begin{document}x\\end{document}"
    with WebService([Reply(200, gzip.compress(tex), media_type="application/gzip")]) as service:
        flags = ("--set", f'literature.arxiv.url="{service.url}"', "--set", "literature.arxiv.interval_s=0")
        out = tmp_path / "new" / "paper"
        done = peercycle("literature", "source", "2101.00001", "--out", str(out), *flags)
        assert (done.code, done.out) == (0, f"1 file in {out}; the paper begins in 2101.00001.tex\n")
        assert {path.name: path.read_bytes() for path in out.iterdir()} == {"2101.00001.tex": tex}
        again = peercycle("literature", "source", "2101.00001", "--out", str(out), *flags)
        assert again.code == 2 and "not an empty folder" in again.err
        other = tmp_path / "new" / "other"
        done = peercycle("literature", "source", "2101.00001", "--out", str(other), "--json", *flags)
        assert (done.json["kind"], done.json["files"]) == ("file", ["2101.00001.tex"])
    with WebService([Reply(200, b"\x1f\x8bnonsense")]) as service:
        flags = ("--set", f'literature.arxiv.url="{service.url}"', "--set", "literature.arxiv.interval_s=0")
        bad = peercycle("literature", "source", "2101.00002", "--out", str(tmp_path / "new" / "bad"), *flags)
        assert bad.code != 0 and bad.err.count("\n") == 1 and "damaged" in bad.err
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["other", "paper"]


def test_an_outage_of_what_has_the_source_is_one_line_and_exit_1(
    peercycle: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService([Reply(503)]) as down:
        settings = (f'url="{down.url}"', "interval_s=0", "tries=1")
        flags = [flag for setting in settings for flag in ("--set", f"literature.arxiv.{setting}")]
        done = peercycle("literature", "source", "2101.00001", "--out", str(tmp_path / "paper"), *flags)
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: 127.0.0.1 is down (503); tried 1 time\n"
    assert not (tmp_path / "paper").exists()
