"""What the experiments stood on: packages and data, with hashes and licences."""

from __future__ import annotations

from collections.abc import Mapping

from peercycle.core.base import JSON
from peercycle.export.account.gathering import Gathered

PREPARED = "prepared"
"""The kind of event by which the driver tells what it prepared for an execution."""
EXPORTING = frozenset({"tex", "pandoc"})
"""Environments that set the paper and measure nothing."""


def materials(run: Gathered) -> dict[str, JSON]:
    """Return the environments and the data that were prepared, each once, in the order of their first use."""
    found: dict[str, dict[str, JSON]] = {"environments": {}, "data": {}}
    for event in run.events:
        if event.kind != PREPARED:
            continue
        environment, data = event.data.get("environment"), event.data.get("data")
        if isinstance(environment, Mapping) and environment.get("name") not in EXPORTING:
            found["environments"].setdefault(str(environment.get("digest")), dict(environment))
        for record in data if isinstance(data, list) else ():
            if isinstance(record, Mapping):
                known = f"{record.get('name')} {record.get('sha256')}"
                found["data"].setdefault(known, dict(record))
    return {kind: list(each.values()) for kind, each in found.items()}
