"""A replay needs the journal and nothing else: no process that ran it, no network, no model, no sandbox."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.graphs.crash import small_cycle

from peercycle import hookimpl
from peercycle.core.contracts import StageContext
from peercycle.core.errors import FingerprintError, PluginError, ReplayDivergedError
from peercycle.core.reviews import Assessment, Review, Reward, Submission
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import resume, start
from peercycle.graphs.replay import replay
from peercycle.plugins.manager import Plugins
from peercycle.store.lease import holder

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]

REPLAY = """
import asyncio, json, socket, sys
from pathlib import Path

class Refused(BaseException):
    pass

def refuse(*_, **__):
    raise Refused("a replay opened a socket")

socket.create_connection = socket.getaddrinfo = refuse
from peercycle.graphs.replay import replay
from peercycle.sandbox.bubblewrap import BubblewrapSandbox
from peercycle.agents.models.scripted import ScriptedModel
from tests.graphs.crash import small_cycle

sys.addaudithook(lambda event, args: refuse() if event in ("socket.connect", "socket.bind", "socket.sendto") else None)
for owner, names in ((BubblewrapSandbox, ("probe", "prepare", "run")), (ScriptedModel, ("generate",))):
    for name in names:
        setattr(owner, name, refuse)
sys.addaudithook(lambda event, args: refuse() if event in ("subprocess.Popen", "os.exec", "os.posix_spawn") else None)

async def main():
    found = await replay(Path(sys.argv[1]), small_cycle.plugins(), keep=Path(sys.argv[2]))
    print(json.dumps([found.path.name, found.versions, found.effects, list(found.differences)]))

asyncio.run(main())
"""


def replayed(run: Path, keep: Path, repository: Path) -> Any:
    """Replay in a fresh process that has no way out."""
    command = [sys.executable, "-c", REPLAY, str(run), str(keep)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def sandbox_passes() -> bool:
    from peercycle.core.sandboxing import ALL_GUARANTEES
    from peercycle.sandbox.bubblewrap import BubblewrapSandbox

    probed = asyncio.run(BubblewrapSandbox().probe())
    return probed.available and probed.guarantees >= ALL_GUARANTEES


def test_a_fresh_process_with_every_way_out_refused_makes_the_same_artefacts(
    tmp_path: Path, repository: Path
) -> None:
    sandbox = sandbox_passes()
    options = small_cycle.options(tmp_path / "runs", sandbox=sandbox)
    run = asyncio.run(start(small_cycle.task(), options, small_cycle.plugins()))
    name, versions, effects, differences = replayed(run.path, tmp_path / "replays", repository)
    assert name != run.run_id
    assert (versions, differences) == (3, [])
    assert effects > (40 if sandbox else 30)
    paper = Path("paper") / "paper.tex"
    assert (tmp_path / "replays" / name / paper).read_bytes() == (run.path / paper).read_bytes()


def test_a_change_of_what_was_journalled_is_a_difference(tmp_path: Path) -> None:
    options = small_cycle.options(tmp_path / "runs", sandbox=False)
    run = asyncio.run(start(small_cycle.task(), options, small_cycle.plugins()))
    with closing(sqlite3.connect(run.path / "run.sqlite")) as connection:
        changed = connection.execute(
            "UPDATE effects SET result = replace(result, 'sentence', 'word') WHERE kind = 'model' AND candidate = 'c0'"
        )
        assert changed.rowcount > 0
        connection.commit()
    found = asyncio.run(replay(run.path, small_cycle.plugins()))
    assert any(line.startswith("c0 of round 0: manuscript") for line in found.differences)


@pytest.mark.parametrize(
    ("stage", "kind", "says"),
    [("write", "model", "Sentence 2?"), ("related", "search", "kit-shelf"), ("finish", "judge", "title")],
)
def test_a_row_missing_from_the_journal_names_stage_and_request(
    tmp_path: Path, stage: str, kind: str, says: str
) -> None:
    options = small_cycle.options(tmp_path / "runs", sandbox=False)
    run = asyncio.run(start(small_cycle.task(), options, small_cycle.plugins()))
    with closing(sqlite3.connect(run.path / "run.sqlite")) as connection:
        rows = connection.execute(
            "SELECT effect_id FROM effects WHERE stage = ? AND kind = ? AND request LIKE ?",
            (stage, kind, f"%{says}%"),
        ).fetchall()
        assert rows
        connection.execute("DELETE FROM spending WHERE effect_id = ?", rows[-1])
        connection.execute("DELETE FROM effects WHERE effect_id = ?", rows[-1])
        connection.commit()
    with pytest.raises(ReplayDivergedError) as raised:
        asyncio.run(replay(run.path, small_cycle.plugins()))
    assert repr(stage) in str(raised.value)
    assert says in str(raised.value)


class ReadingJudge:
    """A judge whose request holds what it reads, as a model's does."""

    async def review(self, submission: Submission, ctx: StageContext) -> Assessment:
        assert submission.manuscript is not None
        asked = {"latex": submission.manuscript.latex}

        async def read() -> int:
            return len(asked["latex"])

        length = await ctx.effect("reading", {"latex": asked["latex"]}, read)
        assert isinstance(length, int)
        return Assessment(reviews=(Review(reviewer="reader", rating=length % 10),), machine_made="test")


class ReadingJudgePlugin:
    @hookimpl
    def register_reviewers(self, register: Any) -> None:
        register("reading-judge", lambda settings: ReadingJudge())


def test_an_extended_run_is_replayed_as_if_it_had_run_through(task: ResearchTask, options: Options, kit: Kit) -> None:
    judged = kit(ReadingJudgePlugin())
    run = asyncio.run(start(task, options(judge="reading-judge"), judged))
    more = asyncio.run(resume(run.path, judged, {"rounds": 3, "patience": 9}))
    assert more.rounds == 3
    assert asyncio.run(replay(run.path, judged)).differences == ()


def test_a_replay_under_other_settings_names_what_changed(task: ResearchTask, options: Options, kit: Kit) -> None:
    run = asyncio.run(start(task, options(), kit()))
    record = json.loads((run.path / "run.json").read_text())
    record["options"]["settings"] = {"policies": {"kit-policy": {"effects": 5}}}
    (run.path / "run.json").write_text(json.dumps(record))
    with pytest.raises(FingerprintError, match="settings"):
        asyncio.run(replay(run.path, kit()))


class FailsLater:
    """A reward that can be entered once."""

    def __init__(self) -> None:
        self.entered = 0

    @hookimpl
    def register_rewards(self, register: Any) -> None:
        register("fails-later", lambda settings: self)

    async def __aenter__(self) -> FailsLater:
        self.entered += 1
        if self.entered > 1:
            raise RuntimeError("no more")
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None

    async def score(self, submission: Submission, assessment: Assessment, ctx: StageContext) -> Reward:
        return Reward(value=1.0, n=1)


def test_a_replay_that_cannot_be_put_together_lets_its_run_go(
    tmp_path: Path, task: ResearchTask, options: Options, kit: Kit
) -> None:
    plugins = kit(FailsLater())
    run = asyncio.run(start(task, options(reward="fails-later"), plugins))
    with pytest.raises(PluginError, match="no more"):
        asyncio.run(replay(run.path, plugins, keep=tmp_path / "replays"))
    [begun] = (tmp_path / "replays").iterdir()
    assert holder(begun) is None
