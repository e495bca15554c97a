"""Docker as a sandbox, with a daemon of the tests' own: what a container is, what leaves it, what stays of it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.core.sandboxing import ALL_GUARANTEES, EnvironmentRef, EnvironmentSpec, ExecRequest, ExecResult, Limits
from peercycle.sandbox.containers import execution, owner
from peercycle.sandbox.containers.backend import DockerSandbox
from peercycle.sandbox.containers.engine import engine
from peercycle.sandbox.containers.settings import DockerSettings

if TYPE_CHECKING:
    from tests.fixtures.docker_daemon import Daemon
    from tests.fixtures.handmade_wheels import MakeWheel
    from tests.sandbox.conftest import Bodies

SMALL = Limits(wall_s=20, memory_mb=128, processes=24, disk_mb=16, files=200, output_bytes=64 << 10)


class Containers:
    """Runs Python programs in containers."""

    def __init__(self, settings: DockerSettings, bodies: Bodies) -> None:
        self.settings = settings
        self.sandbox = DockerSandbox(settings)
        self.bodies = bodies
        self.environment: EnvironmentRef = asyncio.run(self.sandbox.prepare(EnvironmentSpec(name="base")))

    async def arun(self, program: str, *args: str, limits: Limits = SMALL, **more: Any) -> ExecResult:
        asked = ExecRequest(
            argv=more.pop("argv", ("python", "-I", "-S", "-c", program, *args)),
            limits=limits, requires=frozenset(), **more,
        )  # fmt: skip
        return await execution.execute(self.settings, asked, self.environment, self.bodies)

    def run(self, program: str, *args: str, **more: Any) -> ExecResult:
        return asyncio.run(self.arun(program, *args, **more))

    def left(self) -> list[dict[str, Any]]:
        with engine(self.settings) as client:
            found: list[dict[str, Any]] = client.containers(all=True)
            return found


@pytest.fixture(scope="module")
def containers(docker_settings: DockerSettings, bodies: Bodies) -> Containers:
    return Containers(docker_settings, bodies)


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves a container or a directory."""
    yield
    if "containers" in request.fixturenames:
        made: Containers = request.getfixturevalue("containers")
        assert made.left() == []
        assert made.settings.state_dir is not None
        assert list((made.settings.state_dir / "executions").iterdir()) == []


def test_the_probe_runs_every_canary_in_a_container_and_each_holds(containers: Containers) -> None:
    probed = asyncio.run(containers.sandbox.probe())
    assert probed.available, probed.problem
    assert [c for c in probed.canaries if not c.passed] == []
    assert probed.guarantees == ALL_GUARANTEES


def test_a_request_that_names_its_guarantees_runs_and_says_which_hold(containers: Containers) -> None:
    request = ExecRequest(argv=("python", "-c", "print(6 * 7)"), limits=SMALL)
    result = asyncio.run(containers.sandbox.run(request, containers.environment, containers.bodies))
    assert (result.status, result.stdout.text, result.backend) == ("ok", "42\n", "docker")
    assert result.guarantees == ALL_GUARANTEES
    assert result.environment_digest == containers.environment.digest


def test_where_no_daemon_answers_the_probe_says_so_and_how_to_mend_it(tmp_path: Path) -> None:
    absent = DockerSettings(base_url=f"unix://{tmp_path}/docker.sock", state_dir=tmp_path)
    probed = asyncio.run(DockerSandbox(absent).probe())
    assert not probed.available
    assert "no Docker daemon answers" in (probed.problem or "")
    assert "apt install docker.io" in (probed.fix or "")


def test_where_the_image_is_not_there_the_probe_says_how_to_make_it(docker_settings: DockerSettings) -> None:
    other = docker_settings.model_copy(update={"image": "absent:latest"})
    probed = asyncio.run(DockerSandbox(other).probe())
    assert not probed.available
    assert "no image 'absent:latest'" in (probed.problem or "")
    assert "peercycle sandbox build" in (probed.fix or "")


