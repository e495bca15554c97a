"""What a careful copy editor does to a paper, and what no reader would hold against it."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace

from tests.agents.reviewers.independent.trial_damages import MEASURED
from tests.agents.reviewers.independent.trial_damages_text import CITE
from tests.agents.reviewers.independent.trial_drafts import Draft, Edits

from peercycle.core.literature import Reference
from peercycle.core.writing import Section

harmless = Edits()

SYNONYMS = {
    "We ask whether": "This paper asks whether",
    "therefore": "hence",
    "Our contribution is": "We contribute",
    "We compare": "This study compares",
    "showed how": "demonstrated how",
    "found in a meta-analysis": "concluded from a meta-analysis",
    "natural next step": "obvious next step",
    "good enough": "sufficient",
    "seldom": "rarely",
    "argued": "maintained",
}
AMERICAN = {
    "analysed": "analyzed",
    "organised": "organized",
    "summarise": "summarize",
    "colour": "color",
    "Colour": "Color",
    "irrigation planners": "irrigation managers",
    "programmes": "programs",
    "recognised": "recognized",
    "behaviour": "behavior",
    "grey": "gray",
    "judged": "rated",
}
HEADINGS = {
    "Related Work": "Background",
    "Related work": "Previous work",
    "Background": "Related Work",
    "Method": "Methods and Data",
    "Methods": "Materials and Methods",
    "Findings": "Results",
    "Results": "Experimental Results",
    "Limitations": "Limitations of This Work",
    "Limits of This Study": "Limitations",
    "Conclusion": "Conclusions",
}
FLOAT = r"\\begin\{(table|figure)(\*?)\}.*?\\end\{\1\2\}\n?"


def _replaced(draft: Draft, words: dict[str, str]) -> Draft:
    def change(text: str) -> str:
        for old, new in words.items():
            text = re.sub(rf"(?<![\w:{{/-]){re.escape(old)}(?![\w-]*[}}])", new, text)
        return text

    return draft.map_text(change)


@harmless("American spelling for British")
def spelling_american(draft: Draft) -> Draft:
    return _replaced(draft, AMERICAN)


@harmless("other words, same sense")
def synonyms_used(draft: Draft) -> Draft:
    return _replaced(draft, SYNONYMS)


@harmless("the order of keys within one citation means nothing")
def cite_lists_reversed(draft: Draft) -> Draft:
    def turn(m: re.Match[str]) -> str:
        return f"{m[1] or ''}\\{m[2]}{{{', '.join(reversed([k.strip() for k in m[3].split(',')]))}}}"

    return draft.map_bodies(lambda text: CITE.sub(turn, text))


@harmless("another citation command for the same citation")
def cite_commands_renamed(draft: Draft) -> Draft:
    names = {"cite": "citep", "citep": "parencite", "citet": "textcite", "parencite": "citep", "textcite": "citet"}
    return draft.map_bodies(lambda t: CITE.sub(lambda m: f"{m[1] or ''}\\{names[m[2]]}{{{m[3]}}}", t))


@harmless("rules of another package")
def table_rules_exchanged(draft: Draft) -> Draft:
    def change(text: str) -> str:
        if "\\toprule" in text:
            return re.sub(r"\\(?:top|mid|bottom)rule", r"\\hline", text)
        return text.replace("\\hline\\hline", "\\hline")

    return draft.map_bodies(change)


@harmless("a citation no longer begins a line")
def ties_before_cites(draft: Draft) -> Draft:
    return draft.map_bodies(lambda text: re.sub(r" (\\(?:paren)?citep?\{)", r"~\1", text))


@harmless("headings by other customary names")
def headings_renamed(draft: Draft) -> Draft:
    renamed = [s.model_copy(update={"heading": HEADINGS.get(s.heading, s.heading)}) for s in draft.sections]
    return replace(draft, sections=tuple(renamed))


@harmless("another space between number and unit")
def unit_spaces_changed(draft: Draft) -> Draft:
    return draft.map_text(lambda text: re.sub(r"\\,(?=ms|g\b|\\%)|(?<=[\d}]) (?=m³|ms\b)", "~", text))


@harmless("the same letters, written the other way")
def accents_rewritten(draft: Draft) -> Draft:
    pairs = {'M\\"uller': "Müller", "Iv\\'an": "Iván", "Ö": '\\"O', "García": "Garc\\'{\\i}a", "ü": '\\"u'}

    def change(text: str) -> str:
        for old, new in pairs.items():
            if old in text:
                text = text.replace(old, new)
        return text

    return draft.map_bodies(lambda text: change(text) if 'M\\"uller' in text or "Öztürk" in text else text)


@harmless("lines of the source broken elsewhere")
def lines_rewrapped(draft: Draft) -> Draft:
    def wrap(text: str) -> str:
        blocks = text.split("\n\n")
        filler = textwrap.TextWrapper(72, break_long_words=False, break_on_hyphens=False)
        return "\n\n".join(b if "\\begin" in b or "\\end" in b else filler.fill(b) for b in blocks)

    return draft.map_text(wrap)


@harmless("a comment in the source, which is not printed")
def comments_added(draft: Draft) -> Draft:
    return draft.map_bodies(lambda text: f"% edited for style, TODO next year: translate\n{text} % end of section")


@harmless("the customary abbreviation, or its long form")
def figure_abbreviated(draft: Draft) -> Draft:
    def change(text: str) -> str:
        if "Fig.~" in text:
            return text.replace("Fig.~", "Figure~").replace("Tab.~", "Table~")
        return text.replace("Figure~\\ref", "Fig.~\\ref")

    return draft.map_bodies(change)


@harmless("floats may go where they fit")
def float_placement_changed(draft: Draft) -> Draft:
    return draft.map_bodies(lambda t: re.sub(r"\\begin\{(table|figure)(\*?)\}(\[\w+\])?", r"\\begin{\1\2}[!tb]", t))


@harmless("the picture is printed a little smaller")
def figure_resized(draft: Draft) -> Draft:
    return draft.map_bodies(lambda t: re.sub(r"includegraphics\[width=[\d.]*", "includegraphics[width=0.75", t))


@harmless("labels renamed, and their references with them")
def labels_renamed(draft: Draft) -> Draft:
    return draft.map_bodies(lambda t: re.sub(r"\{(tab|fig):(\w+)\}", r"{\1:main-\2}", t))


@harmless("the caption stands on the other side of its table")
def caption_moved(draft: Draft) -> Draft:
    above = re.compile(r"(?s)(?P<c> *\\caption\{[^\n]*\}\s*\\label\{tab:\w+\}\n)(?P<t>.*?\\end\{tabular\}\n)")
    below = re.compile(
        r"(?s)(?P<t>\\begin\{tabular\}.*?\\end\{tabular\}\n)(?P<c>\\caption\{[^\n]*\}\n\\label\{tab:\w+\}\n)"
    )

    def change(text: str) -> str:
        if below.search(text):
            return below.sub(lambda m: m["c"] + m["t"], text, count=1)
        return above.sub(lambda m: m["t"] + m["c"], text, count=1)

    return draft.map_section("results", change)


@harmless("a count written as a figure")
def counts_in_figures(draft: Draft) -> Draft:
    return _replaced(draft, {"five seeds": "5 seeds", "five resamples": "5 resamples", "five loaves": "5 loaves"})


@harmless("a range written with another dash")
def dashes_exchanged(draft: Draft) -> Draft:
    def change(text: str) -> str:
        return text.replace("}--\\measured", "}–\\measured") if "}--\\m" in text else text.replace("}–\\m", "}--\\m")

    return draft.map_bodies(change)


@harmless("emphasis set another way")
def emphasis_changed(draft: Draft) -> Draft:
    return draft.map_bodies(lambda text: text.replace("\\emph{", "\\textit{").replace("\\textbf{", "\\emph{"))


@harmless("another space in a percentage")
def percent_spaces_changed(draft: Draft) -> Draft:
    def change(text: str) -> str:
        return text.replace("\\,\\%", "\\%") if "\\,\\%" in text else text.replace("95\\%", "95\\,\\%")

    return draft.map_text(change)


@harmless("another command for the same reference")
def reference_commands_exchanged(draft: Draft) -> Draft:
    return draft.map_bodies(lambda t: re.sub(r"(?:Table|Figure|Fig\.|Tab\.)~\\ref\{|\\autoref\{", r"\\Cref{", t))


@harmless("table and figure at the end of their section")
def floats_at_section_end(draft: Draft) -> Draft:
    def move(text: str) -> str:
        floats = "\n".join(m[0].strip() + "\n" for m in re.finditer(f"(?s){FLOAT}", text))
        return re.sub(f"(?s){FLOAT}", "", text).strip() + "\n\n" + floats if floats else text

    return draft.map_section("results", move)


@harmless("the bibliography in another order")
def bibliography_reordered(draft: Draft) -> Draft:
    turned = tuple(reversed(draft.bibliography.entries))
    return replace(draft, bibliography=draft.bibliography.model_copy(update={"entries": turned}))


@harmless("works with their identifiers")
def identifiers_added(draft: Draft) -> Draft:
    entries = [e.model_copy(update={"ids": {"doi": f"10.9999/{e.key[:6]}"}}) for e in draft.bibliography.entries]
    return replace(draft, bibliography=draft.bibliography.model_copy(update={"entries": tuple(entries)}))


@harmless("a work in the bibliography file that the paper does not cite is not printed")
def uncited_work_added(draft: Draft) -> Draft:
    work = Reference(key="zimmer2001", title="On Filing", authors=("Ada Zimmer",), year=2001, abstract="On filing.")
    entries = (*draft.bibliography.entries, work)
    return replace(draft, bibliography=draft.bibliography.model_copy(update={"entries": entries}))


@harmless("thanks to those who helped")
def acknowledgements_added(draft: Draft) -> Draft:
    thanks = "We thank two anonymous readers for their comments and the computing centre for its support."
    return draft.adding(Section(heading="Acknowledgements", body=thanks, role="other"))


@harmless("the limitations, sentence by sentence, as a list")
def limitations_itemised(draft: Draft) -> Draft:
    def itemise(text: str) -> str:
        items = "\n".join(f"\\item {sentence}" for sentence in re.split(r"(?<=\.) (?=[A-Z])", text))
        return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"

    return draft.map_section("limitations", itemise)


@harmless("a long paragraph in two")
def paragraphs_split(draft: Draft) -> Draft:
    def split(text: str) -> str:
        sentences = re.split(r"(?<=[a-z]\.) (?=[A-Z])", text)
        middle = len(sentences) // 2
        return " ".join(sentences[:middle]) + "\n\n" + " ".join(sentences[middle:]) if middle else text

    return draft.map_section("discussion", split).map_section("limitations", split)


@harmless("two short paragraphs in one")
def paragraphs_joined(draft: Draft) -> Draft:
    return draft.map_section("introduction", lambda t: t if "\\begin" in t else t.replace("\n\n", " "))


@harmless("a table set smaller, its columns aligned another way")
def table_layout_changed(draft: Draft) -> Draft:
    def change(text: str) -> str:
        text = re.sub(r"\\begin\{tabular\}\{(@\{\})?", r"\\small\n\g<0>", text)
        return text.replace("{lcc}", "{lrr}").replace("{llrrr}", "{llccc}").replace("|c|c|c|c|", "|r|r|r|r|")

    return draft.map_section("results", change)


@harmless("one decimal fewer in the abstract, rightly rounded")
def abstract_rounded(draft: Draft) -> Draft:
    values = {m.id: m.value for m in draft.results.measurements} if draft.results else {}

    def rounder(match: re.Match[str]) -> str:
        places = len(match[2].partition(".")[2])
        if places < 2:
            return match[0]
        return f"\\measured{{{match[1]}}}{{{values[match[1]]:.{places - 1}f}}}"

    return replace(draft, abstract=MEASURED.sub(rounder, draft.abstract))


@harmless("the name of the interval in full, or abbreviated")
def interval_named_in_full(draft: Draft) -> Draft:
    return draft.map_text(lambda t: re.sub(r"(?<=\\%) (?:CI\b|interval\b)", " confidence interval", t))


@harmless("line ends of another system, and blanks at their ends")
def line_ends_changed(draft: Draft) -> Draft:
    return draft.map_text(lambda text: re.sub(r"(?<!\\)\n", " \r\n", text))


@harmless("a sentence that tells the reader the plan of the paper")
def roadmap_added(draft: Draft) -> Draft:
    plan = " The paper describes the method first, then the results, and ends with what they do not show."
    return draft.map_section("introduction", lambda body: body + plan)
