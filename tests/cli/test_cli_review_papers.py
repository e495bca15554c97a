"""`peercycle review` on LaTeX, Markdown and PDF, with reviewers that ask a model and without."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

REVIEW = """## Summary
Rankings are compared.
## Soundness
3 good
## Strengths
- Short.
## Weaknesses
- One collection.
## Rating
10: strong accept
## Confidence
4: confident
**********
## Meta Review
Fine.
## Paper Decision
Not accepted
"""


def pdf(text: str) -> bytes:
    """Return a PDF of one page with one line of text."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, entry in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, entry)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    return body + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)


@pytest.fixture
def reader() -> None:
    """What reading a PDF needs."""
    if shutil.which("pdftotext") is None or shutil.which("bwrap") is None:
        pytest.skip("needs pdftotext and bubblewrap: apt-get install poppler-utils bubblewrap")


def test_a_published_reviewer_reviews_a_paper_through_any_model(peercycle: Command, folder: Path) -> None:
    (folder / "paper.tex").write_text("\\title{On ranking}\\section{Introduction} We rank.")
    (folder / "answers.json").write_text(json.dumps([REVIEW]))
    done = peercycle(
        "review", "paper.tex", "--reviewer", "cyclereviewer", "--model", "scripted",
        "--set", 'models.default.name="scripted"', "--set", 'models.default.settings={"file": "answers.json"}', "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    data = done.json
    assert data["stamp"].startswith("Made by a machine. It is no peer review")
    assert (data["reviews"][0]["rating"], data["reviews"][0]["confidence"], data["decision"]) == (10, 4, "reject")


def test_each_review_is_shown_with_its_rating(peercycle: Command, folder: Path) -> None:
    (folder / "paper.tex").write_text("\\title{On ranking}\\section{Introduction} We rank.")
    (folder / "answers.json").write_text(json.dumps([REVIEW]))
    done = peercycle(
        "review", "paper.tex", "--reviewer", "cyclereviewer", "--model", "scripted",
        "--set", 'models.default.name="scripted"', "--set", 'models.default.settings={"file": "answers.json"}',
    )  # fmt: skip
    assert "rating 10, soundness 3, confidence 4" in done.out.splitlines()


@pytest.mark.usefixtures("reader")
def test_a_pdf_is_read_in_the_sandbox(peercycle: Command, folder: Path) -> None:
    (folder / "paper.pdf").write_bytes(pdf("We compare two rankings of documents."))
    done = peercycle("review", "paper.pdf", "--reviewer", "rubric")
    if "passes its probe" in done.err or "sandbox" in done.err:
        pytest.skip("needs a sandbox that passes its probe: see `peercycle doctor`")
    assert done.code == 0, done.err
    assert done.out.startswith("Made by a machine. It is no peer review")
    assert "Review by rubric" in done.out


@pytest.mark.usefixtures("reader")
def test_a_pdf_that_is_broken_is_one_line_and_no_review(peercycle: Command, folder: Path) -> None:
    (folder / "paper.pdf").write_bytes(b"%PDF-1.4 and nothing more")
    done = peercycle("review", "paper.pdf", "--reviewer", "rubric")
    assert done.code != 0
    assert "paper.pdf" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_what_is_named_pdf_and_is_none_is_refused(peercycle: Command, folder: Path) -> None:
    (folder / "paper.pdf").write_text("We rank.")
    done = peercycle("review", "paper.pdf")
    assert (done.code, "is no PDF" in done.err) == (2, True)