def test_inputs_are_read_only_and_cannot_be_replaced_even_by_their_owner(containers: Containers) -> None:
    program = """
import os
def tried(act):
    try:
        act()
        return "done"
    except OSError as error:
        return error.strerror
print(tried(lambda: open("in/a", "w")), tried(lambda: os.unlink("in/a")), tried(lambda: os.rename("in", "out")),
      tried(lambda: os.chmod("in/a", 0o777)), tried(lambda: open("in/new", "w")), open("in/a").read(), input(), sep="|")
"""
    bodies = containers.bodies
    result = containers.run(program, files={"in/a": bodies.add(b"given")}, stdin=bodies.add(b"typed\n"))
    said = result.stdout.text.strip().split("|")
    assert said[-2:] == ["given", "typed"]
    assert "done" not in said
    assert said[0] == "Read-only file system"


def test_outputs_leave_through_their_globs_and_links_and_pipes_do_not(containers: Containers) -> None:
    program = """
import os
os.makedirs("d/e")
open("d/e/f.json", "w").write("{}"); open("a.txt", "w").write("hi")
os.symlink("/etc/passwd", "link.txt"); os.mkfifo("pipe.txt"); os.link("a.txt", "hard.txt")
os.symlink("/etc", "folder"); open("new\\nline.txt", "w").write("x"); os.mkdir("b.txt")
"""
    result = containers.run(program, outputs=("*.txt", "**/*.json", "folder/passwd"))
    assert [(o.path, o.size) for o in result.outputs] == [("d/e/f.json", 2)]
    refused = "\n".join(result.refused)
    assert "link.txt: a symbolic link" in refused
    assert "pipe.txt: not a regular file" in refused
    assert "hard.txt: it has more than one name" in refused
    assert "new\\nline.txt: its name is not printable text" in refused
    assert "folder/passwd: a symbolic link, or behind one" in refused


def test_outputs_in_folders_that_the_program_shut_to_itself_are_collected(containers: Containers) -> None:
    program = """
import os
os.mkdir("shut"); open("shut/a.json", "w").write("{}"); open("b.json", "w").write("[]")
os.chmod("shut/a.json", 0o400); os.chmod("shut", 0); os.chmod(".", 0)
"""
    result = containers.run(program, outputs=("**/*.json", "*.json"))
    assert [o.path for o in result.outputs] == ["b.json", "shut/a.json"]


@pytest.mark.parametrize(
    ("status", "program", "limits"),
    [
        ("timeout", "import signal, time; signal.signal(15, 1); time.sleep(60)", {"wall_s": 1}),
        ("oom", "x = bytearray(b'x') * (512 << 20)", {"memory_mb": 64}),
        ("output_limit", "while True: print('y' * 1000)", {}),
        ("disk_limit", "for i in range(40): open(f'f{i}', 'wb').write(b'x' * (1 << 20))", {}),
        ("disk_limit", "for i in range(4000): open(f'f{i}', 'wb').close()", {}),
        ("nonzero", "raise SystemExit(3)", {}),
        ("killed", "import os; os.kill(os.getpid(), 9)", {}),
    ],
)
def test_each_ending_is_told_from_the_others(
    containers: Containers, status: str, program: str, limits: dict[str, Any]
) -> None:
    result = containers.run(program, limits=SMALL.model_copy(update=limits))
    assert result.status == status, (result.stdout.text[-300:], result.stderr.text[-300:])


def test_a_program_that_is_not_there_is_its_own_failure(containers: Containers) -> None:
    result = containers.run("", argv=("nonexistent",))
    assert (result.status, result.exit_code) == ("nonzero", 127)
    assert "cannot start 'nonexistent'" in result.stderr.text


