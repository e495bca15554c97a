"""What is known before a run begins of what it will lack at its end."""

from __future__ import annotations

from peercycle.core.errors import SandboxError
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import EnvironmentSpec
from peercycle.graphs.pool import current_pool
from peercycle.graphs.settings import component_settings
from peercycle.plugins.manager import Plugins

PDF = "pdf"
"""The exporter that needs TeX in the sandbox."""


async def without_pdf(options: RunOptions, plugins: Plugins) -> list[str]:
    """Say where a run that is to set its paper has a sandbox without TeX, and what mends it.

    The environment is made ready as the paper's own compile would do it hours later: nothing is paid twice.
    """
    if PDF not in options.exporters or options.sandbox in {"auto", "none"}:
        return []
    settings = component_settings(options, "sandboxes", options.sandbox)
    holding = await current_pool().acquire(plugins, "sandboxes", options.sandbox, settings)
    try:
        await holding.component.prepare(EnvironmentSpec(name="tex"))
    except SandboxError as error:
        return [f"pdf: none will be made: {error}"]
    finally:
        await holding.release()
    return []
