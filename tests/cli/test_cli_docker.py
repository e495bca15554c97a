"""`peercycle sandbox` with Docker: an image made, a program run in it, and what a dead driver left removed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.errors import BadInputError
from peercycle.sandbox.containers import owner, profile
from peercycle.sandbox.containers.engine import engine, image_id
from peercycle.sandbox.containers.environments import state_directory
from peercycle.sandbox.containers.images import build
from peercycle.sandbox.containers.settings import DockerSettings

LOCK = f"smallpackage==1.0 --hash=sha256:{'0' * 64}\n"
RECIPE = """FROM peercycle-sandbox:latest
COPY requirements.lock /lock
RUN python3 -c "import sys; open('/seen', 'w').write(open('/lock').read().partition(' ')[0])"
"""


class OnDocker:
    """Runs the command with this session's daemon and no other."""

    def __init__(self, settings: DockerSettings) -> None:
        self.settings = settings

    def command(self, *arguments: str) -> list[str]:
        told = {"base_url": self.settings.base_url, "state_dir": self.settings.state_dir}
        overrides = [part for name, value in told.items() for part in ("--set", f"sandboxes.docker.{name}={value}")]
        return [sys.executable, "-m", "peercycle", "sandbox", arguments[0], *overrides, *arguments[1:]]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=110, check=False)

    def json(self, *arguments: str) -> Any:
        done = self(*arguments)
        assert done.returncode == 0, done.stderr[-800:]
        return json.loads(done.stdout)

    def left(self) -> list[str]:
        """What there is of executions: containers and folders."""
        with engine(self.settings) as client:
            containers = [str(each["Id"]) for each in client.containers(all=True)]
        return containers + [each.name for each in (state_directory(self.settings) / "executions").glob("*")]


@pytest.fixture
def on_docker(docker_settings: DockerSettings) -> OnDocker:
    return OnDocker(docker_settings)


def test_the_probe_is_one_object_that_names_docker_and_every_canary(on_docker: OnDocker) -> None:
    said = on_docker.json("probe", "--backend", "docker", "--json")["sandboxes"][0]
    assert (said["backend"], said["available"], said["passes"]) == ("docker", True, True)
    assert len(said["canaries"]) == len(said["guarantees"]) == 8


def test_a_program_runs_in_a_container_with_its_files_limits_outputs_and_data(
    on_docker: OnDocker, tmp_path: Path
) -> None:
    given, data = tmp_path / "given.txt", tmp_path / "numbers.csv"
    given.write_text("given")
    data.write_text("1,2\n")
    program = "open('out.txt', 'w').write(open('given.txt').read() + open('data/n.csv').read()); print('done')"
    said = on_docker.json(
        "exec", "--backend", "docker", "--json", "--limit", "wall_s=20", "--file", str(given), "--data", f"n.csv={data}",
        "--out", "*.txt", "--save", str(tmp_path / "kept"), "--", "python", "-c", program,
    )  # fmt: skip
    assert (said["status"], said["backend"], said["stdout"]["head"]) == ("ok", "docker", "done\n")
    assert [each["path"] for each in said["outputs"]] == ["out.txt"]
    assert said["data"][0]["name"] == "n.csv"
    assert (tmp_path / "kept" / "out.txt").read_text() == "given1,2\n"


def test_an_image_is_built_of_a_recipe_and_a_lock_and_holds_what_it_says(on_docker: OnDocker, tmp_path: Path) -> None:
    recipe, lock = tmp_path / "Dockerfile", tmp_path / "requirements.txt"
    recipe.write_text(RECIPE)
    lock.write_text(LOCK)
    made = on_docker.json(
        "build", "--tag", "built:1", "--dockerfile", str(recipe), "--requirements", str(lock), "--network", "none",
        "--json",
    )  # fmt: skip
    assert made["image"] == "built:1"
    assert made["id"].startswith("sha256:")
    assert made["python"].startswith("3.")
    said = on_docker.json(
        "exec", "--backend", "docker", "--json", "--set", "sandboxes.docker.image=built:1", "--", "cat", "/seen"
    )
    assert said["stdout"]["head"] == "smallpackage==1.0"


def test_a_build_that_fails_says_why_as_the_step_that_failed_said_it(on_docker: OnDocker, tmp_path: Path) -> None:
    recipe = tmp_path / "Dockerfile"
    recipe.write_text("FROM peercycle-sandbox:latest\nRUN echo no such mirror >&2; exit 3\n")
    done = on_docker("build", "--tag", "failed:1", "--dockerfile", str(recipe), "--network", "none")
    assert done.returncode != 0
    assert "no such mirror" in done.stderr
    assert "non-zero code: 3" in done.stderr


@pytest.mark.parametrize(
    "line", ["numpy", "numpy==2.0", "numpy>=2 --hash=sha256:00", "-r other.txt", "git+https://x.example/y"]
)
def test_requirements_without_hashes_are_refused_before_anything_is_built(line: str, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"# a comment\n{LOCK}{line}\n")
    with pytest.raises(BadInputError, match="is not locked") as caught:
        build(DockerSettings(base_url="unix:///nonexistent"), "never:1", None, lock, tex=False, network="none")
    assert repr(line) in str(caught.value)


def test_a_tree_that_is_no_system_is_refused(on_docker: OnDocker, tmp_path: Path) -> None:
    for root, reason in ((tmp_path, "has no usr/bin/python3"), (Path("/"), "is this machine, secrets included")):
        done = on_docker("import", str(root), "--tag", "never:1")
        assert done.returncode == 2
        assert reason in done.stderr


def test_containers_of_dead_drivers_are_reaped_by_their_labels_and_others_are_left(on_docker: OnDocker) -> None:
    settings = on_docker.settings
    from peercycle.core.sandboxing import Limits

    with engine(settings) as client:
        image, mine = image_id(client, settings), owner.labels("living", 100)
        shapes = {
            "dead": {**mine, owner.EXECUTION: "dead", owner.STARTED: "1"},
            "living": mine,
        }
        made = {
            name: profile.create(client, settings, profile.Shape(image, Limits(), (), 0, labels))
            for name, labels in shapes.items()
        }
        try:
            removed = on_docker.json("reap", "--backend", "docker", "--json")["removed"]
            containers = [line for line in removed if "container" in line]
            assert containers == [f"removed container {made['dead'][:12]} of dead"]
            left = [each["Id"] for each in client.containers(all=True)]
            assert left == [made["living"]]
        finally:
            for each in client.containers(all=True):
                client.remove_container(each["Id"], force=True)
    assert list((state_directory(settings) / "executions").glob("*")) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_program_and_leaves_neither_container_nor_folder(
    on_docker: OnDocker, number: signal.Signals
) -> None:
    # What another driver left may be on its way out.
    before = set(on_docker.left())
    asked = on_docker.command("exec", "--backend", "docker", "--", "sh", "-c", "echo begun; sleep 60")
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        own = set(on_docker.left()) - before
        assert len(own) == 2, "its folder and its container"
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == (-number if number is signal.SIGKILL else 128 + number)
    # One that was told to end has cleaned up when it is gone; what was killed leaves that to its reaper.
    end = time.monotonic() + (60 if number is signal.SIGKILL else 0)
    while (left := own & set(on_docker.left())) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == set()
