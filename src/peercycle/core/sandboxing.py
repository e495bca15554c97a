"""Requests to a sandbox, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from peercycle.core.base import ArtifactRef, Word

Guarantee = Literal[
    "environment_clean",
    "network_none",
    "host_files_hidden",
    "sysctl_read_only",
    "processes_limited",
    "memory_limited",
    "disk_limited",
    "dies_with_driver",
]
"""What a sandbox's probe has shown by a canary, on this machine, now."""

ALL_GUARANTEES: frozenset[Guarantee] = frozenset(get_args(Guarantee))

ExecStatus = Literal["ok", "nonzero", "timeout", "oom", "output_limit", "disk_limit", "killed", "sandbox_error"]
"""How a program ended.

`sandbox_error` is no ending of a program: it stands for an exception where none can be raised, as in
`peercycle sandbox exec --json`. `Sandbox.run` raises `SandboxError` instead, and a driver that is handed this status
raises it too, so that no model is ever told that its program failed where the sandbox did.
"""

SCRIPT = "script.py"
"""What a request's `script` is called in the working directory."""


class Limits(Word):
    """What one execution may use. A backend enforces every one, or refuses the request."""

    wall_s: float = Field(default=60.0, gt=0, le=7 * 24 * 3600)
    cpu_s: float | None = Field(default=None, gt=0)
    """Processor seconds of each process; none means `wall_s` times the cores."""
    memory_mb: int = Field(default=1024, ge=16)
    processes: int = Field(default=64, ge=1)
    disk_mb: int = Field(default=256, ge=1)
    """Bytes written below the working directory, in all."""
    files: int = Field(default=2000, ge=1)
    """Entries created below the working directory."""
    output_bytes: int = Field(default=1 << 20, ge=1024)
    """Bytes of standard output and of standard error, each; more ends the program."""
    open_files: int = Field(default=256, ge=16)
    gpus: int = Field(default=0, ge=0)
    network: Literal["none"] = "none"


class DataSpec(Word):
    """Data that an experiment reads, fetched by the prepare step and mounted read-only."""

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$")
    """File name under `data/` in the working directory."""
    kind: Literal["artifact", "path", "url", "huggingface"]
    source: str
    """An artefact reference, a local path, a URL, or a dataset's name."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    revision: str | None = None
    licence: str | None = None


class DataRecord(Word):
    """Data as the prepare step found it: what a report says of it."""

    name: str
    kind: Literal["artifact", "path", "url", "huggingface"]
    source: str
    sha256: str
    """Of its bytes; of a folder, of the names and hashes of its files."""
    size: int = Field(ge=0)
    """Bytes, in all."""
    revision: str | None = None
    """The commit that a dataset's revision named."""
    licence: str | None = None
    """As the experiment or the dataset's card says; None where neither does."""


class EnvironmentSpec(Word):
    """What an execution needs installed."""

    name: str = "scientific"
    """A prepared environment by name; `scientific` holds numpy and matplotlib, `base` only Python, `tex` TeX,
    `pandoc` pandoc."""
    requirements: tuple[str, ...] = ()
    """Further pinned requirements (`name==version`, with `--hash=sha256:…` where it is known), resolved by the prepare
    step."""


class EnvironmentRef(Word):
    """A prepared environment: what `run` is handed."""

    name: str
    digest: str
    """Hash of the lock it was built from: two environments with one digest hold the same packages."""
    backend: str
    location: str
    """Where the backend keeps it (a path, an image); not part of any fingerprint."""
    packages: dict[str, str] = {}


class CanaryResult(Word):
    """One check of a probe."""

    guarantee: Guarantee
    passed: bool
    detail: str = ""
    fix: str | None = None
    """What to install or set, where it failed."""


