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


PROMPTED = json.dumps(
    {
        "summary": "Rankings are compared.",
        "strengths": ["Short."],
        "weaknesses": [{"text": "One seed.", "asks": "text"}],
        "questions": ["Why five?"],
        **{"soundness": 2, "presentation": 3, "contribution": 2, "rating": 5, "confidence": 3, "decision": "reject"},
    }
)

REFUSING = """
from peercycle import hookimpl
from peercycle.core.errors import ModelError
from peercycle.core.modelling import Usage


class Refusing:
    async def generate(self, requests):
        error = ModelError("no")
        error.raw = "a long explanation"
        raise error

    def worst_case(self, request):
        return Usage()


@hookimpl
def register_models(register):
    register("refusing", lambda settings: Refusing())
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


def test_each_thing_is_said_once(peercycle: Command, folder: Path) -> None:
    (folder / "paper.tex").write_text("\\title{On ranking}\\section{Introduction} We rank.")
    (folder / "answers.json").write_text(json.dumps([PROMPTED]))
    once = ("verification=false", "meta_review=false", "reviewers=1")
    done = peercycle(
        "review", "paper.tex", "--reviewer", "prompted", "--model-role", "reviewer=scripted",
        "--set", 'models.scripted.file="answers.json"', *(a for o in once for a in ("--set", f"reviewers.prompted.{o}")),
    )  # fmt: skip
    assert done.code == 0, done.err
    for text in ("Short.", "One seed.", "Why five?"):
        assert done.out.count(text) == 1
    checked = peercycle("review", "paper.tex", "--reviewer", "rubric").out
    assert "FAILED: parts-are-there" in checked
    assert "weakness: parts-are-there" not in checked
    assert "to do: parts-are-there: nothing was found that serves as abstract" in checked


def test_a_role_has_a_model_of_its_own(peercycle: Command, folder: Path) -> None:
    (folder / "paper.tex").write_text("\\title{On ranking}\\section{Introduction} We rank.")
    (folder / "answers.json").write_text(json.dumps([REVIEW]))
    asked = ("review", "paper.tex", "--reviewer", "cyclereviewer", "--set", 'models.scripted.file="answers.json"')
    assert peercycle(*asked, "--model-role", "reviewer=scripted", "--json").json["reviews"][0]["rating"] == 10
    done = peercycle(*asked, "--model-role", "reviewer")
    assert (done.code, "--model-role 'reviewer': write ROLE=NAME" in done.err) == (2, True)


def test_what_a_model_said_in_vain_is_kept_and_where_is_said(peercycle: Command, folder: Path) -> None:
    (folder / "paper.tex").write_text("\\title{On ranking}\\section{Introduction} We rank.")
    answers = ["I would rather not.", "No.", "x" * 5000]
    (folder / "answers.json").write_text(json.dumps(answers))
    asked = ("review", "paper.tex", "--model", "scripted", "--set", 'models.scripted.file="answers.json"')
    done = peercycle(*asked, "--reviewer", "cyclereviewer")
    (kept,) = (folder / "runs" / "reviews").iterdir()
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    assert f"what was answered is whole in runs/reviews/{kept.name}" in done.err
    said = json.loads(kept.read_text())
    assert [answer["text"] for answer in said["answers"]] == answers
    assert "We rank." in said["answers"][0]["request"]
    assert kept.stat().st_mode & 0o077 == 0


def test_a_part_of_a_review_that_is_missing_leaves_what_was_said(peercycle: Command, folder: Path) -> None:
    (folder / "paper.tex").write_text("\\title{On ranking}\\section{Introduction} We rank.")
    (folder / "answers.json").write_text(json.dumps([PROMPTED, *["No verdict."] * 3]))
    once = ("meta_review=false", "reviewers=1")
    done = peercycle(
        "review", "paper.tex", "--reviewer", "prompted", "--model", "scripted", "--json",
        "--set", 'models.scripted.file="answers.json"', *(a for o in once for a in ("--set", f"reviewers.prompted.{o}")),
    )  # fmt: skip
    assert done.code == 0, done.err
    (kept,) = (folder / "runs" / "reviews").iterdir()
    assert done.json["problems"][-1] == f"what was answered is whole in runs/reviews/{kept.name}"
    assert [a["text"] for a in json.loads(kept.read_text())["answers"]][1:] == ["No verdict."] * 3


def test_what_cannot_be_kept_hides_no_error(peercycle: Command, folder: Path) -> None:
    (folder / "paper.tex").write_text("\\title{On ranking}\\section{Introduction} We rank.")
    (folder / "answers.json").write_text(json.dumps(["No."] * 3))
    (folder / "runs").mkdir()
    (folder / "runs" / "reviews").write_text("in the way")
    asked = ("review", "paper.tex", "--model", "scripted", "--set", 'models.scripted.file="answers.json"')
    said = peercycle(*asked, "--reviewer", "cyclereviewer").err
    assert said.startswith("error: reviews: no answer of 3 could be used")
    assert "what the model said could not be kept: cannot write 'runs/reviews/" in said


def test_a_refusal_that_a_model_s_service_explains_is_kept(peercycle: Command, folder: Path) -> None:
    (folder / "paper.tex").write_text("\\title{On ranking}\\section{Introduction} We rank.")
    (folder / "refusing.py").write_text(REFUSING)
    done = peercycle(
        "review", "paper.tex", "--reviewer", "cyclereviewer", "--model", "refusing", "--plugin", "refusing.py"
    )
    (kept,) = (folder / "runs" / "reviews").iterdir()
    assert f"runs/reviews/{kept.name}" in done.err
    (refusal,) = json.loads(kept.read_text())["refusals"]
    assert (refusal["error_type"], json.loads(refusal["result"])) == ("ModelError", {"raw": "a long explanation"})


def test_a_pdf_is_read_where_the_settings_say(peercycle: Command, folder: Path) -> None:
    (folder / "paper.pdf").write_bytes(pdf("We compare two rankings of documents."))
    # The settings of the folder: experiments, and so this too, in no sandbox.
    done = peercycle("review", "paper.pdf")
    assert done.code == 2
    assert "[run] sandbox is 'none'; name one with --sandbox" in done.err
    settings = (folder / "peercycle.toml").read_text()
    (folder / "peercycle.toml").write_text(settings.replace('sandbox = "none"', 'sandbox = "elsewhere"'))
    assert "no sandbox is called 'elsewhere'" in peercycle("review", "paper.pdf").err
    assert "no sandbox is called 'nowhere'" in peercycle("review", "paper.pdf", "--sandbox", "nowhere").err


@pytest.mark.usefixtures("reader")
def test_a_pdf_is_read_in_the_sandbox(peercycle: Command, folder: Path) -> None:
    (folder / "paper.pdf").write_bytes(pdf("We compare two rankings of documents."))
    done = peercycle("review", "paper.pdf", "--reviewer", "rubric", "--sandbox", "auto")
    if "passes its probe" in done.err or "sandbox" in done.err:
        pytest.skip("needs a sandbox that passes its probe: see `peercycle doctor`")
    assert done.code == 0, done.err
    assert done.out.startswith("Made by a machine. It is no peer review")
    assert "Review by rubric" in done.out


@pytest.mark.usefixtures("reader")
def test_a_pdf_that_is_broken_is_one_line_and_no_review(peercycle: Command, folder: Path) -> None:
    (folder / "paper.pdf").write_bytes(b"%PDF-1.4 and nothing more")
    done = peercycle("review", "paper.pdf", "--reviewer", "rubric", "--sandbox", "auto")
    assert done.code != 0
    assert "paper.pdf" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_what_is_named_pdf_and_is_none_is_refused(peercycle: Command, folder: Path) -> None:
    (folder / "paper.pdf").write_text("We rank.")
    done = peercycle("review", "paper.pdf")
    assert (done.code, "is no PDF" in done.err) == (2, True)
