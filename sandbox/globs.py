"""The globs by which a request declares its outputs."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from peercycle.core.errors import RefusedRequestError

_MAX_PATTERNS = 100
_MAX_LENGTH = 200


def check_patterns(patterns: Sequence[str]) -> None:
    """Raise `RefusedRequestError` for a glob that could mean something outside the working directory."""
    if len(patterns) > _MAX_PATTERNS:
        raise RefusedRequestError(f"{len(patterns)} output globs: at most {_MAX_PATTERNS}")
    for pattern in patterns:
        parts = pattern.split("/")
        plain = pattern and len(pattern) <= _MAX_LENGTH and pattern.isprintable()
        if not plain or any(part in ("", ".", "..") for part in parts):
            raise RefusedRequestError(
                f"output glob {pattern!r} must be relative to the working directory, as 'out/*.json'"
            )


def is_literal(pattern: str) -> bool:
    """Return whether a glob names one file."""
    return not any(mark in pattern for mark in "*?[")


def matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether the components of a path match those of a glob; `**` stands for any number of folders."""
    reached = {0}
    for part in (*path, None):
        # A `**` may also stand for nothing.
        for at in sorted(reached):
            while at < len(pattern) and pattern[at] == "**":
                at += 1  # noqa: PLW2901  # follows the run of `**`
                reached.add(at)
        if part is None:
            break
        following = set()
        for at in reached:
            if at < len(pattern):
                if pattern[at] == "**":
                    following.add(at)
                elif fnmatch.fnmatchcase(part, pattern[at]):
                    following.add(at + 1)
        reached = following
    return len(pattern) in reached
