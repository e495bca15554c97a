"""A host's rate is kept to by all threads and processes of a machine together: no window holds more than it allows.

Nothing here asserts that it is quick: a machine that does something else may be as slow as it likes.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from peercycle.agents.literature.online.turns import FILE, Turn, Turns
from peercycle.core.errors import StoreError
from peercycle.plugins.testing.web import Reply, WebService

INTERVAL_S = 0.2

WORKER = """
import asyncio, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from peercycle.agents.literature.online.turns import Turns

async def take(folder, number):
    turns = Turns(folder)
    granted = [await turns.take("api", float(sys.argv[2]), within_s=600) for _ in range(number)]
    turns.close()
    return [turn.at for turn in granted]

def work(_):
    return asyncio.run(take(Path(sys.argv[1]), 3))

with ThreadPoolExecutor(4) as pool:
    print(*[at for found in pool.map(work, range(4)) for at in found])
"""


def test_eight_threads_in_two_processes_keep_to_one_rate(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(INTERVAL_S)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in processes]
    times = sorted(float(at) for line in said for at in line.split())
    assert len(times) == 2 * 4 * 3
    gaps = [later - sooner for sooner, later in pairwise(times)]
    # The database keeps doubles; the last bit of one may differ.
    assert min(gaps) >= INTERVAL_S - 1e-6


def test_one_request_a_second_means_a_second() -> None:
    from peercycle.agents.literature.semantic_scholar.source import INTERVAL_S as OF_SEMANTIC_SCHOLAR

    assert OF_SEMANTIC_SCHOLAR == 1.0


def take(folder: Path, host: str, interval_s: float, **more: float) -> float | None:
    async def main() -> float | None:
        turns = Turns(folder)
        turn = await turns.take(host, interval_s, within_s=more.pop("within_s", 60), **more)
        turns.close()
        return None if turn is None else turn.at

    return asyncio.run(main())


def test_hosts_do_not_wait_for_one_another(tmp_path: Path) -> None:
    assert all(take(tmp_path, host, 3600.0, within_s=0) for host in ("one", "two", "three"))
    assert take(tmp_path, "one", 3600.0, within_s=5) is None, "it waits for what cannot come in time"


def test_who_asked_to_be_left_alone_is_left_alone_by_all(tmp_path: Path) -> None:
    assert take(tmp_path, "api", 0.0) is not None
    turns = Turns(tmp_path)
    turns.leave_alone("api", 300)
    turns.close()
    assert take(tmp_path, "api", 0.0, within_s=5) is None


def test_the_wish_to_be_left_alone_outlives_a_file_begun_anew(tmp_path: Path) -> None:
    assert take(tmp_path, "api", 0.0) is not None
    (tmp_path / FILE).write_bytes(b"no database")
    turns = Turns(tmp_path)
    turns.leave_alone("api", 300)
    turns.close()
    assert take(tmp_path, "api", 0.0, within_s=5) is None


def test_one_connection_at_a_time_means_the_next_waits_for_the_end(tmp_path: Path) -> None:
    def one(number: int) -> tuple[float, float]:
        async def main() -> tuple[float, float]:
            turns = Turns(tmp_path)
            turn = await turns.take("arxiv", 0.01, within_s=120, alone_for_s=60)
            assert turn is not None
            await asyncio.sleep(0.05)
            ended = time.time()
            turns.done(turn)
            turns.close()
            return turn.at, ended

        return asyncio.run(main())

    with ThreadPoolExecutor(4) as pool:
        spans = sorted(pool.map(one, range(6)))
    assert all(begun >= ended for (_, ended), (begun, _) in pairwise(spans))


def test_one_who_died_with_its_turn_holds_nobody_up_for_ever(tmp_path: Path) -> None:
    assert take(tmp_path, "arxiv", 0.01, alone_for_s=0.3) is not None
    assert take(tmp_path, "arxiv", 0.01, alone_for_s=0.3) is not None


def test_one_who_took_longer_than_its_turn_ends_nobody_elses(tmp_path: Path) -> None:
    async def main() -> bool:
        turns = Turns(tmp_path)
        late = await turns.take("arxiv", 0.01, within_s=120, alone_for_s=0.05)
        assert await turns.take("arxiv", 0.01, within_s=120, alone_for_s=600) is not None
        assert late is not None
        turns.done(late)
        third = await turns.take("arxiv", 0.01, within_s=0)
        turns.close()
        return third is None

    assert asyncio.run(main())


def test_a_file_that_somebody_keeps_locked_holds_nobody_beyond_their_time(tmp_path: Path) -> None:
    assert take(tmp_path, "api", 0.01) is not None
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        async def main() -> float:
            turns = Turns(tmp_path)
            began = time.monotonic()
            assert await turns.take("api", 0.01, within_s=0.5) is None
            turns.leave_alone("api", 300)
            turns.close()
            return time.monotonic() - began

        assert asyncio.run(main()) < 20
        other.execute("COMMIT")
    assert take(tmp_path, "api", 0.01) is not None


def test_one_who_reads_the_file_for_long_keeps_no_turn_open(tmp_path: Path) -> None:
    assert take(tmp_path, "api", 0.01) is not None

    async def main() -> None:
        turns = Turns(tmp_path)
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM turns").fetchall()
            assert await turns.take("api", 0.01, within_s=0.5) is None
            other.execute("COMMIT")
        assert await turns.take("api", 0.01, within_s=60) is not None
        turns.close()

    asyncio.run(main())


def test_one_cancelled_while_its_turn_is_granted_is_not_alone_with_the_host(tmp_path: Path) -> None:
    class Slow(Turns):
        def _try(self, host: str, interval_s: float, alone_for_s: float) -> Turn | float:
            found = super()._try(host, interval_s, alone_for_s)
            granted.set()
            assert cancelled.wait(60)
            return found

    granted, cancelled = threading.Event(), threading.Event()

    async def main() -> None:
        turns = Slow(tmp_path)
        asking = asyncio.ensure_future(turns.take("arxiv", 0.01, within_s=60, alone_for_s=600))
        assert await asyncio.to_thread(granted.wait, 60)
        asking.cancel()
        await asyncio.sleep(0)
        cancelled.set()
        with pytest.raises(asyncio.CancelledError):
            await asking
        turns.close()

    asyncio.run(main())
    assert take(tmp_path, "arxiv", 0.01, within_s=10) is not None


def test_a_clock_that_was_put_back_stops_nobody(tmp_path: Path) -> None:
    assert take(tmp_path, "api", 0.05) is not None
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE turns SET last = ?", (time.time() + 86_400,))
    connection.close()
    assert take(tmp_path, "api", 0.05, within_s=30) is not None


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:4500]),
    "empty": lambda file: file.write_bytes(b""),
    "overwritten": lambda file: file.write_bytes(b"no database at all " * 500),
    "of other tables": lambda file: tables(file, "DROP TABLE turns; CREATE TABLE turns (host TEXT)"),
    "of other values": lambda file: tables(file, "UPDATE turns SET last = 'yesterday'"),
}


def tables(file: Path, statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(statements)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_begun_anew_and_gives_no_turn_before_its_time(tmp_path: Path, damage: str) -> None:
    for host in ("api", "arxiv"):
        assert take(tmp_path, host, 0.5) is not None
    DAMAGES[damage](tmp_path / FILE)
    damaged = time.time()
    turn = take(tmp_path, "api", 0.5)
    assert turn is not None
    assert turn - damaged >= 0.5, "a turn may have been given just before"
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE.replace(".sqlite", ".lock"), FILE]


def test_a_file_begun_anew_lets_whoever_may_be_alone_with_a_host_come_to_an_end(tmp_path: Path) -> None:
    assert take(tmp_path, "arxiv", 0.01, alone_for_s=0.5) is not None
    (tmp_path / FILE).write_bytes(b"no database at all")
    damaged = time.time()
    turn = take(tmp_path, "arxiv", 0.01, alone_for_s=0.5)
    assert turn is not None
    assert turn - damaged >= 0.5


def test_a_file_begun_anew_under_a_clock_that_was_put_back_since_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all")
    assert take(tmp_path, "api", 0.05) is not None
    tables(tmp_path / FILE, f"UPDATE turns SET last = {time.time() + 86_400}")
    assert take(tmp_path, "other", 0.05, within_s=30, alone_for_s=0.05) is not None


def test_processes_keep_to_one_rate_while_their_file_is_damaged_again_and_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(INTERVAL_S)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    damages = 0
    while any(process.poll() is None for process in processes):
        time.sleep(INTERVAL_S * 3)
        if (tmp_path / FILE).exists():
            (tmp_path / FILE).write_bytes(b"no database at all " * 500)
            damages += 1
    times = sorted(float(at) for process in processes for at in process.communicate()[0].split())
    assert [process.returncode for process in processes] == [0, 0]
    assert len(times) == 2 * 4 * 3
    assert damages > 1
    assert min(later - sooner for sooner, later in pairwise(times)) >= INTERVAL_S - 1e-6


def test_a_place_where_no_file_can_be_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    (tmp_path / FILE / "something").touch()
    with pytest.raises(StoreError, match=r"cannot be used: .*set XDG_CACHE_HOME"):
        take(tmp_path, "api", 0.01)


SENDER = """
import asyncio, os, sys
from concurrent.futures import ThreadPoolExecutor
from peercycle.agents.literature.semantic_scholar import SemanticScholar, SemanticScholarSettings

def work(number):
    async def main():
        async with SemanticScholar(SemanticScholarSettings(url=sys.argv[1])) as source:
            await source.search(f"query {os.getpid()} {number}")
    asyncio.run(main())

with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, range(8)))
"""


@pytest.mark.prove
def test_semantic_scholar_is_sent_one_request_a_second_by_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with WebService([Reply.of({"total": 0, "offset": 0})]) as service:
        command = [sys.executable, "-c", SENDER, service.url]
        processes = [subprocess.Popen(command) for _ in range(2)]
        assert [process.wait(timeout=600) for process in processes] == [0, 0]
        arrivals = sorted(received.at for received in service.received)
    assert len(arrivals) == 16
    # A turn is given at least a second after the one before; only how long each takes to arrive is this machine's.
    assert arrivals[-1] - arrivals[0] >= 15 - 1.0
