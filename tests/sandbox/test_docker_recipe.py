"""The image that `sandbox build` makes without a Dockerfile of the user's: our recipe, line by line, on Debian's packages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, Limits
from peercycle.sandbox.containers.backend import DockerSandbox
from peercycle.sandbox.containers.images import build, import_tree
from peercycle.sandbox.containers.settings import DockerSettings

if TYPE_CHECKING:
    from tests.sandbox.conftest import Bodies

BASE = "debian:12-slim"
"""What the recipe builds on, of which a registry would have the original: here a tree of the same release."""
UNREACHABLE = ("Unable to locate package", "Failed to fetch", "Unable to fetch", "Temporary failure")


@pytest.mark.prove(rank=60)
@pytest.mark.network
def test_our_recipe_builds_an_image_that_runs_python_and_reads_pdfs(
    docker_settings: DockerSettings, bodies: Bodies
) -> None:
    from tests.fixtures.docker_daemon import TREE

    import_tree(docker_settings, TREE, BASE)
    try:
        build(docker_settings, "recipe:1", None, None, tex=False, network="host")
    except SandboxError as error:
        if any(sign in str(error) for sign in UNREACHABLE):
            pytest.skip(f"needs a mirror of Debian's packages: {str(error)[-200:]}")
        raise
    sandbox = DockerSandbox(docker_settings.model_copy(update={"image": "recipe:1"}))
    request = ExecRequest(argv=("sh", "-c", "pdftotext -v; python -c 'print(6 * 7)'"), limits=Limits(wall_s=30))
    environment = asyncio.run(sandbox.prepare(EnvironmentSpec(name="base")))
    result = asyncio.run(sandbox.run(request, environment, bodies))
    assert (result.status, result.stdout.text) == ("ok", "42\n")
    assert "pdftotext version" in result.stderr.text
