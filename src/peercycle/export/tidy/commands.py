"""Which commands a body may use, and what arguments each takes.

Everything is refused that is not listed: a paper's frame (its footer, its definitions, its end) is out of reach.
A signature has one letter per argument: `t` text, `m` mathematics, `k` a key, `u` an address, `o` an optional
argument that is dropped, `O` one that is kept as text, `s` an optional star, `x` an argument that is dropped.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

TEXT_COMMANDS: dict[str, str] = {
    **dict.fromkeys(
        ("textbf", "textit", "texttt", "textsc", "textrm", "textsf", "textsl", "textup", "textmd", "textnormal",
         "emph", "underline", "textsuperscript", "textsubscript", "mbox"), "t"),
    **dict.fromkeys(
        ("bfseries", "itshape", "ttfamily", "sffamily", "rmfamily", "scshape", "normalfont", "small", "footnotesize",
         "normalsize", "centering", "raggedright", "noindent", "ldots", "dots", "textellipsis", "LaTeX", "TeX", "S",
         "P", "dag", "ddag", "copyright", "pounds", "textbackslash", "textasciitilde", "textasciicircum", "textless",
         "textgreater", "textbar", "textbullet", "textdegree", "textendash", "textemdash", "textquotedbl",
         "textquoteleft", "textquoteright", "textdagger", "texttrademark", "textregistered", "textperiodcentered",
         "textunderscore", "quad", "qquad", "i", "j", "ss", "o", "O", "l", "L", "ae", "AE", "oe", "OE", "aa", "AA",
         "slash", "smallskip", "medskip", "bigskip", "newline"), ""),
    "footnote": "ot", "paragraph": "st", "subparagraph": "st", "subsection": "st", "subsubsection": "st",
}  # fmt: skip

OTHER_NAMES: dict[str, str] = {
    "bf": "bfseries", "it": "itshape", "em": "itshape", "tt": "ttfamily", "sc": "scshape", "sf": "sffamily",
    "rm": "rmfamily", "scriptsize": "footnotesize", "tiny": "footnotesize", "large": "normalsize",
    "Large": "normalsize", "LARGE": "normalsize", "huge": "normalsize", "Huge": "normalsize", "section": "subsection",
    "chapter": "subsection", "part": "subsection", "hbox": "mbox",
}  # fmt: skip
"""Names that are set as another one."""

DROPPED_COMMANDS: dict[str, str] = {
    **dict.fromkeys(
        ("maketitle", "tableofcontents", "listoffigures", "listoftables", "newpage", "clearpage", "cleardoublepage",
         "pagebreak", "nopagebreak", "linebreak", "nolinebreak", "par", "indent", "hfill", "vfill", "hfil", "sloppy",
         "raggedleft", "relax", "protect", "xspace", "ignorespaces", "unskip", "balance", "doublespacing",
         "singlespacing", "columnbreak", "FloatBarrier", "today", "leavevmode", "allowbreak", "null", "strut",
         "immediate", "openin", "openout", "read", "catcode", "csname", "endcsname", "expandafter", "makeatletter",
         "makeatother", "loop", "repeat", "appendix", "vskip", "hskip", "kern", "begingroup", "endgroup", "bgroup",
         "egroup", "fi", "else", "noexpand", "global", "long", "outer"), ""),
    **dict.fromkeys(
        ("thanks", "bibliography", "bibliographystyle", "thispagestyle", "pagestyle", "pagenumbering", "phantom",
         "vphantom", "hphantom", "include", "input", "graphicspath", "hypersetup", "geometry", "nocite", "index",
         "glossary", "special", "verbatiminput", "lstset", "theoremstyle", "directlua", "write", "date"), "x"),
    **dict.fromkeys(
        ("title", "author", "usepackage", "documentclass", "RequirePackage", "color", "captionsetup", "includepdf",
         "lstinputlisting", "fancyhead", "fancyfoot", "fancyhf", "addbibresource", "bibitem"), "ox"),
    **dict.fromkeys(("newcommand", "renewcommand", "providecommand"), "sxoox"),
    **dict.fromkeys(("newenvironment", "renewenvironment"), "sxooxx"),
    **dict.fromkeys(("setlength", "addtolength", "setcounter", "addtocounter"), "xx"),
    **dict.fromkeys(("def", "edef", "gdef", "xdef"), "ux"),
    "vspace": "sx", "hspace": "sx", "addcontentsline": "xxx", "definecolor": "xxx", "rule": "oxx",
    "printbibliography": "o", "footnotemark": "o", "DeclareMathOperator": "sxx", "newtheorem": "sxoxo", "let": "uu",
}  # fmt: skip
"""Commands that have no place in a body; they go with their arguments."""

REPORTED = frozenset(
    "input include openin openout read write immediate special usepackage RequirePackage documentclass directlua "
    "catcode csname def edef gdef xdef let newcommand renewcommand providecommand newenvironment renewenvironment "
    "includepdf verbatiminput lstinputlisting thispagestyle pagestyle fancyhead fancyfoot fancyhf hypersetup "
    "graphicspath expandafter makeatletter loop".split()
)
"""Commands that reach for files, for the engine or for the page's frame: dropping one is always reported."""

