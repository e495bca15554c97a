"""The command line as processes: start-up, detached runs, signals, pipes that close."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peercycle.store.directory import run_status

Start = Callable[..., subprocess.Popen[str]]

WAIT_S = 100
"""How long a command may take on a busy machine; it takes seconds."""

SLOW = ("--set", "policies.scripted.effect_s=0.2")
RUN = ("run", "refs.bib", "--topic", "sorting networks", "--run-id", "r1")


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start commands as processes of their own; what is left of them is killed."""
    begun: list[subprocess.Popen[str]] = []

    def command(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "peercycle", *arguments],
            cwd=folder,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        begun.append(process)
        return process

    yield command
    for process in begun:
        process.kill()
        process.communicate()


def json_of(process: subprocess.Popen[str]) -> Any:
    """Wait for a command and parse its last line."""
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def await_event(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read JSON lines until one is wanted."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if wanted(event):
            return event
    raise AssertionError(f"the output ended: {process.communicate()}")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom peercycle.cli.main import main\nassert main(['--help']) == 0\n"
        "heavy = {'langgraph', 'pydantic', 'rich', 'pluggy', 'asyncio', 'sqlite3', 'matplotlib', 'numpy', 'jinja2'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "resume" in done.stdout


@pytest.mark.parametrize("module", ["typer", "peercycle.cli.app"])
def test_ctrl_c_while_the_command_line_is_imported_ends_it_without_a_traceback(tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "peercycle", "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_no_command_writes_to_standard_error_or_warns_by_itself(start: Start) -> None:
    out, err = start("--version").communicate(timeout=WAIT_S)
    assert (out.startswith("peercycle "), err) == (True, "")
    out, err = start(*RUN, "--json").communicate(timeout=WAIT_S)
    assert err == ""
    assert json.loads(out.splitlines()[-1])["status"] == "finished"


def test_a_detached_run_is_observable_goes_on_alone_and_stops_when_asked(start: Start, folder: Path) -> None:
    # Long enough that it cannot end by itself before it is asked to, however busy the machine.
    launch = json_of(start(*RUN, *SLOW, "--rounds", "200", "--patience", "200", "--detach", "--json"))
    run = folder / "runs" / "r1"
    assert list(launch) == ["event", "run_id", "path", "pid"]
    assert (launch["event"], launch["run_id"], launch["path"]) == ("launch", "r1", str(run))
    assert (run / "run.json").is_file()
    assert os.getsid(launch["pid"]) == launch["pid"], "it has a session of its own"
    assert run_status(run) == "running"
    done = json_of(start("stop", "r1", "--wait", "--json"))
    assert (done["asked"], done["status"]) == (True, "stopped")
    assert (run / "report.md").is_file()
    log = (run / "driver.log").read_text()
    assert log.splitlines()[0] == "policy: scripted"
    assert list((folder / "runs").glob(".*log")) == []


def test_a_detached_run_that_cannot_begin_says_why_and_leaves_nothing(start: Start, folder: Path) -> None:
    process = start(*RUN, "--set", "policies.scripted.seeds=0", "--detach")
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("error: the run did not begin: ")
    assert "seeds" in err
    assert list((folder / "runs").iterdir()) == []


def test_a_detached_queue_has_a_folder_with_its_log(start: Start, folder: Path) -> None:
    (folder / "tasks.jsonl").write_text('{"topic": "sorting", "bibliography": "refs.bib"}\n')
    launch = json_of(start("run", "tasks.jsonl", "--detach", "--json"))
    queue = Path(launch["path"])
    deadline = time.monotonic() + WAIT_S
    while json.loads((queue / "queue.json").read_text())["counts"] != {"finished": 1}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while "report of all 1" not in (queue / "driver.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_one_ctrl_c_drains(start: Start, folder: Path) -> None:
    process = start(*RUN, *SLOW, "--json")
    await_event(process, lambda event: event["event"] == "stage_started" and event.get("stage") == "outline")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_S)
    last = json.loads(out.splitlines()[-1])
    assert (process.returncode, last["status"], last["reason"]) == (3, "stopped", "drained"), err
    assert any(line.get("message", "").startswith("stopping: ") for line in map(json.loads, out.splitlines()))
    assert (folder / "runs" / "r1" / "report.md").is_file()


def test_a_second_ctrl_c_quits_at_once_and_the_run_can_be_resumed(start: Start, folder: Path) -> None:
    process = start(*RUN, "--set", "policies.scripted.effect_s=600", "--json")
    await_event(process, lambda event: event["event"] == "stage_started" and event.get("stage") == "literature")
    process.send_signal(signal.SIGINT)
    # The first one waits for the stage in hand; it has been heard once this is said.
    await_event(process, lambda event: str(event.get("message")).startswith("stopping: "))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted; go on with: peercycle resume runs/r1"
    assert "Traceback" not in err
    assert run_status(folder / "runs" / "r1") == "crashed"


def test_a_signal_ends_a_queue_and_begins_no_further_task(start: Start, folder: Path) -> None:
    lines = [{"topic": f"sorting {n}", "bibliography": "refs.bib", "options": {"run_id": f"t{n}"}} for n in range(3)]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    process = start("run", "tasks.jsonl", "--parallel", "1", *SLOW, "--json")
    await_event(process, lambda event: event["event"] == "stage_started" and event.get("stage") == "outline")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 3, err
    assert [path.name for path in (folder / "runs").iterdir() if path.name.startswith("t")] == ["t0"]
    errors = [line for line in map(json.loads, out.splitlines()) if line["event"] == "error"]
    assert [(line["line"], line["message"]) for line in errors] == [
        (2, "not begun: SIGTERM was received"),
        (3, "not begun: SIGTERM was received"),
    ]


def test_a_log_can_be_followed_until_the_run_ends(start: Start) -> None:
    driver = start(*RUN, *SLOW, "--rounds", "0", "--json")
    await_event(driver, lambda event: event["event"] == "launch")
    follower = start("logs", "r1", "-f", "--json")
    out, _ = follower.communicate(timeout=WAIT_S)
    kinds = [json.loads(line)["event"] for line in out.splitlines()]
    assert (kinds[0], kinds[-1]) == ("launched", "ended")
    driver.communicate(timeout=WAIT_S)
    assert driver.returncode == 0


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["lines", "json"])
def test_an_output_without_room_is_one_line_and_exit_1(form: tuple[str, ...], folder: Path) -> None:
    command = [sys.executable, "-m", "peercycle", "search", "depth", "refs.bib", *form]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1, "error: cannot write: No space left on device; make room, and try again\n",
    )  # fmt: skip


