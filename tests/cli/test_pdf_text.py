"""The text of a PDF: what stands on every page is dropped, headings are whole, and its citations are read."""

from __future__ import annotations

from peercycle.agents.reviewers.rubric.check_sources import attributions_are_cited, citations_exist
from peercycle.agents.reviewers.rubric.citing import read_citations
from peercycle.agents.reviewers.rubric.inspection import Inspection
from peercycle.agents.reviewers.rubric.paper import read_paper
from peercycle.cli.pdf_text import text_of_pages
from peercycle.core.citations import citation_keys, cite_uses
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.reviews import Submission

FOOTER = "This paper was made by a machine: it shows 18 numbers that\nwere measured."
PAGES = (
    f"A paper of ours\n\n1\n\nIntroduction\n\nOthers have found much (Riley et al.,\n2005; Bıyık and Sadigh, 2018). "
    f"We go on\n1\n{FOOTER}\n\n",
    f"with it, as Xu et al.\n(2024a,b) did.\n\n2\n\nMethod\n\nWe measure.\n2\n{FOOTER}\n\n",
    "References\n"
    "Erdem Bıyık and Dorsa Sadigh. Batch Active Preference-Based Learning of Reward Functions.\n"
    "In Conference on Robot Learning, 2018. arXiv:1810.04303.\n"
    "Ann Riley, Bob van der Berg, et al. On rivers and the things that they\n"
    f"carry. Hydrology, 2005.\n\n3\n{FOOTER}\n\n",
    "Haoran Xu, Amr Sharaf, and Young Jin Kim. Contrastive Preference Optimization: Pushing.\n"
    "arXiv preprint, 2024a. arXiv:2401.08417.\n"
    f"Shusheng Xu. Is DPO Superior to PPO? arXiv preprint, 2024b.\n4\n{FOOTER}\n",
)


def test_footers_and_page_numbers_are_dropped_and_headings_and_paragraphs_are_whole() -> None:
    text = text_of_pages("\f".join(PAGES))
    assert "made by a machine" not in text
    assert "1 Introduction\n" in text
    assert "2 Method\n" in text
    assert "We go on\nwith it" in text
    assert "\n4\n" not in text
    assert text_of_pages("One page.\nOne page.\n") == "One page.\nOne page.\n"


def test_citations_by_author_and_year_find_their_printed_entries() -> None:
    paper = read_paper(Submission(text=text_of_pages("\f".join(PAGES))))
    cited = {use.key for use in cite_uses(paper.scan)}
    assert cited == {"Riley2005", "Sadigh2018", "Xu2024a", "Xu2024b"} - {"Sadigh2018"} | {"Bıyık2018"}
    assert set(paper.entries) == cited
    assert "Hydrology" in paper.entries["Riley2005"]


def test_other_forms_of_lists_are_read_too() -> None:
    text = (
        "# Introduction\n\nIt is known [1, 3-4] and said (Askell & Bai, 2021).\n\n# References\n\n"
        "Askell, A., & Bai, Y. (2021). A general assistant in 2020.\nJournal of Things.\n[1] One. 2001.\n[3] Three. 2003.\n4. Four."
    )
    paper = read_paper(Submission(text=text))
    assert set(paper.entries) == {"Askell2021", "1", "3", "4"}
    assert citation_keys(paper.scan.text) == ("1", "3", "4", "Askell2021")


def test_a_bibliography_that_is_given_too_is_the_printed_one() -> None:
    given = Reference(
        key="bsl", title="Batch Active Preference-Based Learning of Reward Functions", abstract="Robots."
    )
    text = text_of_pages("\f".join(PAGES))
    submission = Submission(text=text, bibliography=Bibliography(entries=(given,)))
    works = read_citations(read_paper(submission), submission.bibliography).works
    assert set(works) == {"Riley2005", "Bıyık2018", "Xu2024a", "Xu2024b"}
    assert "Robots" in works["Bıyık2018"]


def test_a_list_that_cannot_be_read_is_no_fault_of_the_paper() -> None:
    text = (
        "# Introduction\n\nStudies found that rain is wet (Riley et al., 2005). Earlier studies have shown it "
        "(as in Bob, 1999).\n\n# References\n\nan unreadable list of works, without names or years\n"
    )
    submission = Submission(text=text)
    paper = read_paper(submission)
    inspected = Inspection(paper, submission, (), read_citations(paper, submission.bibliography))
    found = citations_exist(inspected)
    assert found.evidence == "the list of references could not be read from the text"
    assert not found.faults
    assert not [fault for fault in attributions_are_cited(inspected).faults if "cites none" in fault.text]
