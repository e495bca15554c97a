"""Checkpoints that are hostile, damaged or gone: nothing of them runs, and nothing of the run is lost."""

from __future__ import annotations

import asyncio
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langgraph.checkpoint.serde.jsonplus import (
    EXT_CONSTRUCTOR_KW_ARGS,
    EXT_CONSTRUCTOR_POS_ARGS,
    EXT_CONSTRUCTOR_SINGLE_ARG,
    JsonPlusSerializer,
)

from peercycle.core.errors import DamagedRunError
from peercycle.graphs import checkpoint_file, fenced_saver
from peercycle.graphs.driver import resume
from peercycle.graphs.plainrows import PlainRows
from peercycle.graphs.state import check_updates
from peercycle.store.directory import read_run

CALLS: dict[str, tuple[int, Callable[[str], tuple[Any, ...]]]] = {
    "one argument": (EXT_CONSTRUCTOR_SINGLE_ARG, lambda command: ("subprocess", "getoutput", command)),
    "arguments": (EXT_CONSTRUCTOR_POS_ARGS, lambda command: ("os", "system", (command,))),
    "names": (EXT_CONSTRUCTOR_KW_ARGS, lambda command: ("subprocess", "getoutput", {"cmd": command})),
}


def crafted(kind: str, canary: Path) -> ormsgpack.Ext:
    code, call = CALLS[kind]
    return ormsgpack.Ext(code, ormsgpack.packb(call(f"touch {canary}")))


def plant(path: Path, place: str, value: Any) -> None:
    """Put a value into every checkpoint's state, or beside each into what a task wrote after it."""
    serde = JsonPlusSerializer(allowed_msgpack_modules=[])
    with closing(sqlite3.connect(path / "checkpoints.sqlite")) as connection:
        if place == "write":
            connection.execute(
                "INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value) "
                "SELECT thread_id, checkpoint_ns, checkpoint_id, 'task', 0, 'run', ?, ? FROM checkpoints",
                serde.dumps_typed(value),
            )
        else:
            for row, kind, body in connection.execute("SELECT rowid, type, checkpoint FROM checkpoints").fetchall():
                state = serde.loads_typed((kind, body))
                state["channel_values"]["run"] = value
                packed = serde.dumps_typed(state)[1]
                connection.execute("UPDATE checkpoints SET checkpoint = ? WHERE rowid = ?", (packed, row))
        assert connection.total_changes > 0
        connection.commit()


@pytest.mark.parametrize(("kind", "place"), [("one argument", "state"), ("arguments", "write"), ("names", "state")])
def test_a_row_that_would_call_a_function_is_refused_and_calls_nothing(
    stopped: Any, kept: Any, artefacts: Any, undisturbed: set[str], tmp_path: Path, kind: str, place: str
) -> None:
    canary = tmp_path / "canary"
    plant(stopped.path, place, crafted(kind, canary))
    before = kept(stopped.path)
    with pytest.raises(DamagedRunError, match=r"checkpoints\.sqlite' is damaged \(a row would call ") as caught:
        asyncio.run(resume(stopped.path, stopped.plugins))
    assert "\n" not in str(caught.value)
    assert "move it away and resume" in str(caught.value)
    assert not canary.exists()
    assert kept(stopped.path) == before
    # What the message advises is enough: the journal has all that was done.
    (stopped.path / "checkpoints.sqlite").rename(tmp_path / "aside.sqlite")
    assert asyncio.run(resume(stopped.path, stopped.plugins)).status == "finished"
    assert artefacts(stopped.path) == undisturbed
    assert not canary.exists()


