"""Prepared environments: locked, built once, verified, and reachable by a user without privileges."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.core.sandboxing import EnvironmentSpec, Limits
from peercycle.sandbox import building, environments, installer, records
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.fetching.wheels import WheelStore
from peercycle.sandbox.interpreter import unreachable
from peercycle.sandbox.locking import versions
from peercycle.sandbox.place import remove_tree

if TYPE_CHECKING:
    from tests.fixtures.handmade_wheels import MakeWheel
    from tests.sandbox.conftest import Harness


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory, make_wheel: MakeWheel) -> Path:
    """A folder with one wheel in it."""
    folder = tmp_path_factory.mktemp("wheels")
    make_wheel(folder, "smallpackage", "1.0", "answer = 42\n")
    return folder


@pytest.fixture
def _only_wheels(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip look nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


SMALL = EnvironmentSpec(name="base", requirements=("smallpackage==1.0",))


@pytest.mark.usefixtures("_only_wheels")
def test_a_further_requirement_is_locked_and_builders_at_once_build_one(harness: Harness, wheels: Path) -> None:
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(environments.prepare(harness.settings, SMALL))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [made[0]] * 3
    assert [p for p in (Path(made[0].location).parent).iterdir() if p.name.startswith(".new-")] == []
    assert made[0].packages == {"smallpackage": "1.0"}
    record = records.Record.model_validate_json((Path(made[0].location) / records.RECORD).read_text())
    wheel = next(wheels.glob("*.whl"))
    assert record.lock == f"smallpackage==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.mark.usefixtures("_only_wheels")
def test_an_environment_is_read_only_and_refused_once_changed(harness: Harness) -> None:
    program = "import smallpackage; print(smallpackage.answer)\nopen(smallpackage.__file__, 'a')"
    result = harness.run("", argv=("python", "-c", program), environment=SMALL)
    assert result.stdout.text == "42\n"
    assert "denied" in result.stderr.text or "Read-only file system" in result.stderr.text
    ref = asyncio.run(harness.sandbox.prepare(SMALL))
    module = next(Path(ref.location).glob("lib/*/site-packages/smallpackage.py"))
    module.write_text("answer = 2\n")
    records._checked.cache_clear()
    with pytest.raises(SandboxError, match="has been changed since it was built"):
        harness.run("", argv=("python", "-c", "1"), environment=SMALL)
    remove_tree(Path(ref.location))


@pytest.mark.usefixtures("_only_wheels")
def test_what_cannot_be_fetched_is_one_clear_line_and_leaves_nothing(harness: Harness) -> None:
    spec = EnvironmentSpec(name="base", requirements=("absentpackage==1.0",))
    with pytest.raises(SandboxError, match=r"could not be .*absentpackage") as caught:
        asyncio.run(harness.sandbox.prepare(spec))
    assert "\n" not in str(caught.value)
    assert "PIP_FIND_LINKS" in str(caught.value)
    folder = harness.sandbox.settings.state_dir
    assert folder is not None
    assert not list((folder / "environments").glob(".new-*"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (EnvironmentSpec(name="scientifc"), "no environment 'scientifc': there are base, pandoc, scientific, tex"),
        (EnvironmentSpec(name="base", requirements=("numpy",)), "'numpy' is not pinned"),
        (EnvironmentSpec(name="base", requirements=("-r/etc/passwd",)), "is not pinned"),
        (EnvironmentSpec(name="base", requirements=("a @ file:///x",)), "is not pinned"),
    ],
)
def test_a_bad_specification_is_refused(harness: Harness, spec: EnvironmentSpec, message: str) -> None:
    with pytest.raises(RefusedRequestError, match=message):
        asyncio.run(harness.sandbox.prepare(spec))


def test_the_host_packages_are_not_in_an_environment(harness: Harness) -> None:
    assert "dist-packages" not in harness.said("", argv=("python", "-c", "import sys; print(sys.path)"))


def test_a_folder_that_others_cannot_pass_is_found(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o001)
    assert unreachable(home / "bin") is None
    home.chmod(0o700)
    assert unreachable(home / "bin") == home


def test_the_scientific_lock_pins_every_package_by_hash_and_names_no_server() -> None:
    lock = resources.files("peercycle.sandbox.locks").joinpath("scientific.txt").read_text()
    assert {"numpy", "matplotlib"} <= {name for name, _ in versions(lock)}
    for block in re.split(r"\n(?=[a-z])", lock.strip()):
        assert "--hash=sha256:" in block
    assert "://" not in lock
    assert "index" not in lock


@pytest.fixture(scope="module")
def shared(harness: Harness) -> Harness:
    """The machine's own state directory, where the larger environment is built once and for all."""
    made = type(harness)(BubblewrapSettings())
    try:
        asyncio.run(BubblewrapSandbox(made.settings).prepare(EnvironmentSpec(name="scientific")))
    except SandboxError as error:
        pytest.skip(f"needs the scientific environment: {error}")
    return made


def test_the_scientific_environment_computes_and_plots_alike_twice(shared: Harness) -> None:
    program = """
import numpy, matplotlib.pyplot as plt
plt.plot(numpy.random.default_rng(0).normal(size=50).cumsum()); plt.savefig("figure.pdf")
"""
    results = [
        shared.run(
            "",
            argv=("python", "-c", program),
            environment=EnvironmentSpec(name="scientific"),
            outputs=("figure.pdf",),
            limits=Limits(wall_s=60, memory_mb=512),
        )
        for _ in range(2)
    ]
    assert [r.status for r in results] == ["ok", "ok"], results[0].stderr.text
    assert results[0].stderr.text == ""
    assert results[0].outputs == results[1].outputs
    assert shared.bodies.held[results[0].outputs[0].artifact].startswith(b"%PDF")


