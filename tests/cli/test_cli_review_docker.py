"""`peercycle review` of a PDF where Docker is the sandbox: the reader is the image's, not this machine's."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.test_cli_review_papers import pdf
from tests.fixtures.docker_daemon import TREE

from peercycle.sandbox.containers.engine import engine
from peercycle.sandbox.containers.settings import DockerSettings

if TYPE_CHECKING:
    from tests.cli.conftest import Done

Command = Callable[..., Any]
RECIPE = b"FROM peercycle-sandbox:latest\nADD reader.tar /\n"


def reader() -> bytes:
    """Return this machine's pdftotext with the libraries that the tree lacks, as apt would put them into an image."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("needs pdftotext: apt install poppler-utils")
    needs = re.findall(
        r"/\S+\.so\S*", subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        tar.add(program, "usr/bin/pdftotext")
        for library in needs:
            if not (TREE / library.lstrip("/")).exists():
                tar.add(library, f"usr/lib/pdf/{Path(library).name}")
        folders = b"/usr/lib/pdf\n"
        entry = tarfile.TarInfo("etc/ld.so.conf.d/pdf.conf")
        entry.size = len(folders)
        tar.addfile(entry, io.BytesIO(folders))
    return packed.getvalue()


def build(settings: DockerSettings, tag: str) -> None:
    context = io.BytesIO()
    recipe = RECIPE + b'RUN ["ldconfig"]\n'
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, body in (("Dockerfile", recipe), ("reader.tar", reader())):
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    context.seek(0)
    with engine(settings) as client:
        said = list(
            client.build(
                fileobj=context, custom_context=True, tag=tag, decode=True, network_mode="none", rm=True, forcerm=True
            )
        )
        assert not [line for line in said if "error" in line], said[-3:]


def review(peercycle: Command, settings: DockerSettings, image: str, folder: Path) -> Done:
    (folder / "paper.pdf").write_bytes(pdf("We compare two rankings of documents."))
    told = {
        "docker.base_url": settings.base_url, "docker.state_dir": settings.state_dir, "docker.image": image,
        # Not even as a second choice.
        "bubblewrap.bwrap": "no-such-bwrap",
    }  # fmt: skip
    overrides = [part for name, value in told.items() for part in ("--set", f"sandboxes.{name}={value}")]
    done: Done = peercycle("review", "paper.pdf", "--reviewer", "rubric", "--sandbox", "auto", "--json", *overrides)
    return done


def test_a_pdf_is_read_in_a_container(peercycle: Command, docker_settings: DockerSettings, folder: Path) -> None:
    build(docker_settings, "reading:1")
    done = review(peercycle, docker_settings, "reading:1", folder)
    assert done.code == 0, done.err
    assert done.json["stamp"].startswith("Made by a machine. It is no peer review")
    assert done.json["reviews"][0]["reviewer"] == "rubric"


def test_an_image_without_a_reader_of_pdfs_says_how_to_make_one_that_has_it(
    peercycle: Command, docker_settings: DockerSettings, folder: Path
) -> None:
    done = review(peercycle, docker_settings, docker_settings.image, folder)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "the sandbox 'docker' has no pdftotext (make the image with it: peercycle sandbox build)" in done.err
