"""Sources of papers: told apart by what they are, and nothing of a hostile one is taken."""

from __future__ import annotations

import asyncio
import gzip
import io
import tarfile
from typing import Any

import pytest

from peercycle.agents.literature.arxiv import Arxiv, ArxivSettings, eprint
from peercycle.agents.literature.arxiv.eprint import Eprint, read_eprint
from peercycle.core.errors import BadInputError, BadRequestError, SourceUnavailableError, WorkNotFoundError
from peercycle.plugins.testing.web import Reply, WebService

TEX = b"\\documentclass{article}\n\\begin{document}Hello\\end{document}\n"


def packed(*members: tuple[str, bytes | None, dict[str, Any]], compress: bool = True) -> bytes:
    """Return an archive of members: name, content, and what else its header says."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content, more in members:
            member = tarfile.TarInfo(name)
            member.size = len(content or b"")
            for key, value in more.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content or b""))
    return gzip.compress(out.getvalue()) if compress else out.getvalue()


def link(name: str, target: str, kind: bytes) -> tuple[str, None, dict[str, Any]]:
    return name, None, {"type": kind, "linkname": target}


@pytest.mark.parametrize("compress", [True, False])
def test_an_archive_comes_with_its_files_and_where_it_begins(compress: bool) -> None:
    found = read_eprint(
        packed(
            ("sections", None, {"type": tarfile.DIRTYPE}),
            ("./sections/one.tex", b"% \\documentclass\n", {}),
            ("paper.tex", TEX, {"mode": 0o6777}),
            compress=compress,
        ),
        "x",
    )
    assert (found.kind, found.main(), found.left_out) == ("archive", "paper.tex", ())
    assert found.files == {"sections/one.tex": b"% \\documentclass\n", "paper.tex": TEX}


@pytest.mark.parametrize(
    ("body", "kind", "name"),
    [
        (gzip.compress(TEX), "file", "x.tex"),
        (TEX, "file", "x.tex"),
        (gzip.compress(b"%!PS-Adobe"), "file", "x.ps"),
        (b"%PDF-1.5 \0", "pdf", "x.pdf"),
        (gzip.compress(b"%PDF-1.5 \0"), "pdf", "x.pdf"),
    ],
    # Packed bytes hold the time: as names of tests, they would differ from one process to the next.
    ids=["packed TeX", "TeX", "packed PostScript", "PDF", "packed PDF"],
)
def test_one_file_and_a_pdf_are_told_apart(body: bytes, kind: str, name: str) -> None:
    found = read_eprint(body, "x")
    assert (found.kind, list(found.files)) == (kind, [name])


@pytest.mark.parametrize(
    "name", ["../out.tex", "a/../../out.tex", "/etc/cron.d/x", "C:/x.tex", "..\\x.tex", "a\nb.tex", "a\x1b[2J.tex"]
)
def test_a_name_that_leads_outside_refuses_the_whole(name: str) -> None:
    with pytest.raises(BadInputError, match="refused as a whole"):
        read_eprint(packed(("paper.tex", TEX, {}), (name, b"x", {})), "x")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_refuses_the_whole(kind: bytes) -> None:
    with pytest.raises(BadInputError, match="device or pipe"):
        read_eprint(packed(("paper.tex", TEX, {}), ("sda", None, {"type": kind})), "x")


def test_links_and_files_that_tools_obey_are_left_out_and_named() -> None:
    found = read_eprint(
        packed(
            ("paper.tex", TEX, {}),
            link("etc", "/etc", tarfile.SYMTYPE),
            ("etc/passwd", b"mine", {}),
            link("hard.tex", "paper.tex", tarfile.LNKTYPE),
            (".latexmkrc", b"system('x')", {}),
            ("sub/latexmkrc", b"system('x')", {}),
            (".git/hooks/post-checkout", b"#!/bin/sh", {}),
        ),
        "x",
    )
    assert found.files == {"paper.tex": TEX, "etc/passwd": b"mine"}, "the folder is a folder of ours, and no link"
    assert [why for _, why in found.left_out][:2] == ["a link", "a link"]
    assert [name for name, _ in found.left_out] == [
        "etc", "hard.tex", ".latexmkrc", "sub/latexmkrc", ".git/hooks/post-checkout",
    ]  # fmt: skip


def test_of_two_files_with_one_name_the_first_stands() -> None:
    found = read_eprint(
        packed(("a.tex", TEX, {}), ("./a.tex", b"2", {}), ("A.TEX", b"3", {}), ("a.tex/b", b"4", {}), ("c/d", b"5", {}), ("c", b"6", {})),
        "x",
    )  # fmt: skip
    assert found.files == {"a.tex": TEX, "c/d": b"5"}
    assert len(found.left_out) == 4


def test_bombs_are_refused_before_they_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eprint, "MOST_BYTES", 100_000)
    with pytest.raises(BadInputError, match="more than 100000 bytes unpacked"):
        read_eprint(gzip.compress(b"a" * 10_000_000), "x")
    with pytest.raises(BadInputError, match="more than 100000 bytes"):
        read_eprint(packed(*[(f"{i}.tex", b"a" * 60_000, {}) for i in range(2)], compress=False), "x")
    monkeypatch.setattr(eprint, "MOST_MEMBERS", 10)
    with pytest.raises(BadInputError, match="more than 10 members"):
        read_eprint(packed(*[(f"{i}.tex", b"", {}) for i in range(11)]), "x")


@pytest.mark.parametrize(
    "body",
    [packed(("a.tex", TEX * 100, {}))[:60], packed(("a.tex", TEX * 100, {}), compress=False)[:700], b"\0\1\2", gzip.compress(b"")],
    ids=["gzip that breaks off", "tar that breaks off", "bytes", "nothing"],
)  # fmt: skip
def test_what_is_damaged_is_said_to_be(body: bytes) -> None:
    with pytest.raises(BadInputError):
        read_eprint(body, "x")


def fetched(service: WebService, paper: str) -> Eprint:
    async def main() -> Eprint:
        async with Arxiv(ArxivSettings(url=service.url, interval_s=0, tries=2)) as source:
            return await source.eprint(paper)

    return asyncio.run(main())


def test_it_is_asked_for_once_and_then_kept() -> None:
    with WebService([Reply(200, gzip.compress(TEX), media_type="application/gzip")]) as service:
        for paper in ("hep-th/9901001v2", "arXiv:hep-th/9901001v2", "https://arxiv.org/abs/hep-th/9901001v2"):
            assert fetched(service, paper).files == {"hep-th-9901001v2.tex": TEX}
        assert [received.path for received in service.received] == ["/e-print/hep-th/9901001v2"]


def test_what_does_not_exist_is_no_id_or_a_web_page_is_an_error() -> None:
    with WebService([Reply(404, b"no")]) as service:
        with pytest.raises(WorkNotFoundError):
            fetched(service, "2101.00001")
        with pytest.raises(BadRequestError, match="no arXiv id"):
            fetched(service, "../../etc/passwd")
        assert len(service.received) == 1
    with WebService([Reply(200, b"<!DOCTYPE html><p>Try later", media_type="text/html")]) as service:
        with pytest.raises(SourceUnavailableError, match="web page"):
            fetched(service, "2101.00001")
    with WebService([Reply(200, b"a" * (eprint.MOST_SENT_BYTES + 1))]) as service:
        with pytest.raises(SourceUnavailableError, match="answers with more than"):
            fetched(service, "2101.00001")
