"""One program handed to a sandbox from the command line, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from peercycle.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from peercycle.core.sandboxing import DataSpec, ExecResult, Limits

    OnOutput = Callable[[Literal["stdout", "stderr"], bytes], None]


@dataclass(frozen=True, slots=True)
class Errand:
    """What to run, with what."""

    argv: tuple[str, ...]
    limits: Limits
    files: tuple[Path, ...] = ()
    outputs: tuple[str, ...] = ()
    environment: str = "base"
    requirements: tuple[str, ...] = ()
    data: tuple[DataSpec, ...] = ()
    save: Path | None = None

    async def run(self, sandbox: Any, scratch: Path, on_output: OnOutput | None = None) -> ExecResult:
        """Run it. Raises `SandboxError` where the sandbox fails, `BadInputError` for a file that cannot be read."""
        from peercycle.cli import materials
        from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest
        from peercycle.store.artifacts import FileArtifactStore
        from peercycle.store.disk import disk_errors

        if self.save is not None:
            # Before anything runs: what it takes minutes to write is not to be lost for a folder.
            with disk_errors("keep outputs in", self.save):
                self.save.mkdir(parents=True, exist_ok=True)
        artifacts = FileArtifactStore(scratch / "artifacts", _unregistered)
        request = ExecRequest(
            argv=self.argv,
            files={path.name: await artifacts.put(_read(path)) for path in self._named_once()},
            environment=EnvironmentSpec(name=self.environment, requirements=self.requirements),
            data=self.data,
            outputs=self.outputs,
            limits=self.limits,
        )
        prepared, _ = await materials.prepare(sandbox, self.environment, self.requirements, self.data)
        result: ExecResult = await sandbox.run(request, prepared, artifacts, on_output)
        if self.save is not None:
            for output in result.outputs:
                self._keep(output.path, await artifacts.get(output.artifact))
        return result

    def _named_once(self) -> tuple[Path, ...]:
        from peercycle.core.errors import UsageError

        names = [path.name for path in self.files]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"--file: two files are called {doubled[0]!r}; the program sees them by name only")
        return self.files

    def _keep(self, relative: str, body: bytes) -> None:
        from peercycle.core.errors import SandboxError
        from peercycle.store.disk import disk_errors

        assert self.save is not None
        parts = PurePosixPath(relative).parts
        # The collector refuses such names; what a program chose is not believed twice.
        if relative.startswith("/") or ".." in parts or not parts:
            raise SandboxError(f"an output is called {relative!r}, which leads out of its folder")
        target = self.save.joinpath(*parts)
        with disk_errors("write", target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)


NOT_STARTED = frozenset({126, 127})
"""What a program that cannot be started, or is not there, ends with."""
_INTERPRETERS = {".py": "python", ".sh": "sh"}


def lending_hint(argv: tuple[str, ...], exit_code: int | None) -> str:
    """Return how to run a file of this machine that was named as the program; empty where that was not it."""
    import shlex

    path = Path(argv[0])
    if exit_code not in NOT_STARTED or not path.is_file():
        return ""
    inside = shlex.join([_INTERPRETERS.get(path.suffix, "INTERPRETER"), path.name, *argv[1:]])
    return f"{argv[0]} is a file here, and a sandbox sees what it is lent: --file {shlex.quote(argv[0])} -- {inside}"


class Live:
    """Shows what a program writes as it comes, such that no terminal is misled by it."""

    def __init__(self) -> None:
        import codecs
        import sys

        decoder = codecs.getincrementaldecoder("utf-8")
        self._streams = {
            "stdout": (sys.stdout, decoder("replace")),
            "stderr": (sys.stderr, decoder("replace")),
        }

    def __call__(self, name: Literal["stdout", "stderr"], chunk: bytes) -> None:
        """Show a part of a stream."""
        self._show(name, chunk, last=False)

    def close(self) -> None:
        """Show what was begun and not ended."""
        self._show("stdout", b"", last=True)
        self._show("stderr", b"", last=True)

    def _show(self, name: str, chunk: bytes, *, last: bool) -> None:
        from peercycle.cli.output import safe

        stream, decoder = self._streams[name]
        if text := decoder.decode(chunk, last):
            stream.write(safe(text, stream))
            stream.flush()


async def _unregistered(ref: str, size: int, media_type: str, name: str) -> None:
    """Keep no row: there is no run."""


MOST_LENT = 256 << 20
"""Bytes of one file that is lent by `--file`: it is read whole."""


def _read(path: Path) -> bytes:
    from peercycle.cli.materials import require_file
    from peercycle.core.errors import BadInputError

    size = require_file("--file", str(path))
    if size > MOST_LENT:
        raise BadInputError(
            f"--file {path}: {size >> 20} MB, over the {MOST_LENT >> 20} MB of a program's inputs; lend it as data, which "
            f"is mounted and not read: --data {path.name}={path}"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(f"--file {path}: {error.strerror}") from None


def read_limits(pairs: list[str] | tuple[str, ...]) -> Limits:
    """Return limits from `name=value` pairs. Raises `UsageError` naming the nearest limits."""
    from difflib import get_close_matches

    from pydantic import ValidationError

    from peercycle.core.complaints import complaint_of, uncapitalised
    from peercycle.core.errors import UsageError
    from peercycle.core.sandboxing import Limits

    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name not in Limits.model_fields or not equals:
            if name in Limits.model_fields:
                raise UsageError(f"--limit {pair}: write {name}=NUMBER")
            near = get_close_matches(name, Limits.model_fields, n=1) or list(Limits.model_fields)
            raise UsageError(f"--limit {pair}: write NAME=NUMBER with NAME one of {', '.join(near)}")
        values[name] = value
    try:
        return Limits.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UsageError(
            f"--limit {fault['loc'][0]}={fault['input']}: {uncapitalised(complaint_of(fault))}"
        ) from None


def say_result(result: ExecResult, asked: tuple[str, ...], save: Path | None) -> None:
    """Say how it ended; what it wrote has been shown. `asked` are the outputs that were asked for."""
    for name, stream in (("standard output", result.stdout), ("standard error", result.stderr)):
        if stream.truncated:
            say(f"{name} was cut: {stream.total_bytes} bytes came, which is over the limit", error=True)
    ended = f"exit code {result.exit_code}" if result.exit_code is not None else f"signal {result.signal}"
    memory = f", {result.peak_memory_mb:.0f} MB at most" if result.peak_memory_mb is not None else ""
    say(f"{result.status}: {ended} after {result.duration_s:.2f} s{memory}, in {result.backend}", error=True)
    for kept in result.outputs:
        where = f"in {save / kept.path}" if save is not None else "not kept: give --save DIR"
        say(f"collected {kept.path}: {kept.size} bytes, {where}, {kept.artifact}", error=True)
    for reason in result.refused:
        say(f"not collected: {reason}", error=True)
    if asked and not result.outputs and not result.refused:
        say(f"nothing collected: it wrote nothing that is called {' or '.join(asked)}", error=True)