class ProbeResult(Word):
    """What a backend has shown that it holds, on this machine, now."""

    backend: str
    version: str = ""
    available: bool
    """The backend runs a trivial program at all."""
    canaries: tuple[CanaryResult, ...] = ()
    problem: str | None = None
    fix: str | None = None

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """The guarantees whose canary passed."""
        return frozenset(c.guarantee for c in self.canaries if c.passed) if self.available else frozenset()

    @property
    def passed(self) -> bool:
        """Whether it holds every guarantee."""
        return self.holds(ALL_GUARANTEES)

    def holds(self, needed: Iterable[Guarantee]) -> bool:
        """Whether it works here and holds these guarantees."""
        return self.available and self.guarantees >= frozenset(needed)


class ExecRequest(Word):
    """One program to run, with its inputs and limits. Journalled, so it holds references and no bodies."""

    argv: tuple[str, ...] = ()
    """The program and its arguments; `python` is the environment's interpreter. With a `script`, its arguments."""
    script: ArtifactRef | None = None
    """A Python program to run instead of `argv[0]`; it lies read-only in the working directory, as `script.py`."""
    files: dict[str, ArtifactRef] = {}
    """Read-only files in the working directory, by relative path."""
    stdin: ArtifactRef | None = None
    environment: EnvironmentSpec = EnvironmentSpec()
    data: tuple[DataSpec, ...] = ()
    variables: dict[str, str] = {}
    """The environment, an allow-list: beside the few that every execution has, nothing else is set, none inherited."""
    outputs: tuple[str, ...] = ()
    """Globs, relative to the working directory, of the files to collect; `**` is allowed."""
    limits: Limits = Limits()
    requires: frozenset[Guarantee] = ALL_GUARANTEES
    """Guarantees without which the program is not run."""

    @model_validator(mode="after")
    def _something_to_run(self) -> Self:
        if self.script is None and not self.argv:
            raise ValueError("name what to run: `argv`, or a `script`")
        if self.script is not None and SCRIPT in self.files:
            raise ValueError(f"a request with a `script` cannot bring a file {SCRIPT!r} of its own")
        return self

    def spelled_out(self) -> ExecRequest:
        """Return the same request with its script, where it has one, as a file and a command line."""
        if self.script is None:
            return self
        files = {**self.files, SCRIPT: self.script}
        return self.model_copy(update={"argv": ("python", SCRIPT, *self.argv), "script": None, "files": files})


class StreamCapture(Word):
    """What a program wrote to one stream: its head and its tail."""

    head: str = ""
    tail: str = ""
    """Empty unless `truncated`."""
    truncated: bool = False
    total_bytes: int = 0

    @property
    def text(self) -> str:
        """The stream, with a mark where bytes are left out."""
        return f"{self.head}\n[…]\n{self.tail}" if self.truncated else self.head


class OutputFile(Word):
    """A file that left the sandbox through a declared glob."""

    path: str
    size: int
    artifact: ArtifactRef
    sha256: str = ""
    """Of its bytes, as hexadecimal digits: what `artifact` says."""

    @model_validator(mode="before")
    @classmethod
    def _hash_of_its_bytes(cls, given: object) -> object:
        if isinstance(given, dict) and not given.get("sha256"):
            return {**given, "sha256": str(given.get("artifact", "")).removeprefix("sha256:")}
        return given


class ExecResult(Word):
    """How a program ended, and what it left."""

    status: ExecStatus
    problem: str | None = None
    """What was wrong with the sandbox, where the status is `sandbox_error`."""
    exit_code: int | None = None
    signal: int | None = None
    stdout: StreamCapture = StreamCapture()
    stderr: StreamCapture = StreamCapture()
    duration_s: float = Field(ge=0)
    peak_memory_mb: float | None = None
    outputs: tuple[OutputFile, ...] = ()
    refused: tuple[str, ...] = ()
    """Outputs that were not collected (a link, a device, over a limit), each with the reason."""
    backend: str
    version: str = ""
    guarantees: frozenset[Guarantee] = frozenset()
    environment_digest: str | None = None
    data: tuple[DataRecord, ...] = ()
    """What the program could read below `data/`."""
    execution_id: str = ""
    """Set by the driver: the same for the same request at the same place of a run."""
