"""What went wrong with plugins: kept for whoever asks, and never more than a person would read."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace

MOST_OF_A_HOOK = 20
"""Different failures of one plugin's hook that are kept: a listener may raise another one at every event of a night."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a plugin; the tool goes on."""

    plugin: str
    distribution: str | None
    version: str | None
    hook: str | None
    """The hook that failed; None where the plugin could not be loaded."""
    message: str
    """One line: who, what, and how to go on without it."""


class Problems:
    """The problems of one manager's plugins, oldest first. Safe to add to from several threads."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._of_hook: Counter[tuple[str, str | None]] = Counter()
        self._lock = threading.Lock()

    def add(self, problem: Problem) -> None:
        """Keep a problem that is not known yet; beyond `MOST_OF_A_HOOK`, one last line says that there are more."""
        of = (problem.plugin, problem.hook)
        with self._lock:
            if self._of_hook[of] > MOST_OF_A_HOOK or problem in self._kept:
                return
            self._of_hook[of] += 1
            if self._of_hook[of] > MOST_OF_A_HOOK:
                more = f"plugin {problem.plugin!r} fails in {problem.hook} again and again; what follows is not kept"
                problem = replace(problem, message=more)
            self._kept.append(problem)

    def all(self) -> tuple[Problem, ...]:
        """Return what is kept."""
        with self._lock:
            return tuple(self._kept)