@pytest.mark.parametrize("kind", CALLS)
def test_with_langgraphs_own_serializer_the_same_row_does_run(
    stopped: Any, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    plant(stopped.path, "state", crafted(kind, canary))
    for reader in (checkpoint_file, fenced_saver):
        monkeypatch.setattr(reader, "PlainRows", JsonPlusSerializer)
    with suppress(Exception):
        asyncio.run(resume(stopped.path, stopped.plugins))
    assert canary.exists()


def test_what_a_call_inside_an_allowed_word_hides_is_seen(stopped: Any, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    inner = crafted("one argument", canary)
    send = ("langgraph.types", "Send", ("draft", {"candidate": inner}))
    plant(stopped.path, "state", ormsgpack.Ext(EXT_CONSTRUCTOR_POS_ARGS, ormsgpack.packb(send)))
    with pytest.raises(DamagedRunError, match=r"a row would call 'subprocess\.getoutput'"):
        asyncio.run(resume(stopped.path, stopped.plugins))
    assert not canary.exists()


class Touches:
    """What pickle would do."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


def test_no_other_encoding_is_read(stopped: Any, kept: Any, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    hostile = {
        "json": b'{"lc": 1, "type": "secret", "id": ["HOME"]}',
        "pickle": pickle.dumps(Touches(canary)),
    }
    for encoding, body in hostile.items():
        with closing(sqlite3.connect(stopped.path / "checkpoints.sqlite")) as connection:
            connection.execute("UPDATE checkpoints SET type = ?, checkpoint = ?", (encoding, body))
            connection.commit()
        before = kept(stopped.path)
        with pytest.raises(DamagedRunError, match=f"encoded as '{encoding}', which peercycle never writes"):
            asyncio.run(resume(stopped.path, stopped.plugins))
        assert kept(stopped.path) == before
    assert not canary.exists()
    pickle.loads(hostile["pickle"])
    assert canary.exists()


def damage(file: Path, how: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(file.read_bytes())
    if how == "header":
        data[:100] = b"?" * 100
    elif how == "middle":
        data[4096:] = b"\xff" * (len(data) - 4096)
    elif how == "cut":
        del data[len(data) // 2 + 100 :]
    elif how == "prose":
        data = bytearray(b"no database at all\n" * 400)
    file.write_bytes(data)


@pytest.mark.parametrize("how", ["header", "middle", "cut", "prose"])
def test_damaged_checkpoints_are_named_and_the_journal_answers_once_they_are_away(
    stopped: Any, kept: Any, artefacts: Any, undisturbed: set[str], how: str
) -> None:
    file = stopped.path / "checkpoints.sqlite"
    damage(file, how)
    before, body = kept(stopped.path), file.read_bytes()
    with pytest.raises(DamagedRunError, match=r"checkpoints\.sqlite' is damaged .*move it away and resume") as caught:
        asyncio.run(resume(stopped.path, stopped.plugins))
    assert "\n" not in str(caught.value)
    assert (kept(stopped.path), file.read_bytes()) == (before, body)
    file.unlink()
    assert asyncio.run(resume(stopped.path, stopped.plugins)).status == "finished"
    assert artefacts(stopped.path) == undisturbed


def log_of_a_killed_driver(file: Path) -> bytes:
    """Return what lies beside the checkpoints of a driver that was killed after many writes and one more."""
    with closing(sqlite3.connect(file)) as connection:
        row = "INSERT INTO checkpoints VALUES ('t', '', ?, NULL, 'x', ?, '')"
        connection.executemany(row, [(str(number), bytes(3000)) for number in range(300)])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        connection.execute(row, ("last", bytes(3000)))
        connection.commit()
        return file.with_name(f"{file.name}-wal").read_bytes()


@pytest.mark.parametrize("how", ["deleted", "emptied", "moved from beside the log of a killed driver"])
def test_without_checkpoints_the_run_begins_anew_from_its_journal(
    stopped: Any, artefacts: Any, undisturbed: set[str], how: str
) -> None:
    async def done() -> dict[Any, int]:
        rows = await read_run(stopped.path).rows("effects")
        key = ("candidate", "stage", "visit", "kind", "request_sha256", "occurrence")
        settled = [row for row in rows if row["state"] == "settled"]
        return {tuple(row[column] for column in key): int(str(row["attempts"])) for row in settled}

    earlier = asyncio.run(done())
    assert earlier
    left = log_of_a_killed_driver(stopped.path / "checkpoints.sqlite") if how.startswith("moved") else b""
    for file in stopped.path.glob("checkpoints.sqlite*"):
        file.unlink()
    if how == "emptied":
        (stopped.path / "checkpoints.sqlite").touch()
    if left:
        (stopped.path / "checkpoints.sqlite-wal").write_bytes(left)
    assert asyncio.run(resume(stopped.path, stopped.plugins)).status == "finished"
    assert artefacts(stopped.path) == undisturbed
    later = asyncio.run(done())
    assert {key: later[key] for key in earlier} == earlier


class Mood(StrEnum):
    """A text that has a type of its own."""

    CALM = "calm"


def test_what_a_stage_returns_is_kept_as_plain_json_before_a_crash_as_after_it() -> None:
    rows = PlainRows()
    returned = {"mood": Mood.CALM, "seen": {1: ("a", "b")}}
    kept = check_updates("feel", returned, frozenset(returned))
    assert rows.loads_typed(rows.dumps_typed(kept)) == kept == {"mood": "calm", "seen": {"1": ["a", "b"]}}
    assert type(kept["mood"]) is str
    # As it was returned, the checkpoint would name the plugin's type, and no resume would take it.
    with pytest.raises(ValueError, match=r"a row would call '.*\.Mood'"):
        rows.loads_typed(rows.dumps_typed(returned))
