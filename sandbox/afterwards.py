"""What happens after a driver's death: a keeper, started before its first execution, removes what it left.

`python -m peercycle.sandbox.afterwards STATE OWNER DAEMON` is what the keeper becomes where there is something to remove.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from peercycle.core.errors import SandboxError
from peercycle.sandbox import keeper
from peercycle.sandbox.processes import labelled, start_time

DEATH_S = 10.0
"""How long the guards of what the driver ran may take to end it; what is still there then is killed."""
PATIENCE_S = 60.0
"""How long what is left may be held by somebody, as by a child process of the driver's, before it is left to `reap`."""
PAUSE_S = 0.1

_kept: set[tuple[int, Path, str]] = set()


def keep(state: Path, daemon: str = "") -> None:
    """Start the keeper of this process's executions below `state`, in containers of the daemon at a URL or in none.

    One for all of them: it waits for the end of the process. Raises `SandboxError` where it cannot be started.
    """
    pid = os.getpid()
    if (pid, state, daemon) in _kept:
        return
    began = str(start_time(pid))
    then = [sys.executable, "-m", __spec__.name, str(state), f"{pid}-{began}-", daemon]
    try:
        subprocess.run(
            [sys.executable, "-I", "-S", keeper.__file__, str(pid), began, str(state), *then],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # No key of the driver's: what it needs is where this package was imported from, and `rm`.
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            cwd="/",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise SandboxError(f"cannot start the process that cleans up after this one ({error})") from error
    _kept.add((pid, state, daemon))


def main(argv: list[str]) -> None:
    """Remove what a dead driver left, once its programs are gone."""
    state, owner, daemon = Path(argv[1]), argv[2], argv[3]
    began = time.monotonic()
    while (names := keeper.left(str(state), owner)) and time.monotonic() < began + PATIENCE_S:
        dying = any(labelled(name) for name in names)
        if not dying or time.monotonic() > began + DEATH_S:
            # Tried again: somebody may hold it still, or the daemon be busy.
            with contextlib.suppress(SandboxError):
                _reap(state, daemon, owner)
        time.sleep(PAUSE_S)


def _reap(state: Path, daemon: str, owner: str) -> None:
    from peercycle.sandbox import reap

    if daemon:
        from peercycle.sandbox.containers import leftovers
        from peercycle.sandbox.containers.settings import DockerSettings

        leftovers.reap(DockerSettings(base_url=daemon), owner)
    reap.reap_of(state, owner)


if __name__ == "__main__":
    main(sys.argv)
