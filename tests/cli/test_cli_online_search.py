"""`peercycle search` of an online source: an answer is exit 0, an outage one line and exit 1."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peercycle.agents.literature import bibtex
from peercycle.cli import patience
from peercycle.plugins.testing.web import Received, Reply, WebService

Command = Callable[..., Any]
QUERY = "R&D in C++ #1"


def answer(received: Received) -> Reply:
    if received.parameter("query") != QUERY:
        return Reply.of({"total": 0, "offset": 0})
    work = {"paperId": "a" * 40, "title": "R&D: 100% of #1 costs", "year": 2019, "authors": [{"name": "Zoë Núñez"}]}
    return Reply.of({"total": 1, "offset": 0, "data": [work]})


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebService]:
    """Semantic Scholar as this machine has it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService(answer) as running:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", running.url)
        yield running


def test_an_online_source_is_asked_only_when_it_is_named(peercycle: Command, service: WebService) -> None:
    assert peercycle("search", "depth", "refs.bib").code == 0
    assert peercycle("search", "depth").code == 2
    assert service.received == []
    done = peercycle("search", QUERY, "--source", "semantic-scholar")
    assert (done.code, done.out) == (0, "nunez2019r: R&D: 100% of #1 costs. Zoë Núñez (2019)\n")
    assert len(service.received) == 1


def test_json_and_bibtex_hold_the_whole_record(peercycle: Command, service: WebService) -> None:
    done = peercycle("search", QUERY, "--source", "semantic-scholar", "--json").json
    (work,) = done["results"]
    assert work["ids"] == {"s2": "a" * 40}
    assert work["provenance"][0]["source"] == "semantic-scholar" and work["provenance"][0]["fetched_at"]
    done = peercycle("search", QUERY, "--source", "semantic-scholar", "--bib")
    (read,) = bibtex.read(done.out).entries
    assert (read.key, read.title, read.authors) == ("nunez2019r", "R&D: 100% of #1 costs", ("Zoë Núñez",))
    assert len(service.received) == 1, "the second command asks nobody"


def test_a_work_listed_twice_is_told_once_and_two_under_one_key_are_both_written(
    peercycle: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = {"paperId": "b" * 40, "title": "Seas in May", "year": 2019, "authors": [{"name": "Zoë Núñez"}]}
    other = {**one, "paperId": "c" * 40, "title": "Seas in June"}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService([Reply.of({"total": 3, "offset": 0, "data": [one, other, one]})]) as service:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", service.url)
        done = peercycle("search", "seas", "--source", "semantic-scholar", "--bib")
    assert [work.title for work in bibtex.read(done.out).entries] == ["Seas in May", "Seas in June"]


def test_nothing_found_is_an_answer(peercycle: Command, service: WebService) -> None:
    done = peercycle("search", "whales", "--source", "semantic-scholar")
    assert (done.code, done.out, done.err) == (0, "", "nothing fits 'whales'\n")


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_an_outage_is_one_line_and_exit_1(
    status: int, peercycle: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService([Reply(status)]) as down:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", down.url)
        once = ("--set", "literature.semantic-scholar.tries=1")
        done = peercycle("search", "x", "--source", "semantic-scholar", *once)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("error: semantic-scholar did not answer: ") and done.err.count("\n") == 1
        as_json = peercycle("search", "x", "--source", "semantic-scholar", "--json", *once)
        assert as_json.code == 1 and as_json.json["event"] == "error"


def test_one_source_that_is_down_does_not_take_the_others_answer(
    peercycle: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService([Reply(401)]) as down:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", down.url)
        done = peercycle("search", "depth", "refs.bib", "--source", "semantic-scholar")
    assert (done.code, done.out) == (0, "networks: Sorting networks and their depth. Ada Byron (1990)\n")
    assert done.err.startswith("warning: semantic-scholar did not answer: ")


def test_a_service_that_says_nothing_is_given_up_within_fifteen_seconds(
    peercycle: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService([Reply(200, b" " * 1000, seconds_a_byte=1.0)]) as slow:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", slow.url)
        began = time.monotonic()
        assert peercycle("search", "x", "--source", "semantic-scholar").code == 1
        # Its own clock ends it after 10 s; the rest is for a machine that is busy.
        assert time.monotonic() - began < 30
        assert len(slow.received) == 1


def test_pages_and_sources_share_one_deadline_and_a_part_is_said_to_be_one(
    peercycle: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_page_only(received: Received) -> Reply:
        if received.path == "/works" or received.parameter("offset") not in {None, "0"}:
            return Reply(200, b" " * 10_000, seconds_a_byte=0.05)
        works = [{"paperId": f"{i:040x}", "title": f"Work number {i}", "year": 2020} for i in range(100)]
        return Reply.of({"total": 300, "offset": 0, "next": 100, "data": works})

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with WebService(first_page_only) as slow:
        monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", slow.url)
        settings = ["literature.semantic-scholar.interval_s=0", "literature.semantic-scholar.question_s=3"]
        settings += [f'literature.crossref.url="{slow.url}"', "literature.crossref.question_s=3"]
        flags = [flag for setting in settings for flag in ("--set", setting)]
        named = ("--source", "semantic-scholar", "--source", "crossref", "--limit", "300")
        began = time.monotonic()
        done = peercycle("search", "x", *named, "--json", *flags)
        assert (done.code, len(done.json["results"])) == (0, 100)
        assert [one["source"] for one in done.json["partial"]] == ["semantic-scholar"]
        assert [one["source"] for one in done.json["unanswered"]] == ["crossref"]
        assert "warning: semantic-scholar answered in part: no more than the first 100 works" in done.err
        assert time.monotonic() - began < 25


def test_a_question_is_given_what_starting_left_of_fifteen_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    for spent, seconds in ((0.0, 12.0), (1.0, 12.0), (3.0, 10.5), (5.0, 7.5), (8.0, 3.0), (30.0, 1.0)):
        monkeypatch.setattr(time, "monotonic", lambda spent=spent: 1000.0 + spent)
        token = patience.BEGUN.set(1000.0)
        assert patience.question_seconds() == seconds
        patience.BEGUN.reset(token)


def test_a_command_began_when_its_process_did() -> None:
    # The interpreter sleeps before it imports anything of ours; what a machine adds can only make it older.
    code = (
        "import time; time.sleep(1.5); from peercycle.cli.patience import process_began; "
        "print(time.monotonic() - process_began())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert 1.5 <= float(done.stdout) < 60


def test_a_name_that_nobody_looks_up_holds_the_command_no_longer_than_its_question(
    peercycle: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody_answers = threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        nobody_answers.wait(25)
        raise socket.gaierror("nobody answers")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setenv("PEERCYCLE_SEMANTIC_SCHOLAR_URL", "http://scholar.example")
    began = time.monotonic()
    done = peercycle(
        "search", "x", "--source", "semantic-scholar", "--set", "literature.semantic-scholar.question_s=1"
    )
    took = time.monotonic() - began
    nobody_answers.set()
    assert done.code == 1 and "did not answer" in done.err
    assert took < 20
