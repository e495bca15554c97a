"""Runs that cannot go on as they are: each says what is wrong, and goes on once that is mended."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import DamagedRunError, FingerprintError, RunVersionError
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.graphs.many import start_many
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run


def cut(file: Path) -> None:
    for name in ("run.sqlite-wal", "run.sqlite-shm"):
        file.with_name(name).unlink(missing_ok=True)
    file.write_bytes(file.read_bytes()[:5000])


def version_7(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 7")
        connection.commit()


def record_99(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 99}))


Harm = Callable[[Path], None]
HARMS: dict[str, tuple[str, Harm, type[Exception], str]] = {
    "run.json of garbage": ("run.json", lambda f: _write(f, b"\x00\xffgarbage"), DamagedRunError, "is damaged"),
    "run.json deleted": ("run.json", Path.unlink, DamagedRunError, "is missing"),
    "run.json of another version": (
        "run.json",
        record_99,
        RunVersionError,
        "has format 99, and this version reads 1",
    ),
    "database cut off": ("run.sqlite", cut, DamagedRunError, "is damaged"),
    "database of prose": ("run.sqlite", lambda f: _write(f, b"prose " * 2000), DamagedRunError, "is damaged"),
    "database deleted": ("run.sqlite", Path.unlink, DamagedRunError, "is missing"),
    "database of another version": (
        "run.sqlite",
        version_7,
        RunVersionError,
        "has format 7, and this version reads 2",
    ),
}


def _write(file: Path, body: bytes) -> None:
    file.write_bytes(body)


def files(path: Path) -> dict[str, bytes]:
    """Return every file but the locks and what SQLite keeps beside a database."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != "lease" and not file.name.endswith(("-shm", "-wal"))
    }


