"""What killed probes and users without a home leave to be told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from peercycle.core.errors import UsageError
from peercycle.sandbox import reap, settings


def test_what_a_killed_probe_laid_out_is_removed_once_no_probe_can_be_at_it(tmp_path: Path) -> None:
    for name, age in (("canary-0123", 120), ("canary-4567", 0), ("other-0123", 120)):
        (tmp_path / name).write_text("secret")
        then = time.time() - age
        os.utime(tmp_path / name, (then, then))
    assert f"removed {tmp_path / 'canary-0123'}" in reap.reap(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary-4567", "other-0123"]


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory for '~/.local/share'")

    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr("platformdirs.user_data_dir", no_home)
    with pytest.raises(UsageError, match=r"set HOME, or name a folder with --set sandboxes\.bubblewrap\.state_dir"):
        settings.state_at(None)