def test_what_a_container_is_created_with_is_closed(containers: Containers) -> None:
    seen: list[dict[str, Any]] = []

    async def look() -> None:
        running = asyncio.create_task(containers.arun("print('up', flush=True); import time; time.sleep(30)"))
        while not seen:
            await asyncio.sleep(0.1)
            with engine(containers.settings) as client:
                seen.extend(client.inspect_container(c["Id"]) for c in client.containers())
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(look())
    config, host = seen[0]["Config"], seen[0]["HostConfig"]
    assert (host["NetworkMode"], host["CapDrop"], host["ReadonlyRootfs"]) == ("none", ["ALL"], True)
    assert "no-new-privileges" in host["SecurityOpt"]
    assert not host["Privileged"]
    assert host["Memory"] == host["MemorySwap"] > 0
    assert host["PidsLimit"] == SMALL.processes + 1
    assert host["NanoCpus"] > 0
    assert host["IpcMode"] == "private"
    assert host["LogConfig"]["Type"] == "none"
    assert host["AutoRemove"]
    assert not host["PortBindings"]
    assert "size=" in host["Tmpfs"]["/work"] and "nr_inodes=" in host["Tmpfs"]["/work"]
    assert {u["Name"] for u in host["Ulimits"]} >= {"core", "nofile", "fsize"}
    assert all(m["ReadOnly"] for m in host["Mounts"])
    assert config["User"] == "65534:65534"
    assert config["Labels"][owner.DRIVER] == str(os.getpid())
    assert not any("state" in text or "/var/tmp" in text for text in config["Cmd"] + config["Env"])


def test_process_one_cannot_be_killed_stopped_traced_read_or_starved_from_inside(containers: Containers) -> None:
    program = """
import os, resource, signal
def tried(act):
    try:
        act()
        return "done"
    except OSError as error:
        return error.strerror
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGHUP):
    os.kill(1, number)
print(tried(lambda: open("/proc/1/environ").read()), tried(lambda: open("/proc/1/mem", "rb")),
      tried(lambda: open("/proc/1/fd/1", "wb")), tried(lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))),
      tried(lambda: resource.prlimit(1, resource.RLIMIT_CPU, (0, 0))),
      sep="|", flush=True)
"""
    result = containers.run(program)
    assert result.status == "ok", (result.status, result.stderr.text)
    said = result.stdout.text.strip().split("|")
    assert len(said) == 5
    assert "done" not in said


def test_a_daemon_that_the_program_leaves_does_not_outlive_it(containers: Containers) -> None:
    program = """
import os, time
if os.fork() == 0:
    os.setsid()
    os.fork()
    time.sleep(60)
print("left")
"""
    began = time.monotonic()
    result = containers.run(program)
    assert (result.status, result.stdout.text) == ("ok", "left\n")
    assert time.monotonic() - began < 30


def test_a_requirement_is_installed_for_the_image_and_read_only(
    containers: Containers, make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path, "smallpackage", "1.0", "answer = 42\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    spec = EnvironmentSpec(name="base", requirements=("smallpackage==1.0",))
    prepared = asyncio.run(containers.sandbox.prepare(spec))
    assert (prepared.backend, prepared.packages) == ("docker", {"smallpackage": "1.0"})
    # What is built is there without a network, and so is what its wheels give.
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert asyncio.run(containers.sandbox.prepare(spec)) == prepared
    program = "import smallpackage; print(smallpackage.answer); open(smallpackage.__file__, 'a')"
    request = ExecRequest(argv=("python", "-c", program), limits=SMALL, requires=frozenset())
    result = asyncio.run(execution.execute(containers.settings, request, prepared, containers.bodies))
    assert result.stdout.text == "42\n"
    assert "Read-only file system" in result.stderr.text or "denied" in result.stderr.text
    assert result.environment_digest == prepared.digest


def test_pandoc_runs_in_a_container(containers: Containers) -> None:
    prepared = asyncio.run(containers.sandbox.prepare(EnvironmentSpec(name="pandoc")))
    request = ExecRequest(
        argv=("pandoc", "--sandbox", "--from=latex", "--to=html5"), stdin=containers.bodies.add(b"$x^2$"),
        limits=SMALL.model_copy(update={"memory_mb": 512, "processes": 32}), requires=frozenset(),
    )  # fmt: skip
    result = asyncio.run(execution.execute(containers.settings, request, prepared, containers.bodies))
    assert (result.status, "<em>x</em>" in result.stdout.text) == ("ok", True), result.stderr.text


def test_an_image_without_tex_says_how_to_make_one_that_has_it(containers: Containers) -> None:
    with pytest.raises(SandboxError, match="sandbox build --with-tex"):
        asyncio.run(containers.sandbox.prepare(EnvironmentSpec(name="tex")))


def test_output_streams_while_the_program_runs(containers: Containers) -> None:
    heard: list[tuple[str, bytes]] = []
    ended_when_first_heard: list[bool] = []

    async def listen() -> ExecResult:
        asked = ExecRequest(
            argv=("python", "-c", "import sys, time\nprint(1, flush=True)\ntime.sleep(1)\nprint(2, file=sys.stderr)"),
            limits=SMALL, requires=frozenset(),
        )  # fmt: skip
        running = asyncio.create_task(
            execution.execute(
                containers.settings,
                asked,
                containers.environment,
                containers.bodies,
                lambda *piece: heard.append(piece),
            )
        )
        while not heard and not running.done():
            await asyncio.sleep(0.02)
        ended_when_first_heard.append(running.done())
        return await running

    assert asyncio.run(listen()).status == "ok"
    assert ended_when_first_heard == [False]
    assert heard == [("stdout", b"1\n"), ("stderr", b"2\n")]


def test_a_cancelled_execution_is_gone_before_its_caller_goes_on(containers: Containers) -> None:
    async def cancel() -> None:
        running = asyncio.create_task(containers.arun("import time; time.sleep(60)"))
        while not containers.left():
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel())
    assert containers.left() == []


