"""Trackers of the ecosystem: `report_to` is handed to transformers, and what we measure reaches them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.trainers.test_simpo_training import trained

from peercycle.core.errors import UsageError

pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[train]'")


def test_a_tracker_that_is_not_installed_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="report_to 'nobody': transformers knows no such tracker"):
        trained(tmp_path, report_to=("nobody",))


def test_a_tracker_is_told_what_a_step_and_an_evaluation_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    seen: dict[int, dict[str, float]] = {}

    class Tracker(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            seen.setdefault(state.global_step, {}).update(logs)

    monkeypatch.setattr(integration_utils, "get_available_reporting_integrations", lambda: ["ours"])
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "ours", Tracker)
    record, _ = trained(tmp_path, report_to=("ours",))
    assert list(seen) == [0, 1, 2, 3]
    for step in (1, 2, 3):
        assert {"loss", "margin", "accuracy", "grad_norm", "tokens_per_s", "peak_gb"} <= seen[step].keys()
    assert {"probe_repetition", "first_logp_chosen_change"} <= seen[3].keys()
    assert record.metrics["probe_repetition"] == seen[3]["probe_repetition"]