ACCENTS = frozenset("`'^\"~=.")
LETTER_ACCENTS = frozenset("uvHcdbrtk")
CITES = frozenset(
    "cite citep citet citealp citealt citeauthor citeyear citeyearpar Citep Citet parencite textcite autocite".split()
)
REFERENCES = frozenset("ref eqref pageref cref Cref autoref nameref".split())
LISTS = frozenset("itemize enumerate description".split())
QUOTES = frozenset("center quote quotation flushleft flushright".split())
THEOREMS = {
    "theorem": "Theorem", "lemma": "Lemma", "proposition": "Proposition", "corollary": "Corollary",
    "definition": "Definition", "remark": "Remark", "example": "Example", "assumption": "Assumption",
    "proof": "Proof", "claim": "Claim", "hypothesis": "Hypothesis",
}  # fmt: skip
FLOATS = {"figure": "figure", "figure*": "figure", "wrapfigure": "figure", "table": "table", "table*": "table"}
TABLES = frozenset("tabular tabular* tabularx longtable".split())
DISPLAYS = frozenset(
    "equation equation* align align* gather gather* multline multline* displaymath math eqnarray eqnarray* flalign "
    "flalign* alignat alignat*".split()
)
MATRICES = frozenset(
    "matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix cases aligned gathered split array".split()
)

MATH_COMMANDS: dict[str, str] = {
    **dict.fromkeys(("frac", "dfrac", "tfrac", "binom", "dbinom", "tbinom", "overset", "underset", "stackrel"), "mm"),
    **dict.fromkeys(
        ("mathbf", "mathrm", "mathit", "mathsf", "mathtt", "mathcal", "mathbb", "mathfrak", "boldsymbol",
         "operatorname", "hat", "bar", "tilde", "vec", "dot", "ddot", "acute", "grave", "check", "breve", "widehat",
         "widetilde", "overline", "underline", "overbrace", "underbrace", "overrightarrow", "overleftarrow", "boxed",
         "mathop", "mathbin", "mathrel", "mathord", "substack"), "m"),
    **dict.fromkeys(("text", "textrm", "textbf", "textit", "texttt", "textsf", "mbox", "textnormal"), "t"),
    "sqrt": "Om", "pmod": "m", "mod": "m", "phantom": "m", "xrightarrow": "m", "xleftarrow": "m",
}  # fmt: skip
MATH_OTHER_NAMES = {
    "bm": "boldsymbol", "mathds": "mathbb", "mathbbm": "mathbb", "mathscr": "mathcal", "rm": "mathrm",
    "hbox": "mbox", "bold": "mathbf", "Bbb": "mathbb", "argmax": "arg\\max", "argmin": "arg\\min", "dsum": "sum",
    "lbrace": "{", "rbrace": "}", "centerdot": "cdot", "textstyle": "textstyle",
}  # fmt: skip
DELIMITER_WORDS = frozenset(
    "langle rangle lceil rceil lfloor rfloor lbrace rbrace vert Vert lvert rvert lVert rVert uparrow downarrow "
    "updownarrow backslash lbrack rbrack".split()
)
SIZED = frozenset("big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm".split())


@cache
def symbols() -> frozenset[str]:
    """Return the names of mathematical symbols without arguments (LaTeX, amsmath, amssymb)."""
    return frozenset(files("peercycle.export.tidy").joinpath("symbols.txt").read_text("utf-8").split())


UNFRAMED_ENVIRONMENTS: dict[str, str] = {
    "minipage": "ox", "subfigure": "ox", "subtable": "ox", "threeparttable": "o", "tablenotes": "o", "document": "",
    "abstract": "", "thebibliography": "x", "multicols": "x", "landscape": "", "small": "", "footnotesize": "",
    "adjustbox": "x", "appendices": "", "spacing": "x", "samepage": "", "centering": "", "comment": "",
    "tcolorbox": "o", "mdframed": "o", "framed": "", "sloppypar": "", "titlepage": "", "keywords": "",
    "subequations": "", "scriptsize": "", "acks": "",
}  # fmt: skip
"""Environments whose frame is left out and whose content stays."""
