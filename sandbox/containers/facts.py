"""What an image holds: its Python and its TeX, as a container of it says, asked once per image."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from peercycle.core.base import Word
from peercycle.core.errors import PeercycleError, SandboxError
from peercycle.core.sandboxing import EnvironmentRef, EnvironmentSpec, ExecRequest, ExecResult, Limits
from peercycle.sandbox import building, environments, fonts, locking, place
from peercycle.sandbox.containers.engine import engine, image_id
from peercycle.sandbox.containers.environments import FOLDER, Opened, state_directory
from peercycle.sandbox.containers.settings import NAME, DockerSettings
from peercycle.sandbox.containers.task import Task
from peercycle.sandbox.converter import pandoc_version
from peercycle.sandbox.interpreter import OLDEST, Interpreter
from peercycle.sandbox.profile import ENVIRONMENT

_ASK = """
import json, os, platform, shutil, subprocess, sys
tex = shutil.which("pdflatex")
said = subprocess.run([tex, "--version"], capture_output=True, text=True).stdout.partition("\\n")[0] if tex else ""
print(json.dumps({"version": sys.version_info[:3], "implementation": sys.implementation.name,
    "machine": platform.machine(), "prefix": sys.base_prefix, "path": os.path.realpath(sys.executable),
    "libc": platform.libc_ver(), "tex": said}))
"""


class Facts(Word):
    """What a container of an image says of it. Read strictly: an image may be anybody's."""

    version: tuple[int, int, int]
    implementation: Literal["cpython"]
    machine: Literal["x86_64", "aarch64"]
    prefix: str
    path: str
    libc: tuple[str, str]
    tex: str = ""

    def interpreter(self, image: str) -> Interpreter:
        """Return the image's Python."""
        return Interpreter(
            Path(self.path), self.version, self.implementation, self.machine, Path(self.prefix), self.platforms()
        )

    def platforms(self) -> tuple[str, ...]:
        """Return the tags of the wheels that run there, newest first."""
        if self.libc[0] != "glibc":
            return (f"musllinux_1_2_{self.machine}", f"musllinux_1_1_{self.machine}", "any")
        minor = int(self.libc[1].split(".")[1])
        newer = [f"manylinux_2_{number}_{self.machine}" for number in range(minor, 4, -1)]
        older = ["manylinux2014", "manylinux2010", "manylinux1"]
        return (*newer, *(f"{name}_{self.machine}" for name in older))


def base_of(settings: DockerSettings, name: str) -> building.Base:
    """Return what environments of this image are made for. Raises `SandboxError` for an image that is none for us."""
    image, facts = facts_of(settings)
    if name == "tex" and not facts.tex:
        raise SandboxError(
            f"no TeX in the image {settings.image!r}: build one that has it (peercycle sandbox build --with-tex)"
        )
    state = state_directory(settings) / FOLDER
    lent = {"tex": facts.tex, "pandoc": pandoc_version() if name == "pandoc" else ""}.get(name, "")

    def list_fonts(fresh: Path) -> None:
        with contextlib.suppress(PeercycleError):
            _, bodies = _once(settings, Opened(image, ((fresh, ENVIRONMENT),)), fonts.REQUEST)
            fonts.keep(fresh, dict(bodies))

    return building.Base(
        NAME, state, facts.interpreter(image), lent, image, environments.programs_of(name), list_fonts
    )


def prepare(settings: DockerSettings, spec: EnvironmentSpec) -> EnvironmentRef:
    """Return an environment for this image, building it where it is not there yet."""
    locking.wanted(spec)
    return environments.prepare_on(base_of(settings, spec.name), spec, settings.fetch)


def facts_of(settings: DockerSettings) -> tuple[str, Facts]:
    """Return the image's content address and what it holds."""
    with engine(settings) as client:
        image = image_id(client, settings)
    kept = state_directory(settings) / "images" / f"{image.replace(':', '-')}.json"
    try:
        return image, Facts.model_validate_json(kept.read_text())
    except (OSError, ValidationError):
        facts = _asked(settings, image)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(facts.model_dump_json())
    return image, facts


def _asked(settings: DockerSettings, image: str) -> Facts:
    request = ExecRequest(
        argv=("python3", "-I", "-S", "-c", _ASK), limits=Limits(wall_s=60, memory_mb=256), requires=frozenset()
    )
    result, _ = _once(settings, Opened(image, python="python3"), request)
    try:
        facts = Facts.model_validate_json(result.stdout.text)
    except ValidationError as error:
        raise SandboxError(
            f"the image {settings.image!r} has no Python that says what it is "
            f"({result.status}: {result.stderr.text.strip()[-200:]!r}): build it with `peercycle sandbox build`"
        ) from error
    if facts.version[:2] < OLDEST:
        raise SandboxError(f"the image {settings.image!r} has Python {facts.version}: 3.11 or newer is needed")
    return facts


def _once(
    settings: DockerSettings, environment: Opened, request: ExecRequest
) -> tuple[ExecResult, list[tuple[str, bytes]]]:
    """Run a program that needs no input, in this thread."""
    at = place.make(state_directory(settings), place.new_execution(), {"backend": NAME})
    try:
        place.fill(at, None, {})
        return Task(settings, request, at, environment, environment.mounts, None).run()
    finally:
        at.remove()
