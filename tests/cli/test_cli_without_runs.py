"""The commands that need no run: search, review, plugins, new-plugin, doctor, sandbox, until."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from peercycle.cli.clock import moment

Command = Callable[..., Any]


def test_search_finds_works_by_their_words(peercycle: Command) -> None:
    found = peercycle("search", "merging lists", "refs.bib", "--json").json
    assert [work["key"] for work in found["results"]] == ["merging"]
    assert peercycle("search", "depth", "refs.bib").out == (
        "networks: Sorting networks and their depth. Ada Byron (1990)\n"
    )
    nothing = peercycle("search", "whales", "refs.bib")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "nothing fits 'whales'\n")
    assert len(peercycle("search", "whales " * 1000, "refs.bib").err) < 300
    assert peercycle("search", "depth").code == 2
    assert peercycle("search", "depth", "refs.bib", "--bib").out.startswith("@article{networks,\n")
    assert "--json and --bib" in peercycle("search", "depth", "refs.bib", "--bib", "--json").err


def test_a_review_is_stamped_as_made_by_a_machine(peercycle: Command, folder: Path) -> None:
    (folder / "paper.md").write_text("# A paper\n\nWe sort faster by 12 % [@networks].\n")
    done = peercycle("review", "paper.md", "--reviewer", "rubric", "--bib", "refs.bib")
    assert done.code == 0
    assert done.out.startswith("Made by a machine. It is no peer review")
    assert "checks passed: " in done.out
    data = peercycle("review", "paper.md", "--reviewer", "rubric", "--json").json
    assert data["stamp"].startswith("Made by a machine")
    assert data["reviews"][0]["scale"]["calibrated"] is False
    assert not (folder / "runs").exists()


def test_a_review_by_a_model_that_nobody_named_says_which_option_names_it(peercycle: Command, folder: Path) -> None:
    (folder / "paper.md").write_text("# A paper\n\nWe sort faster by 12 % [@networks].\n")
    done = peercycle("review", "paper.md", "--reviewer", "prompted")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "name one with --model BACKEND/MODEL" in done.err
    assert "--model-role" not in done.err


@pytest.mark.parametrize(("name", "body"), [("paper.tex", b""), ("paper.md", b"\0\1"), ("paper.pdf", b"%PDF")])
def test_a_paper_that_cannot_be_read_is_refused(peercycle: Command, folder: Path, name: str, body: bytes) -> None:
    (folder / name).write_bytes(body)
    done = peercycle("review", name)
    assert (done.code, done.out, name in done.err) == (2, "", True)


def test_plugins_are_listed_and_shown_with_their_settings(peercycle: Command, folder: Path) -> None:
    (folder / "mine.py").write_text(
        "from peercycle import hookimpl\n\n\n@hookimpl\ndef register_commands(app):\n"
        "    @app.command('greet')\n    def greet() -> None:\n        print('hello')\n"
    )
    listed = {each["name"]: each for each in peercycle("plugins", "--plugin", "mine.py", "--json").json["plugins"]}
    assert listed["mine"]["hooks"] == ["register_commands"]
    assert "scripted" in listed["builtin"]["registrations"]["policies"]
    assert "policies.scripted" in peercycle("plugins", "show", "builtin").out
    heads, *lines = peercycle("plugins", "--plugin", "mine.py").out.splitlines()
    assert [line.split("\t")[0] for line in (heads, *lines)] == ["plugin", *listed]
    assert max(map(len, lines)) < 240, "what one offers is counted where that is much"
    assert peercycle("plugins", "shaw", "builtin").code == 2


def test_a_plugin_adds_a_command(peercycle: Command, folder: Path) -> None:
    (folder / "mine.py").write_text(
        "from peercycle import hookimpl\n\n\n@hookimpl\ndef register_commands(app):\n"
        "    @app.command('greet')\n    def greet() -> None:\n        print('hello')\n"
    )
    settings = (folder / "peercycle.toml").read_text()
    (folder / "peercycle.toml").write_text(settings + 'plugins = ["mine.py"]\n')
    assert peercycle("greet").out == "hello\n"


def test_new_plugin_writes_a_project_and_overwrites_none(peercycle: Command, folder: Path) -> None:
    made = peercycle("new-plugin", "fine-print", "--kind", "reward", "--json").json
    assert Path(made["path"]) == folder / "peercycle-fine-print"
    assert all((folder / file).is_file() for file in made["files"])
    again = peercycle("new-plugin", "fine-print", "--kind", "reward")
    assert (again.code, "is there already" in again.err) == (2, True)


def test_doctor_says_what_is_there_and_never_a_key(peercycle: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_shown")
    done = peercycle("doctor", "--quick", "--json")
    found = {finding["what"]: finding for finding in done.json["findings"]}
    assert (done.code, done.json["ok"]) == (0, True)
    assert {"python", "runs", "plugins", "TeX", "engine vllm", "engine transformers", "GPU", "keys"} <= set(found)
    assert "HF_TOKEN" in found["keys"]["facts"]["set"]
    assert "hf_not_to_be_shown" not in done.out
    assert all(finding["fix"] for finding in found.values() if not finding["ok"] and finding["what"] != "GPU")


PLUGIN_WITH_A_SANDBOX = """
from pydantic import BaseModel

