"""What a loop exported and is gone from the registry: put back. What is damaged there: named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peercycle.core.errors import DamagedRunError, PeercycleError
from peercycle.core.training import PolicyCheckpoint
from peercycle.store.policies import RECORD_FILE, StoredPolicy, add_metrics, keep_policy, open_policy
from peercycle.trainers.loop.evaluating import EVALUATION, Evaluation, metrics_of
from peercycle.trainers.loop.frame import Frame, start_folder
from peercycle.trainers.loop.manifest import read_manifest


def kept_again(policies: Path, record: PolicyCheckpoint, trained: Path, iteration: Path) -> StoredPolicy:
    """Return a policy of the registry; what is gone from it is exported again, with what its evaluation measured.

    Raises `DamagedRunError` for one whose weights are other ones, which says what to remove: it may be somebody's.
    """
    if (policies / record.name / RECORD_FILE).is_file():
        return open_policy(policies / record.name, policies)
    kept = keep_policy(policies, record, trained)
    evaluated = iteration / "evaluate"
    if read_manifest(evaluated) is None:
        return kept
    found = Evaluation.model_validate(json.loads((evaluated / EVALUATION).read_bytes()))
    return add_metrics(policies, record.name, metrics_of(found))


def lacking(frame: Frame) -> bool:
    """Tell whether a policy that the loop exported is gone from the registry."""
    exports = [
        start_folder(frame.settings, frame.place) / "export",
        *frame.place.folder.glob("[0-9][0-9][0-9]/export"),
    ]
    done = [manifest for folder in exports if (manifest := read_manifest(folder)) is not None]
    return any(not (frame.place.policies / str(each.figures["policy"]) / RECORD_FILE).is_file() for each in done)


@contextmanager
def naming_kept(frame: Frame, name: str) -> Iterator[None]:
    """Where weights are damaged, say whether the registry's are, too: both are often one file of two names."""
    try:
        yield
    except DamagedRunError as error:
        place = frame.place.policies / name
        if place.is_dir():
            try:
                open_policy(place, frame.place.policies)
            except PeercycleError:
                error.add_note(f"and {str(place)!r}, which is damaged, too")
        raise
