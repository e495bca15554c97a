"""Refusing a request whose guarantees a sandbox does not hold."""

from __future__ import annotations

from peercycle.core.errors import SandboxUnavailableError
from peercycle.core.sandboxing import ExecRequest, ProbeResult


def refuse_unmet(request: ExecRequest, probed: ProbeResult) -> None:
    """Raise `SandboxUnavailableError`, naming backend, canary and fix, where a guarantee asked for is not held."""
    name = probed.backend
    if not probed.available:
        raise SandboxUnavailableError(
            f"the sandbox {name!r} does not work here: {probed.problem}. {probed.fix or ''}".strip()
        )
    missing = sorted(request.requires - probed.guarantees)
    if missing:
        canary = next((c for c in probed.canaries if c.guarantee == missing[0]), None)
        detail = f" ({canary.detail})" if canary and canary.detail else ""
        fix = f" {canary.fix}" if canary and canary.fix else ""
        raise SandboxUnavailableError(
            f"the sandbox {name!r} does not hold {', '.join(map(repr, missing))} here{detail}.{fix}"
        )
