"""The profile of a container: what it is created with. Everything is closed that an execution does not need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peercycle.core.sandboxing import Limits
from peercycle.sandbox.containers import weakening
from peercycle.sandbox.containers.settings import DockerSettings
from peercycle.sandbox.containers.weakening import Weakening
from peercycle.sandbox.profile import HOME, SHM_MB, STANDARD_VARIABLES, TMP_MB, WORK

if TYPE_CHECKING:
    from docker.api import APIClient

SLACK_BYTES = 1 << 20
"""Room beyond the disk limit: whoever gets there has passed it."""
SLACK_ENTRIES = 16
INPUT = "/run/peercycle/stdin"
ETC_NAMES = ("passwd", "group", "hosts", "nsswitch.conf", "resolv.conf")
_BOOT = "import sys\nfor text in sys.argv[1:]:\n    exec(compile(text, 'warden', 'exec'), globals())"


@dataclass(frozen=True, slots=True)
class Shape:
    """What one container is made of."""

    image: str
    """By content, so that a tag that moves meanwhile changes nothing."""
    limits: Limits
    mounts: tuple[tuple[Path, str], ...]
    """Read-only: where it lies on the host, and inside."""
    top_level: int
    """Entries of the working directory that are inputs."""
    labels: Mapping[str, str]
    without: Weakening = frozenset()
    """Protections left out, for a proof."""


def etc(user: int) -> dict[str, str]:
    """Return the few files of /etc that programs look for; Docker's own would tell of the host's network."""
    return {
        "passwd": f"root:x:0:0:root:/:/usr/sbin/nologin\nsandbox:x:{user}:{user}:sandbox:{HOME}:/bin/sh\n",
        "group": f"root:x:0:\nsandbox:x:{user}:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        "resolv.conf": "",
    }


def variables(given: Mapping[str, str]) -> dict[str, str]:
    """Return the program's whole environment."""
    return {**STANDARD_VARIABLES, **given, "PWD": WORK}


def tmpfs(settings: DockerSettings, shape: Shape) -> dict[str, str]:
    """Return the writable folders: all in memory, sized, counted, and gone with the container."""
    limits, user = shape.limits, settings.user
    own = f"nosuid,nodev,uid={user},gid={user}"
    entries = limits.files + shape.top_level + SLACK_ENTRIES
    small = min(TMP_MB, limits.memory_mb) << 20
    return {
        WORK: f"{own},exec,mode=0700,size={(limits.disk_mb << 20) + SLACK_BYTES},nr_inodes={entries}",
        "/tmp": f"{own},exec,mode=0700,size={small},nr_inodes={max(4096, small >> 14)}",  # noqa: S108
    }


def create(client: APIClient, settings: DockerSettings, shape: Shape) -> str:
    """Create a container, not started yet, and return its id."""
    from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

    limits = shape.limits
    memory = memory_bytes(limits)
    options: dict[str, Any] = {
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "privileged": False,
        "mem_limit": memory,
        "memswap_limit": memory,
        "pids_limit": processes(limits),
        "nano_cpus": int(1e9 * (settings.cpus or client.info()["NCPU"])),
        "tmpfs": tmpfs(settings, shape),
        "shm_size": min(SHM_MB, limits.memory_mb) << 20,
        "ipc_mode": "private",
        "ulimits": [
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="nofile", soft=max(limits.open_files, 64), hard=max(limits.open_files, 64)),
            Ulimit(name="fsize", soft=limits.disk_mb << 20, hard=limits.disk_mb << 20),
            Ulimit(name="memlock", soft=0, hard=0),
        ],
        # Our own process 1 reaps orphans; docker-init would be a second, and killable, one beside it.
        "init": False,
        "log_config": LogConfig(type=LogConfig.types.NONE),
        "auto_remove": True,
        "mounts": [Mount(target=to, source=str(at), type="bind", read_only=True) for at, to in shape.mounts],
    }
    if settings.runtime is not None:
        options["runtime"] = settings.runtime
    if limits.gpus:
        options["device_requests"] = [DeviceRequest(count=limits.gpus, capabilities=[["gpu"]])]
    weakening.weaken_options(options, shape.without)
    host = client.create_host_config(**options)
    weakening.weaken_host(host, shape.without)
    user = 0 if "unprivileged_uid" in shape.without else settings.user
    hint = [f"# {settings.state_dir}"] if "arguments_hidden" in shape.without else []
    created = client.create_container(
        shape.image,
        command=[*first_process(), *hint],
        entrypoint=[],
        user=f"{user}:{user}",
        hostname=None if "uts_namespace" in shape.without else "sandbox",
        working_dir=WORK,
        environment={"PATH": STANDARD_VARIABLES["PATH"], "LANG": "C.UTF-8"},
        labels=dict(shape.labels),
        stdin_open=True,
        tty=False,
        network_disabled="network_namespace" not in shape.without,
        healthcheck={"test": ["NONE"]},
        host_config=host,
    )
    return str(created["Id"])


def memory_bytes(limits: Limits) -> int:
    """Return the kernel's limit. The working directory lies in memory, but is no part of the program's share: process
    1 takes it away, and ends a program that holds more than its own."""
    return ((limits.memory_mb + limits.disk_mb) << 20) + SLACK_BYTES


LEAST_TO_START = 16
"""The runtime itself needs a few threads until the first process runs."""


def processes(limits: Limits) -> int:
    """Return how many processes the container may start with; process 1 is one of them."""
    return max(limits.processes + 1, LEAST_TO_START)


def limit_processes(client: Any, container: str, most: int) -> None:
    """Lower the limit of a container that runs already, which the SDK's own `update_container` cannot."""
    url = client._url("/containers/{0}/update", container)
    client._raise_for_status(client._post_json(url, data={"PidsLimit": most}))


def first_process() -> tuple[str, ...]:
    """Return the command of process 1: our two programs, as text, so that no path of ours is mounted for it."""
    texts = (
        files("peercycle.sandbox.containers").joinpath(name).read_text() for name in ("leavings.py", "warden.py")
    )
    return ("python3", "-I", "-S", "-c", _BOOT, *texts)