def test_reaping_leaves_alone_what_a_living_driver_holds(containers: Containers) -> None:
    async def reap_meanwhile() -> tuple[tuple[str, ...], ExecResult]:
        running = asyncio.create_task(containers.arun("import time; time.sleep(2); print('whole')"))
        while not containers.left():
            await asyncio.sleep(0.05)
        return await containers.sandbox.reap(), await running

    removed, result = asyncio.run(reap_meanwhile())
    # Empty control groups of others' dead drivers may be found on the way: they belong to the machine.
    assert [line for line in removed if not line.startswith("removed cgroup")] == []
    assert (result.status, result.stdout.text) == ("ok", "whole\n")


def test_labels_of_another_boot_or_namespace_are_dead_only_after_their_time() -> None:
    mine = owner.labels("e", lasts_s=100)
    assert not owner.is_dead(mine)
    assert owner.is_dead({**mine, owner.STARTED: "1"})
    elsewhere = {**mine, owner.NAMESPACE: "pid:[1]", owner.DRIVER: "1"}
    assert not owner.is_dead(elsewhere)
    assert owner.is_dead({**elsewhere, owner.UNTIL: "1"})


def test_more_gpus_than_the_settings_hand_out_are_refused_by_name(containers: Containers) -> None:
    with pytest.raises(RefusedRequestError, match=r"sandboxes\.docker\.gpus"):
        containers.run("1", limits=SMALL.model_copy(update={"gpus": 1}))


def test_a_gpu_that_the_machine_lacks_is_the_sandboxes_failure_and_not_the_programs(containers: Containers) -> None:
    made = Containers(containers.settings.model_copy(update={"gpus": 1}), containers.bodies)
    with pytest.raises(SandboxError, match="Docker could not start a container"):
        made.run("1", limits=SMALL.model_copy(update={"gpus": 1}))


def test_a_runtime_that_the_daemon_does_not_know_is_named(containers: Containers) -> None:
    made = DockerSandbox(containers.settings.model_copy(update={"runtime": "runsc"}))
    probed = asyncio.run(made.probe())
    assert not probed.available
    assert "runsc" in (probed.problem or "")


def test_a_daemon_that_dies_in_the_middle_is_the_sandboxes_failure_and_takes_the_program_with_it(
    mortal_docker_settings: tuple[Daemon, DockerSettings], bodies: Bodies
) -> None:
    daemon, settings = mortal_docker_settings
    made = Containers(settings.model_copy(update={"silence_s": 2.0}), bodies)

    async def die() -> None:
        running = asyncio.create_task(made.arun("print('up', flush=True); import time; time.sleep(60)"))
        while not [c for c in made.left() if c["State"] == "running"]:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        daemon.kill()
        with pytest.raises(SandboxError):
            await running

    asyncio.run(die())
    end = time.monotonic() + 30
    while daemon.contained() and time.monotonic() < end:
        time.sleep(0.1)
    assert daemon.contained() == []


def test_results_are_one_json_object(containers: Containers) -> None:
    result = containers.run("print('x')")
    assert json.loads(result.model_dump_json())["backend"] == "docker"
