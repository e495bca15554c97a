"""Where in a plugin's own code an error arose: what its author looks for first."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import Path


def told(error: BaseException, modules: Iterable[str]) -> str:
    """Return an error on one line, with `(file.py:12)` of the innermost frame that is in the packages of some modules.

    Frames of peercycle itself are no plugin's; without a frame of a plugin's there is no place to name.
    """
    message = f"{type(error).__name__}: {error}"
    own = {name.partition(".")[0] for name in modules} - {"peercycle"}
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in own:
            found = f" ({Path(frame.f_code.co_filename).name}:{line})"
    return f"{message}{found}"