from peercycle import hookimpl
from peercycle.core.sandboxing import ProbeResult


class Settings(BaseModel):
    image: str = "unset"


class Box:
    name = "box"

    def __init__(self, settings):
        self.settings, self.open = settings, False

    async def __aenter__(self):
        self.open = True
        return self

    async def __aexit__(self, *exc):
        self.open = False

    async def probe(self):
        return ProbeResult(backend="box", version=f"{self.settings.image} {self.open}", available=True)


@hookimpl
def register_sandboxes(register):
    register("box", Box, Settings)
"""


def test_doctor_tries_the_sandboxes_under_the_plugins_and_settings_that_runs_have(
    peercycle: Command, folder: Path
) -> None:
    (folder / "boxes.py").write_text(PLUGIN_WITH_A_SANDBOX)
    (folder / "peercycle.toml").write_text(
        '[run]\nplugins = ["boxes.py"]\ndisabled_plugins = ["builtin"]\n[sandboxes.box]\nimage = "mine"\n'
    )
    found = {finding["what"]: finding for finding in peercycle("doctor", "--json").json["findings"]}
    assert found["sandbox box"]["facts"]["version"] == "mine True"
    assert "sandbox bubblewrap" not in found


def test_doctor_names_a_broken_plugin_file_and_looks_at_the_rest(peercycle: Command, folder: Path) -> None:
    (folder / "broken.py").write_text("raise RuntimeError('no good')")
    (folder / "peercycle.toml").write_text('[run]\nplugins = ["broken.py"]\n')
    found = {finding["what"]: finding for finding in peercycle("doctor", "--quick", "--json").json["findings"]}
    assert (found["plugins"]["ok"], "no good" in found["plugins"]["detail"]) == (False, True)
    assert found["python"]["ok"]


def test_garbage_is_looked_for_less_often_in_a_commands_own_process_alone() -> None:
    look = (
        "import gc, sys; from peercycle.cli.main import NEW_OBJECTS, main; sys.argv = ['peercycle', '--version']; "
        "main(['--version']); kept = gc.get_threshold(); main(); "
        "print(kept[0] < NEW_OBJECTS == gc.get_threshold()[0], kept[1:] == gc.get_threshold()[1:])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True True"


def test_doctor_imports_no_engine() -> None:
    code = (
        "import sys\nfrom peercycle.cli.main import main\nmain(['doctor', '--quick'])\n"
        "sys.exit(', '.join({'torch', 'transformers', 'vllm', 'langgraph'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_runs_in_a_sandbox_with_its_files_limits_and_outputs(peercycle: Command, folder: Path) -> None:
    if peercycle("sandbox", "probe", "--json").code:
        pytest.skip("needs a sandbox that passes its probe: see `peercycle doctor`")
    (folder / "given.txt").write_text("given\n")
    code = "open('made.txt', 'w').write(open('given.txt').read() * 2); print('said')"
    done = peercycle(
        *("sandbox", "exec", "--limit", "wall_s=20", "--file", "given.txt", "--out", "*.txt"),
        *("--save", "kept", "--json", "--", "python", "-c", code),
    )
    assert (done.code, done.json["status"], done.json["stdout"]["head"]) == (0, "ok", "said\n")
    assert (folder / "kept" / "made.txt").read_text() == "given\ngiven\n"
    assert [(o["path"], o["size"], len(o["sha256"])) for o in done.json["outputs"]] == [("made.txt", 12, 64)]
    assert set(done.json) >= {"exit_code", "signal", "stderr", "duration_s", "peak_memory_mb", "backend", "version"}
    assert len(done.json["guarantees"]) == 8
    for save, where in ((("--save", "kept"), "in kept/made.txt"), ((), "not kept: give --save DIR")):
        named = ("--file", "given.txt", "--out", "made.txt", *save)
        told = peercycle("sandbox", "exec", *named, "--", "python", "-c", code)
        assert f"collected made.txt: 12 bytes, {where}, sha256:" in told.err
    failed = peercycle("sandbox", "exec", "--", "python", "-c", "print('x'); raise SystemExit(3)")
    assert (failed.code, failed.out, "nonzero: exit code 3" in failed.err) == (1, "x\n", True)
    late = peercycle("sandbox", "exec", "--limit", "wall_s=0.5", "--json", "--", "python", "-c", "while True: pass")
    assert (late.code, late.json["status"], late.json["signal"]) == (1, "timeout", 9)


def test_a_file_that_is_named_as_the_program_is_told_how_to_be_lent(peercycle: Command, folder: Path) -> None:
    if peercycle("sandbox", "probe", "--json").code:
        pytest.skip("needs a sandbox that passes its probe: see `peercycle doctor`")
    (folder / "h.py").write_text("print('hello')\n")
    failed = peercycle("sandbox", "exec", "h.py", "7")
    assert (failed.code, failed.err.splitlines()[-1].rpartition(": ")[2]) == (1, "--file h.py -- python h.py 7")
    told = peercycle("sandbox", "exec", "--file", "h.py", "--", "python", "h.py", "7")
    assert (told.code, told.out) == (0, "hello\n")
    assert "is a file here" not in peercycle("sandbox", "exec", "no-such-program").err


def test_a_sandbox_that_does_not_work_is_one_object_too(peercycle: Command) -> None:
    absent = ("--backend", "bubblewrap", "--set", "sandboxes.bubblewrap.bwrap=no-such-bwrap")
    done = peercycle("sandbox", "exec", *absent, "--json", "--", "true")
    assert (done.code, done.json["status"], done.json["exit_code"]) == (2, "sandbox_error", None)
    assert "apt install bubblewrap" in done.json["problem"]
    said = peercycle("sandbox", "exec", *absent, "--", "true")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)


NO_DOCKER = "sandboxes.docker.base_url=unix:///nonexistent/docker.sock"


def test_what_dead_drivers_left_is_reaped_where_there_is_no_docker(peercycle: Command, folder: Path) -> None:
    """Docker is asked first, and cannot be; that is no reason to leave bubblewrap's leftovers."""
    settings = ("--set", NO_DOCKER, "--set", f"sandboxes.bubblewrap.state_dir={folder / 'state'}")
    for dead in ("one", "two"):
        left = folder / "state" / "executions" / dead
        (left / "work").mkdir(parents=True)
        (left / "owner.json").write_text("{}")
        done = peercycle("sandbox", "reap", *settings, *(("--json",) if dead == "two" else ()))
        assert done.code == 0, done.err
        assert not left.exists()
        if dead == "one":
            assert f"removed {left}\n" in done.out
            assert done.err.startswith("not looked into: docker: no Docker daemon answers")
    assert f"removed {left}" in done.json["removed"]
    assert [line.partition(":")[0] for line in done.json["absent"]] == ["docker"]


