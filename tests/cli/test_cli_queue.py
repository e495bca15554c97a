"""A queue of tasks: a launch and a done for each run, one report for all, and no failure that ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from peercycle.cli.following import Followers
from peercycle.cli.queue import Batch, _drive_all
from peercycle.cli.queue_report import QueueReport
from peercycle.cli.screens import JsonScreen, Launch
from peercycle.cli.tasks import QueuedTask
from peercycle.core.errors import StoreError
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.many import Outcome
from peercycle.plugins.manager import Plugins

Command = Callable[..., Any]


def write(folder: Path, *tasks: dict[str, Any] | str) -> None:
    lines = [task if isinstance(task, str) else json.dumps(task) for task in tasks]
    (folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")


def queue_of(folder: Path) -> Path:
    [found] = (folder / "runs").glob("queue-*")
    return found


def test_each_task_has_its_run_and_one_report_covers_all(peercycle: Command, folder: Path) -> None:
    write(
        folder,
        {"topic": "sorting networks", "bibliography": "refs.bib"},
        "",
        {"topic": "merging | in parallel", "bibliography": "refs.bib", "options": {"rounds": 0, "run_id": "named"}},
    )
    done = peercycle("run", "tasks.jsonl", "--parallel", "2", "--json")
    assert done.code == 0
    launches = [line for line in done.lines if line["event"] == "launch"]
    endings = [line for line in done.lines if line["event"] == "done"]
    assert done.lines[0]["event"] == "launch"
    assert done.lines[-1]["event"] == "done"
    assert {line["run_id"] for line in launches} == {line["run_id"] for line in endings}
    assert len(launches) == len(endings) == 2
    assert {line["run_id"]: line["rounds"] for line in endings}["named"] == 0
    report = json.loads((queue_of(folder) / "report.json").read_text())
    assert report["counts"] == {"finished": 2}
    assert [task["line"] for task in report["tasks"]] == [1, 3]
    page = (queue_of(folder) / "report.md").read_text()
    assert "merging \\| in parallel" in page
    for task in report["tasks"]:
        assert (queue_of(folder) / ".." / Path(task["path"]).name / "report.md").is_file()


def test_a_file_of_tasks_may_begin_with_a_byte_order_mark(peercycle: Command, folder: Path) -> None:
    line = json.dumps({"topic": "sorting networks", "bibliography": "refs.bib", "options": {"rounds": 0}})
    (folder / "tasks.jsonl").write_text(line + "\n", encoding="utf-8-sig")
    done = peercycle("run", "tasks.jsonl", "--json")
    assert (done.code, done.err) == (0, "")


def test_one_failure_never_ends_the_queue(peercycle: Command, folder: Path) -> None:
    failing = {"settings": {"policies": {"scripted": {"fail_stage": "write"}}}, "run_id": "bad"}
    taken = {"run_id": "taken"}
    (folder / "runs" / "taken").mkdir(parents=True)
    (folder / "runs" / "taken" / "mine.txt").write_text("mine\n")
    write(
        folder,
        {"topic": "fails", "bibliography": "refs.bib", "options": failing},
        {"topic": "never begins", "bibliography": "refs.bib", "options": taken},
        {"topic": "works", "bibliography": "refs.bib", "options": {"run_id": "good"}},
    )
    done = peercycle("run", "tasks.jsonl", "--parallel", "1", "--json")
    assert done.code == 1
    endings = {line["run_id"]: line["status"] for line in done.lines if line["event"] == "done"}
    assert endings == {"bad": "failed", "good": "finished"}
    [error] = [line for line in done.lines if line["event"] == "error"]
    assert (error["line"], "exists already" in error["message"]) == (2, True)
    report = json.loads((queue_of(folder) / "report.json").read_text())
    assert report["counts"] == {"failed": 2, "finished": 1}
    assert "- line 1 failed" in (queue_of(folder) / "report.md").read_text()
    assert (folder / "runs" / "taken" / "mine.txt").read_text() == "mine\n"


def test_every_bad_line_is_named_before_anything_starts(peercycle: Command, folder: Path) -> None:
    (folder / "empty.bib").write_text("")
    write(
        folder,
        {"topic": "fine", "bibliography": "refs.bib"},
        "{",
        "[1]",
        {"bibliography": "refs.bib"},
        {"topic": "x", "bibliografy": "refs.bib"},
        {"topic": "x", "bibliography": "absent.bib"},
        {"topic": "x", "bibliography": "empty.bib"},
        {"topic": "x", "bibliography": "refs.bib", "options": {"rounds": -1}},
        {"topic": "x", "bibliography": "refs.bib", "options": {"run_id": "a"}},
        {"topic": "x", "bibliography": "refs.bib", "options": {"run_id": "a"}},
        {"topic": "x"},
        {"topic": 5, "bibliography": "refs.bib"},
    )
    done = peercycle("run", "tasks.jsonl")
    assert (done.code, done.out) == (2, "")
    for words in (
        "line 2: is not JSON",
        "line 3: is no JSON object",
        "line 4: has no topic",
        "line 5: has no key 'bibliografy'; did you mean 'bibliography'?",
        "line 6: cannot read",
        "line 7: ",
        "line 8: --rounds -1: must be at least 0",
        "line 10: run id 'a' is that of line 9",
        "line 11: there is nothing to start from",
        "line 12: topic is 5, and must be text",
    ):
        assert words in done.err
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--topic", "x"], "--topic, --experiment and --data belong into the lines of tasks.jsonl"),
        (["--run-id", "x"], "--run-id names one run"),
    ],
)
def test_what_belongs_into_the_lines_is_refused_as_a_flag(
    peercycle: Command, folder: Path, arguments: list[str], words: str
) -> None:
    write(folder, {"topic": "fine", "bibliography": "refs.bib"})
    done = peercycle("run", "tasks.jsonl", *arguments)
    assert (done.code, words in done.err) == (2, True)


def test_a_queue_of_which_no_task_can_begin_is_refused_before_a_folder_is_made(
    peercycle: Command, folder: Path
) -> None:
    needs_model = {"topic": "sorting", "bibliography": "refs.bib", "options": {"policy": "prompted"}}
    write(folder, needs_model, needs_model)
    done = peercycle("run", "tasks.jsonl")
    assert (done.code, "the policy 'prompted' asks a language model, and none is configured" in done.err) == (2, True)
    assert not (folder / "runs").exists()
    write(folder, needs_model, {"topic": "sorting", "bibliography": "refs.bib"})
    assert peercycle("run", "tasks.jsonl").code == 1
    assert json.loads((queue_of(folder) / "report.json").read_text())["counts"] == {"failed": 1, "finished": 1}


def test_a_queue_without_tasks_or_file_is_refused(peercycle: Command, folder: Path) -> None:
    write(folder, "")
    assert "holds no task" in peercycle("run", "tasks.jsonl").err
    assert "cannot read 'absent.jsonl'" in peercycle("run", "absent.jsonl").err


def test_a_queue_in_a_pipe_says_which_run_each_line_is_of(peercycle: Command, folder: Path) -> None:
    write(folder, {"topic": "sorting networks", "bibliography": "refs.bib", "options": {"run_id": "one"}})
    lines = peercycle("run", "tasks.jsonl").out.splitlines()
    assert lines[0] == "[one] policy: scripted"
    assert "[one] run one in runs/one: sorting networks" in lines
    assert lines[-1].startswith("report of all 1: runs/queue-")


def test_rm_removes_a_queue_that_nobody_drives_and_leaves_its_runs(peercycle: Command, folder: Path) -> None:
    from peercycle.store.lease import take_lease

    write(folder, {"topic": "sorting networks", "bibliography": "refs.bib", "options": {"run_id": "one"}})
    peercycle("run", "tasks.jsonl")
    queue = queue_of(folder)
    lease = take_lease(queue)
    try:
        assert "is being driven" in peercycle("rm", queue.name, "--yes").err
    finally:
        lease.release()
    assert peercycle("rm", queue.name, "--yes", "--json").json == {
        "queue": queue.name,
        "path": f"runs/{queue.name}",
        "removed": True,
    }
    assert [path.name for path in (folder / "runs").iterdir()] == ["one"]


def test_bad_lines_can_be_skipped_and_the_report_names_them(peercycle: Command, folder: Path) -> None:
    write(
        folder,
        {"topic": "fine", "bibliography": "refs.bib", "options": {"run_id": "a"}},
        "{",
        {"topic": "again", "bibliography": "refs.bib", "options": {"run_id": "a"}},
    )
    assert "--skip-bad" in peercycle("run", "tasks.jsonl").err
    done = peercycle("run", "tasks.jsonl", "--skip-bad", "--json")
    assert done.code == 0
    assert [line["run_id"] for line in done.lines if line["event"] == "done"] == ["a"]
    assert "line 2 is skipped: is not JSON" in done.err
    page = (queue_of(folder) / "report.md").read_text()
    assert "- line 2 skipped: is not JSON" in page
    assert "- line 3 skipped: run id 'a' is that of line 1" in page
    write(folder, "{")
    assert peercycle("run", "tasks.jsonl", "--skip-bad").code == 2


def make_dead(queue: Path, folder: Path, *, crashed: str, absent: str) -> None:
    """Leave a queue as a kill leaves it: one run without an ending, one task without a run."""
    state = json.loads((queue / "queue.json").read_text())
    for row in state["tasks"]:
        row["status"] = {crashed: "running", absent: "queued"}.get(row["run_id"], row["status"])
    (queue / "queue.json").write_text(json.dumps(state))
    record = folder / "runs" / crashed / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"terminal": None}))
    (folder / "runs" / absent).rename(folder / f"{absent}-away")


def test_a_dead_queue_is_listed_and_resumed_to_its_end(peercycle: Command, folder: Path) -> None:
    write(
        folder,
        *[{"topic": f"topic {n}", "bibliography": "refs.bib", "options": {"run_id": f"t{n}"}} for n in range(3)],
    )
    assert peercycle("run", "tasks.jsonl", "--parallel", "1").code == 0
    queue = queue_of(folder)
    kept = (folder / "runs" / "t0" / "run.json").read_bytes()
    make_dead(queue, folder, crashed="t1", absent="t2")
    # The file of tasks and where it was run from are needed no more.
    (folder / "tasks.jsonl").unlink()
    [listed] = peercycle("status", "--json").json["queues"]
    assert (listed["status"], listed["counts"]) == ("crashed", {"crashed": 1, "finished": 1, "not begun": 1})
    assert f"go on with: peercycle resume runs/{queue.name}" in peercycle("status", queue.name).out
    assert peercycle("report", str(queue)).code == 0
    assert "1 crashed, 1 finished, 1 not begun" in (queue / "report.md").read_text()

    done = peercycle("resume", str(queue), "--json")
    assert done.code == 0, done.err
    assert sorted(line["run_id"] for line in done.lines if line["event"] == "done") == ["t1", "t2"]
    assert json.loads((queue / "report.json").read_text())["counts"] == {"finished": 3}
    assert "What is left" not in (queue / "report.md").read_text()
    assert (folder / "runs" / "t0" / "run.json").read_bytes() == kept
    again = peercycle("resume", queue.name)
    assert (again.code, "nothing is left" in again.out) == (0, True)


def test_a_resumed_queue_goes_by_new_limits_and_leaves_the_runs_of_others_alone(
    peercycle: Command, folder: Path
) -> None:
    (folder / "runs" / "taken").mkdir(parents=True)
    (folder / "runs" / "taken" / "mine.txt").write_text("mine\n")
    write(
        folder,
        {"topic": "one", "bibliography": "refs.bib", "options": {"run_id": "one", "rounds": 0}},
        {"topic": "two", "bibliography": "refs.bib", "options": {"run_id": "taken"}},
    )
    assert peercycle("run", "tasks.jsonl").code == 1
    done = peercycle("resume", queue_of(folder).name, "--rounds", "1", "--json")
    assert done.code == 1
    assert [line["rounds"] for line in done.lines if line["event"] == "done"] == [1]
    [error] = [line for line in done.lines if line["event"] == "error"]
    assert "exists already" in error["message"]
    assert [path.name for path in (folder / "runs" / "taken").iterdir()] == ["mine.txt"]


def test_a_queue_that_is_driven_or_damaged_is_refused(peercycle: Command, folder: Path) -> None:
    from peercycle.store.lease import take_lease

    write(folder, {"topic": "one", "bibliography": "refs.bib"})
    peercycle("run", "tasks.jsonl")
    queue = queue_of(folder)
    lease = take_lease(queue)
    try:
        assert peercycle("resume", queue.name).err.startswith(f"error: {queue.name!r} is driven by process")
        assert peercycle("status", queue.name, "--json").json["status"] == "running"
    finally:
        lease.release()
    (queue / "tasks.json").write_text("{}")
    assert "is damaged" in peercycle("resume", queue.name).err
    (queue / "queue.json").write_text("[]")
    assert "is damaged" in peercycle("status", queue.name).err
    assert peercycle("status").code == 0


def test_a_queues_report_is_written_whole_by_several_threads(tmp_path: Path) -> None:
    report = QueueReport(
        tmp_path, "tasks.jsonl", 0.0, [{"line": n, "topic": "t", "status": "queued"} for n in range(8)]
    )

    def begin(number: int) -> None:
        for _ in range(10):
            report.launched(number, Launch(f"r{number}", tmp_path / f"r{number}", ()))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(begin, range(8)))
    told = json.loads((tmp_path / "queue.json").read_text())
    assert told["counts"] == {"running": 8}
    assert [row["run_id"] for row in told["tasks"]] == [f"r{number}" for number in range(8)]


def test_a_report_that_cannot_be_written_leaves_nothing_open_and_no_ending_untold(
    peercycle: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        folder,
        *[{"topic": f"topic {n}", "bibliography": "refs.bib", "options": {"run_id": f"t{n}"}} for n in range(2)],
    )
    ended, left = QueueReport.ended, []

    def no_room_for_the_first(self: QueueReport, index: int, *told: Any) -> None:
        if index == 0:
            raise StoreError("no space left")
        ended(self, index, *told)

    async def noted(self: object) -> None:
        left.append(type(self).__name__)

    monkeypatch.setattr(QueueReport, "ended", no_room_for_the_first)
    monkeypatch.setattr(Followers, "end_all", noted)
    monkeypatch.setattr(Plugins, "close", noted)
    done = peercycle("run", "tasks.jsonl", "--json")
    assert (done.code, done.lines[-1]) == (1, {"event": "error", "message": "no space left"})
    assert [line["run_id"] for line in done.lines if line["event"] == "done"] == ["t1"]
    assert left == ["Followers", "Plugins"]


def test_a_queue_that_is_cancelled_while_endings_are_told_calls_them_off_before_it_closes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    async def hangs(self: Followers, run_id: str) -> None:
        order.append(f"telling of {run_id}")
        try:
            await asyncio.sleep(600)
        finally:
            order.append("called off")

    async def closed(self: object) -> None:
        order.append("closed")

    async def two_end(jobs: Any, *_: Any, on_done: Any, **__: Any) -> tuple[()]:
        for index in range(2):
            on_done(Outcome(index, jobs[index][0], cast("Any", SimpleNamespace(run_id=f"t{index}"))))
        return ()

    monkeypatch.setattr(Followers, "end", hangs)
    monkeypatch.setattr(Plugins, "close", closed)
    monkeypatch.setattr("peercycle.graphs.many.start_many", two_end)
    tasks = [QueuedTask(n, ResearchTask(topic="t"), RunOptions()) for n in range(2)]
    report = QueueReport(
        tmp_path, "tasks.jsonl", 0.0, [{"line": n, "topic": "t", "status": "queued"} for n in range(2)]
    )

    async def main() -> set[asyncio.Task[Any]]:
        driving = asyncio.create_task(_drive_all(Batch(tasks, range(2), report, Plugins(), 2), JsonScreen()))
        while not order:
            await asyncio.sleep(0)
        driving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await driving
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {cast("Any", asyncio.current_task())}

    assert not asyncio.run(main())
    assert order == ["telling of t0", "called off", "closed"]


def test_an_ending_that_is_called_off_while_its_last_lines_are_read_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reads(*_: Any, **__: Any) -> None:
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(600)

    monkeypatch.setattr("peercycle.cli.following.follow", reads)

    async def main() -> None:
        followers = Followers(JsonScreen())
        followers.begin("t0", tmp_path)
        ending = asyncio.create_task(followers.end("t0"))
        for _ in range(5):
            await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending

    asyncio.run(main())
