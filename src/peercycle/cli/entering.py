"""The sandboxes of this machine, entered for one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AsyncExitStack

    from peercycle.core.sandboxing import ProbeResult
    from peercycle.plugins.manager import Plugins

T = TypeVar("T")


def components(overrides: list[str] | None) -> tuple[Plugins, dict[str, Any]]:
    """Return the plugins, and the settings of the sandboxes by name."""
    from peercycle.cli import configuring

    settings = configuring.read_settings(overrides)
    plugins = configuring.load_plugins(settings)
    return plugins, configuring.component_tables(settings, plugins).get("sandboxes", {})


def backends(plugins: Plugins, wanted: str | None) -> list[str]:
    """Return the sandboxes to look at, the preferred ones first. Raises `UnknownNameError`."""
    from peercycle.graphs.launch import sandbox_order

    return sandbox_order(plugins) if wanted is None else [plugins.find("sandboxes", wanted).name]


async def entered(stack: AsyncExitStack, plugins: Plugins, tables: dict[str, Any], name: str) -> Any:
    made = plugins.create("sandboxes", name, tables.get(name, {}))
    return await stack.enter_async_context(made) if hasattr(made, "__aenter__") else made


async def probe_all(plugins: Plugins, tables: dict[str, Any], wanted: str | None) -> list[ProbeResult]:
    """Probe the sandboxes to look at, in the order of `backends`, under the settings given for each."""
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        made = [await entered(stack, plugins, tables, name) for name in backends(plugins, wanted)]
        return [await sandbox.probe() for sandbox in made]


async def reap_all(plugins: Plugins, tables: dict[str, Any], wanted: str | None) -> tuple[list[str], list[str]]:
    """Return what was removed, and which sandboxes are not there, each with why.

    All are tried before the first other failure is raised: one that is stuck keeps no other from being cleaned.
    """
    from contextlib import AsyncExitStack

    from peercycle.core.errors import SandboxError, SandboxUnavailableError

    removed: list[str] = []
    absent: list[str] = []
    failures: list[SandboxError] = []
    async with AsyncExitStack() as stack:
        for name in backends(plugins, wanted):
            try:
                removed += await (await entered(stack, plugins, tables, name)).reap()
            except SandboxUnavailableError as error:
                if wanted is not None:
                    raise
                absent.append(f"{name}: {error}")
            except SandboxError as error:
                failures.append(error)
    if failures:
        raise failures[0]
    return removed, absent


async def in_first_that_passes(
    plugins: Plugins, tables: dict[str, Any], wanted: str | None, work: Callable[[Any], Awaitable[T]]
) -> T:
    """Do something with the first sandbox that passes its probe. Raises `SandboxUnavailableError` where none does."""
    from contextlib import AsyncExitStack

    from peercycle.core.errors import SandboxUnavailableError
    from peercycle.graphs.launch import complaint_of

    async with AsyncExitStack() as stack:
        complaints: list[str] = []
        for name in backends(plugins, wanted):
            sandbox = await entered(stack, plugins, tables, name)
            probed = await sandbox.probe()
            if probed.passed:
                return await work(sandbox)
            complaints.append(complaint_of(probed))
        raise SandboxUnavailableError(f"no sandbox passes its probe: {'; '.join(complaints) or 'none is installed'}")
