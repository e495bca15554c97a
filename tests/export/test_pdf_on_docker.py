"""The paper as PDF where the sandbox is Docker: its image has a TeX of its own, or the log says how to make one that has."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.export.test_pdf_export import Sandboxed
from tests.fixtures.docker_daemon import TREE

from peercycle.cli.machine import tex_in
from peercycle.core.base import Word
from peercycle.export.pdf import PdfExporter
from peercycle.sandbox.containers.backend import DockerSandbox
from peercycle.sandbox.containers.images import import_tree
from peercycle.sandbox.containers.settings import DockerSettings

PROGRAMS = ("pdftex", "pdflatex", "bibtex.original", "kpsewhich")
FOLDERS = ("usr/share/texlive", "usr/share/texmf", "var/lib/texmf", "etc/texmf")
"""Where Debian's TeX lies, beside its programs."""
WITH_TEX = "with-tex:latest"


def test_an_image_without_tex_costs_the_pdf_and_log_and_doctor_name_the_command(
    case: Any, tmp_path: Path, docker_settings: DockerSettings
) -> None:
    sandbox = DockerSandbox(docker_settings)
    context = Sandboxed(case.artifacts, tmp_path, sandbox)
    found = asyncio.run(PdfExporter(Word()).export(case.edition, case.run(), context))  # type: ignore[arg-type]
    assert found == {}
    assert "peercycle sandbox build --with-tex" in context.logged[-1]
    told = asyncio.run(tex_in("docker", sandbox))
    assert (told.ok, told.fix) == (False, "peercycle sandbox build --with-tex")


@pytest.fixture
def with_tex(docker_settings: DockerSettings) -> Iterator[DockerSettings]:
    """Settings with an image that has this machine's TeX in it: no registry and no mirror is asked for one."""
    if shutil.which("pdflatex") is None or not Path("/usr/share/texlive").is_dir():
        pytest.skip("needs Debian's pdflatex: make setup-test, as root on Debian or Ubuntu")
    folder = Path(tempfile.mkdtemp(prefix="peercycle-tex-tree-", dir="/var/tmp"))
    try:
        root = folder / "root"
        subprocess.run(["cp", "-a", "--", TREE, root], check=True)
        lay_tex(root)
        import_tree(docker_settings, root, WITH_TEX)
        yield docker_settings.model_copy(update={"image": WITH_TEX})
    finally:
        shutil.rmtree(folder)


def lay_tex(root: Path) -> None:
    for name in FOLDERS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", "--", f"/{name}", root / name], check=True)
    for name in PROGRAMS:
        shutil.copy(Path("/usr/bin", name), root / "usr/bin" / name, follow_symlinks=False)
        said = subprocess.run(["ldd", f"/usr/bin/{name}"], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"=> (/\S+)", said):
            target = root / Path(library).relative_to("/")
            if not target.exists():
                shutil.copy(library, target)
    (root / "usr/bin/bibtex").symlink_to("bibtex.original")


@pytest.mark.prove
@pytest.mark.timeout(300)
def test_an_image_with_tex_sets_the_paper_as_the_bubblewrap_sandbox_does(
    case: Any, tmp_path: Path, with_tex: DockerSettings
) -> None:
    sandbox = DockerSandbox(with_tex)
    context = Sandboxed(case.artifacts, tmp_path, sandbox)
    found = asyncio.run(PdfExporter(Word()).export(case.edition, case.run(), context))  # type: ignore[arg-type]
    assert context.logged == []
    assert found["paper/paper.pdf"].startswith(b"%PDF-")
    assert asyncio.run(tex_in("docker", sandbox)).ok