@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_run_is_refused_and_left_as_it_is(stopped: Any, harm: str) -> None:
    name, do, error, says = HARMS[harm]
    with closing(sqlite3.connect(stopped.path / "run.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    do(stopped.path / name)
    before = files(stopped.path)
    with pytest.raises(error, match=says) as caught:
        asyncio.run(resume(stopped.path, stopped.plugins))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(stopped.path) == before


def body_named(path: Path, name: str) -> Path:
    rows = asyncio.run(read_run(path).rows("artifacts"))
    (ref,) = {str(row["ref"]) for row in rows if row["name"] == name}
    return read_run(path).artifacts.path(ref)


@pytest.mark.parametrize("how", ["missing", "of other bytes"])
def test_a_stage_whose_artefact_is_gone_ends_the_run_with_its_name_and_goes_on_once_it_is_back(
    stopped: Any, artefacts: Any, undisturbed: set[str], how: str
) -> None:
    outline = body_named(stopped.path, "Outline.json")
    body = outline.read_bytes()
    outline.unlink() if how == "missing" else outline.write_bytes(b"{}")
    before = asyncio.run(read_run(stopped.path).rows("effects"))
    ended = asyncio.run(resume(stopped.path, stopped.plugins))
    assert (ended.status, ended.reason) == ("failed", "error")
    assert outline.name in ended.message
    assert "restore" in ended.message
    assert "\n" not in ended.message
    assert asyncio.run(read_run(stopped.path).rows("effects"))[: len(before)] == before
    assert (stopped.path / "report.json").exists()
    outline.write_bytes(body)
    assert asyncio.run(resume(stopped.path, stopped.plugins)).status == "finished"
    assert artefacts(stopped.path) == undisturbed


def test_without_its_task_a_run_is_refused_and_its_lease_is_free_again(stopped: Any, kept: Any) -> None:
    task = body_named(stopped.path, "task")
    body = task.read_bytes()
    task.unlink()
    before = kept(stopped.path)
    for _ in range(2):
        with pytest.raises(DamagedRunError, match=rf"{task.name}.* is missing .*restore"):
            asyncio.run(resume(stopped.path, stopped.plugins))
    assert kept(stopped.path) == before
    task.write_bytes(body)
    assert asyncio.run(resume(stopped.path, stopped.plugins)).status == "finished"


LISTENER = """
from peercycle import hookimpl


@hookimpl
def on_run_end(event):
    pass
"""


class Ageing:
    """One more plugin."""

    @hookimpl
    def on_run_end(self, event: Any) -> None:
        return


def changed(path: Path) -> None:
    """Let the record say other content settings than the run was begun with."""
    file = path / "run.json"
    record = json.loads(file.read_text())
    record["options"]["seed"] = 41
    record["options"]["settings"] = {"policies": {"kit-policy": {"effects": 3}}}
    file.write_text(json.dumps(record))


def test_what_decides_the_content_is_named_where_it_changed_and_may_be_accepted(stopped: Any, kept: Any) -> None:
    changed(stopped.path)
    before = kept(stopped.path)
    plugins = stopped.load(Ageing())
    with pytest.raises(FingerprintError) as caught:
        asyncio.run(resume(stopped.path, plugins))
    line = str(caught.value)
    assert "\n" not in line
    assert "seed: 0 -> 41" in line
    assert "policy.settings.effects: null -> 3" in line
    assert "plugins.Ageing: null -> " in line
    assert "--accept-changes" in line
    assert kept(stopped.path) == before

    finished = asyncio.run(resume(stopped.path, plugins, accept_changes=True))
    assert finished.status == "finished"
    record = asyncio.run(read_run(stopped.path).record())
    (extension,) = record.extensions
    accepted = extension.changes["accepted"]
    assert isinstance(accepted, list)
    assert [str(entry).partition(":")[0] for entry in accepted] == [
        "plugins.Ageing",
        "policy.settings.effects",
        "seed",
    ]
    # Accepted once, it is the run's own: nothing is left to refuse.
    assert asyncio.run(resume(stopped.path, plugins)).status == "finished"


def test_a_plugin_of_another_version_is_named_alone(
    task: ResearchTask,
    options: Callable[..., RunOptions],
    tapped: Any,
    kit: Callable[..., Plugins],
    kept: Any,
    tmp_path: Path,
) -> None:
    tap, _ = tapped(1)
    file = tmp_path / "ageing.py"
    file.write_text("VERSION = 1\n" + LISTENER)
    given = options(literature=("tap",), candidates=1)
    path = asyncio.run(start(task, given, kit(tap, files=[str(file)]))).path
    before = kept(path)
    file.write_text("VERSION = 2\n" + LISTENER)
    with pytest.raises(FingerprintError, match=r"\(plugins\.ageing: [^;]+ -> [^;]+\); begin a new run") as caught:
        asyncio.run(resume(path, kit(tap, files=[str(file)])))
    assert "\n" not in str(caught.value)
    assert kept(path) == before


def test_one_broken_run_of_a_process_takes_no_other_with_it(
    task: ResearchTask, options: Callable[..., RunOptions], kit: Callable[..., Plugins], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    failing = {"policies": {"kit-policy": {"fail_stage": "write"}}}
    homeless = options(run_id="homeless").model_copy(update={"runs_dir": str(tmp_path / "taken" / "runs")})
    jobs = [
        (task, options(run_id="whole")),
        (task, options(run_id="failing", settings=failing)),
        (task, homeless),
        (task, options(run_id="nameless", policy="nobody")),
        (task, options(run_id="last")),
    ]
    outcomes = asyncio.run(start_many(jobs, kit(), parallel=2))
    assert [outcome.status for outcome in outcomes] == ["finished", "failed", "failed", "failed", "finished"]
    assert "scripted to fail at 'write'" in outcomes[1].message
    assert "taken" in outcomes[2].message
    assert "no policy is called 'nobody'" in outcomes[3].message
    assert all("\n" not in outcome.message for outcome in outcomes)
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"whole", "failing", "last"}
    assert (tmp_path / "taken").read_text() == "a file"