def test_tex_compiles_and_reads_no_file_of_the_host(shared: Harness) -> None:
    spec = EnvironmentSpec(name="tex")
    try:
        asyncio.run(shared.sandbox.prepare(spec))
    except SandboxError as error:
        pytest.skip(f"needs TeX: {error}")
    paper = shared.bodies.add(
        rb"""\documentclass{article}\begin{document}$e^{i\pi}=-1$
\newread\f\openin\f=/etc/passwd \ifeof\f closed\else\typeout{READ}\fi
\immediate\write18{touch shell} \end{document}"""
    )
    result = shared.run(
        "",
        argv=("pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"),
        files={"paper.tex": paper},
        environment=spec,
        outputs=("*.pdf", "shell"),
        limits=Limits(wall_s=60, memory_mb=512),
    )
    assert result.status == "ok", result.stdout.text[-1000:]
    assert [o.path for o in result.outputs] == ["paper.pdf"]
    assert "READ" not in result.stdout.text


HOSTILE = """
import os, sys
if os.getcwd() != "/work":
    open({proof!r}, "w").write("ran outside")
"""


def test_no_code_of_a_package_runs_outside_while_its_environment_is_built(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_wheel: MakeWheel
) -> None:
    folder, proof = tmp_path / "wheels", tmp_path / "proof"
    folder.mkdir()
    make_wheel(folder, "matplotlib", "9.9", HOSTILE.format(proof=str(proof)))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    made = environments.prepare(harness.settings, EnvironmentSpec(name="base", requirements=("matplotlib==9.9",)))
    assert made.packages == {"matplotlib": "9.9"}
    assert not proof.exists()


@pytest.mark.usefixtures("_only_wheels")
def test_a_requirement_may_name_its_hash_and_another_file_is_refused(harness: Harness, wheels: Path) -> None:
    digest = hashlib.sha256(next(wheels.glob("*.whl")).read_bytes()).hexdigest()
    named = EnvironmentSpec(name="base", requirements=(f"smallpackage==1.0 --hash=sha256:{digest}",))
    assert asyncio.run(harness.sandbox.prepare(named)).packages == {"smallpackage": "1.0"}
    other = EnvironmentSpec(name="base", requirements=(f"smallpackage==1.0 --hash=sha256:{'0' * 64}",))
    with pytest.raises(RefusedRequestError, match="another file than asked for"):
        asyncio.run(harness.sandbox.prepare(other))


def test_an_environment_is_built_again_offline_from_the_wheels_that_are_kept(
    harness: Harness, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(next(wheels.glob("*.whl")).read_bytes()).hexdigest()
    lock = f"smallpackage==1.0 --hash=sha256:{digest}\n"
    assert harness.settings.state_dir is not None
    store = WheelStore(harness.settings.state_dir / "other")
    base = environments.base_of(harness.settings, "base")

    def install(name: str, fetch: FetchSettings) -> Path:
        folder = harness.settings.state_dir / name  # type: ignore[operator]
        building._skeleton(folder, base.python)
        installer.install(
            installer.find_pip(), installer.Target(folder, base.python, foreign=False), lock, store, fetch
        )
        return folder / base.python.site / "smallpackage.py"

    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SandboxError, match="set to be offline"):
        install("first", FetchSettings(offline=True))
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    assert install("second", FetchSettings()).exists()
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert install("third", FetchSettings(offline=True)).exists()
    assert [each.name for each in store.folder.iterdir()] == [digest]


def test_a_small_wheel_that_unpacks_to_much_is_no_environment_and_leaves_nothing(
    harness: Harness, make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path, "swollen", "1.0", f"# {'x' * (5 << 20)}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    narrow = FetchSettings(max_mb=1)
    sandbox = BubblewrapSandbox(harness.settings.model_copy(update={"fetch": narrow}))
    with pytest.raises(SandboxError, match=r"unpacked more than `fetch\.max_mb` allows"):
        asyncio.run(sandbox.prepare(EnvironmentSpec(name="base", requirements=("swollen==1.0",))))
    assert harness.settings.state_dir is not None
    assert not list((harness.settings.state_dir / "environments").glob(".new-*"))


def test_kept_wheels_that_unpack_to_much_are_refused_for_that_and_not_downloaded_again(
    harness: Harness, make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path, "swollen", "1.0", f"# {'x' * (5 << 20)}\n")
    wheel = next(tmp_path.glob("*.whl"))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    store = WheelStore(tmp_path)
    (store.folder / digest).mkdir(parents=True)
    wheel.rename(store.folder / digest / wheel.name)
    base = environments.base_of(harness.settings, "base")
    building._skeleton(tmp_path / "fresh", base.python)
    target = installer.Target(tmp_path / "fresh", base.python, foreign=False)
    lock = f"swollen==1.0 --hash=sha256:{digest}\n"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for offline in (True, False):
        with pytest.raises(SandboxError, match=r"unpacked more than `fetch\.max_mb` allows"):
            installer.install(installer.find_pip(), target, lock, store, FetchSettings(max_mb=1, offline=offline))


def test_a_long_installation_is_not_measured_all_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []

    def noted(folder: Path) -> int:
        looks.append(folder)
        return 0

    monkeypatch.setattr(installer, "size_of", noted)
    began = time.monotonic()
    sleeping = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(1.2)"]
    process = subprocess.Popen(sleeping, stderr=subprocess.PIPE)
    installer._awaited(process, installer.WriteLimit(tmp_path, tmp_path, 1))
    assert 1 <= len(looks) <= 1 + (time.monotonic() - began) / 2, "a walk through thousands of files, each time"