def test_a_pipe_that_closes_is_no_traceback(peercycle: Callable[..., Any], folder: Path) -> None:
    assert peercycle(*RUN).code == 0
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m peercycle logs r1 | head -1'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "code"), [(f"{shlex.join(RUN)} --json", 0), ("logs r1", 141)], ids=["a run", "another command"]
)
def test_a_reader_that_leaves_ends_no_run_and_changes_no_exit_code_of_one(
    peercycle: Callable[..., Any], folder: Path, arguments: str, code: int
) -> None:
    if code:
        assert peercycle(*RUN).code == 0
    # The reader is gone before anything is printed.
    command = f'{{ sleep 0.2; "{sys.executable}" -m peercycle {arguments}; echo $? >code; }} | true'
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert ((folder / "code").read_text(), done.stderr) == (f"{code}\n", "")
    assert run_status(folder / "runs" / "r1") == "finished"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(f"{shlex.join(RUN)} --json", 0), ("search depth refs.bib", 141), ("search depth refs.bib --json", 141),
     ("plugins", 141)],
)  # fmt: skip
def test_a_closed_output_is_a_reader_that_has_gone(folder: Path, arguments: str, code: int) -> None:
    command = f'"{sys.executable}" -m peercycle {arguments} >&-'
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")


def test_a_killed_queue_goes_on_where_it_was(start: Start, folder: Path, peercycle: Callable[..., Any]) -> None:
    lines = [{"topic": f"sorting {n}", "bibliography": "refs.bib", "options": {"run_id": f"t{n}"}} for n in range(2)]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    process = start("run", "tasks.jsonl", "--parallel", "1", *SLOW, "--rounds", "0", "--json")
    await_event(process, lambda event: event["event"] == "stage_started" and event.get("stage") == "outline")
    process.kill()
    process.wait()
    [queue] = (folder / "runs").glob("queue-*")
    assert peercycle("status", str(queue), "--json").json["counts"] == {"crashed": 1, "not begun": 1}
    done = peercycle("resume", str(queue), "--json")
    assert done.code == 0, done.err
    assert {line["run_id"]: line["status"] for line in done.lines if line["event"] == "done"} == {
        "t0": "finished",
        "t1": "finished",
    }
    assert json.loads((queue / "report.json").read_text())["counts"] == {"finished": 2}


def test_a_queue_stops_when_asked_and_names_how_to_go_on(start: Start, folder: Path) -> None:
    (folder / "tasks.jsonl").write_text('{"topic": "sorting", "bibliography": "refs.bib"}\n')
    long = ("--rounds", "200", "--patience", "200")
    queue = Path(json_of(start("run", "tasks.jsonl", "--detach", *SLOW, *long, "--json"))["path"])
    done = json_of(start("stop", queue.name, "--wait", "--json"))
    assert (done["asked"], done["status"]) == (True, "stopped")
    assert f"`peercycle resume runs/{queue.name}`" in (queue / "report.md").read_text()


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["table", "json"])
def test_a_terminal_that_closes_drains_the_run(folder: Path, arguments: list[str]) -> None:
    near, far = pty.openpty()
    long = ("--rounds", "200", "--patience", "200")

    def own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, "-m", "peercycle", *RUN, *SLOW, *long, *arguments],
        cwd=folder,
        stdin=far,
        stdout=far,
        stderr=far,
        preexec_fn=own_terminal,  # noqa: PLW1509 - a process that takes a terminal for its own has no other way
    )
    os.close(far)
    try:
        said = b""
        # A stage that comes again and again: the table is drawn four times a second, and may miss any one.
        while b"revi" not in said:
            said += os.read(near, 4096)
        os.close(near)
        assert process.wait(timeout=WAIT_S) == 3
    finally:
        process.kill()
        process.wait()
    assert run_status(folder / "runs" / "r1") == "stopped"