def test_a_sandbox_that_is_named_and_not_there_cannot_be_reaped(peercycle: Command) -> None:
    done = peercycle("sandbox", "reap", "--backend", "docker", "--set", NO_DOCKER)
    assert (done.code, done.out, "no Docker daemon answers" in done.err) == (2, "", True)


def test_probe_and_doctor_go_on_past_a_docker_that_is_not_there(peercycle: Command, folder: Path) -> None:
    absent = 'bwrap = "no-such-bwrap"'
    (folder / "peercycle.toml").write_text(
        f'[sandboxes.docker]\nbase_url = "unix:///nonexistent/docker.sock"\n[sandboxes.bubblewrap]\n{absent}\n'
    )
    probed = peercycle("sandbox", "probe", "--json")
    said = {each["backend"]: each for each in probed.json["sandboxes"]}
    assert (probed.code, list(said)) == (1, ["docker", "bubblewrap"])
    assert all(not each["available"] and each["problem"] and each["fix"] for each in said.values())
    looked = peercycle("doctor", "--json")
    found = {each["what"]: each for each in looked.json["findings"]}
    assert looked.code == 0
    assert {"sandbox docker", "sandbox bubblewrap", "experiments"} <= set(found)


@pytest.mark.parametrize("limit", ["wall=5", "wall_s", "wall_s=-1", "memory_mb=lots"])
def test_a_limit_that_makes_no_sense_is_named(peercycle: Command, limit: str) -> None:
    done = peercycle("sandbox", "exec", "--limit", limit, "--", "true")
    assert (done.code, f"--limit {limit}" in done.err) == (2, True)


def test_a_time_of_day_is_the_next_such_local_time() -> None:
    evening = datetime(2031, 5, 1, 22, 30).astimezone()
    assert moment("07:00", evening) == datetime(2031, 5, 2, 7, 0).astimezone().timestamp()
    assert moment("23:15", evening) == datetime(2031, 5, 1, 23, 15).astimezone().timestamp()
    assert moment("2031-05-03T07:00", evening) == datetime(2031, 5, 3, 7, 0).astimezone().timestamp()


def test_an_error_line_is_json_too(peercycle: Command) -> None:
    done = peercycle("search", "depth", "--json")
    assert json.loads(done.out)["event"] == "error"
