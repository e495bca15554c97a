"""Characters: what pdflatex can set, what stands for the rest, and the escapes of plain text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "µ": "mu", "ν": "nu", "ξ": "xi", "π": "pi",
    "ρ": "rho", "σ": "sigma", "ς": "varsigma", "τ": "tau", "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi",
    "ω": "omega", "ϵ": "epsilon", "ϕ": "phi", "ϑ": "vartheta", "ϱ": "varrho", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi",
    "Ω": "Omega",
}  # fmt: skip
_SYMBOLS = {
    "×": "times", "÷": "div", "±": "pm", "∓": "mp", "≤": "leq", "≥": "geq", "≪": "ll", "≫": "gg", "≠": "neq",
    "≈": "approx", "≃": "simeq", "≅": "cong", "≡": "equiv", "∝": "propto", "∼": "sim", "∞": "infty", "∂": "partial",
    "∇": "nabla", "∑": "sum", "∏": "prod", "∫": "int", "√": "surd", "∈": "in", "∉": "notin", "∋": "ni",
    "⊂": "subset", "⊃": "supset", "⊆": "subseteq", "⊇": "supseteq", "∪": "cup", "∩": "cap", "∅": "emptyset",
    "∀": "forall", "∃": "exists", "¬": "neg", "∧": "wedge", "∨": "vee", "⊕": "oplus", "⊗": "otimes", "⊥": "perp",
    "∥": "parallel", "∣": "mid", "→": "rightarrow", "←": "leftarrow", "↑": "uparrow", "↓": "downarrow",
    "↔": "leftrightarrow", "⇒": "Rightarrow", "⇐": "Leftarrow", "⇔": "Leftrightarrow", "⟶": "longrightarrow",
    "↦": "mapsto", "⟨": "langle", "⟩": "rangle", "⌈": "lceil", "⌉": "rceil", "⌊": "lfloor", "⌋": "rfloor",
    "∘": "circ", "⋅": "cdot", "⋯": "cdots", "⋮": "vdots", "⋱": "ddots", "ℓ": "ell", "ℏ": "hbar", "ℵ": "aleph",
    "ℜ": "Re", "ℑ": "Im", "△": "triangle", "□": "square", "◇": "diamond", "★": "bigstar", "♯": "sharp",
    "♭": "flat", "♮": "natural", "♠": "spadesuit", "♥": "heartsuit", "♦": "diamondsuit", "♣": "clubsuit",
    "∠": "angle", "∴": "therefore", "∵": "because", "✓": "surd", "⊢": "vdash", "⊨": "models", "≺": "prec",
    "≻": "succ", "⪯": "preceq", "⪰": "succeq", "≲": "lesssim", "≳": "gtrsim", "≜": "triangleq", "∎": "blacksquare",
    "■": "blacksquare", "▲": "blacktriangle", "▼": "blacktriangledown", "●": "bullet", "○": "bigcirc",
}  # fmt: skip
_MATH = {**_GREEK, **_SYMBOLS}
_BY_NAME = {**{name: char for char, name in reversed(_MATH.items())}, "le": "≤", "ge": "≥", "ne": "≠", "to": "→"}
_BLACKBOARD = {"ℝ": "R", "ℕ": "N", "ℤ": "Z", "ℚ": "Q", "ℂ": "C", "ℙ": "P", "𝔼": "E"}
_TEXT = {
    "\u00a0": "~", "\u202f": "~", "\u2009": "\\,", "\u200a": "\\,", "\u2002": " ", "\u2003": "\\quad{}",
    "‐": "-", "‑": "-", "‒": "--", "–": "--", "—": "---", "―": "---", "−": "\\ensuremath{-}", "‘": "`", "’": "'",
    "‚": "\\quotesinglbase{}", "“": "``", "”": "''", "„": "\\quotedblbase{}", "…": "\\ldots{}", "•": "\\textbullet{}",
    "·": "\\textperiodcentered{}", "†": "\\textdagger{}", "‡": "\\textdaggerdbl{}", "′": "\\ensuremath{'}",
    "″": "\\ensuremath{''}", "‰": "\\textperthousand{}", "™": "\\texttrademark{}", "€": "\\texteuro{}",
    "°": "\\textdegree{}", "©": "\\textcopyright{}", "®": "\\textregistered{}", "¹": "\\textsuperscript{1}",
    "²": "\\textsuperscript{2}", "³": "\\textsuperscript{3}", "½": "1/2", "¼": "1/4", "¾": "3/4", "\u2028": " ",
    "\u2029": " ", "∗": "*", "∶": ":", "∕": "/", "№": "No.", "⁄": "/", "¦": "|", "¬": "\\ensuremath{\\neg}",
}  # fmt: skip
_ESCAPES = {
    "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "$": "\\$", "%": "\\%", "&": "\\&", "#": "\\#", "_": "\\_",
    "^": "\\textasciicircum{}", "~": "\\textasciitilde{}", "<": "\\textless{}", ">": "\\textgreater{}",
    "|": "\\textbar{}", '"': "\\textquotedbl{}",
}  # fmt: skip
_CODE_ESCAPES = {**_ESCAPES, "-": "-{}", "`": "\\textasciigrave{}", "'": "\\textquotesingle{}"}
_SETTABLE = frozenset(
    chr(code)
    for low, high in ((0xA1, 0xAC), (0xAE, 0xB7), (0xB9, 0x125), (0x128, 0x137), (0x139, 0x13E), (0x141, 0x148),
                      (0x14A, 0x165), (0x168, 0x17E), (0x218, 0x21B))
    for code in range(low, high + 1)
)  # fmt: skip
_BOXES = re.compile(r"(?:\\textsf\{\[U\+[0-9A-F]+\]\}){2,}")
"""A word that cannot be set: its numbers share one pair of brackets, and lines break between them."""
_NUMBER = re.compile(r"U\+([0-9A-F]+)")
_LONG_WORD = re.compile(r"[^\W\d_]{64,}")
"""TeX hyphenates no word of more than 63 letters."""
_STRETCH = re.compile(r".{1,24}")
_ODD = re.compile(r"[^\x20-\x7e\n\t]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ue000-\uf8ff\ud800-\udfff"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)


def visible(text: str) -> str:
    """Return text composed (NFC), its line ends unified, without control, bidirectional and private characters."""
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def settable(text: str, lost: Callable[[str], None], *, math: bool = False) -> str:
    """Return LaTeX with what pdflatex cannot set replaced; `lost` hears of each character without a stand-in."""
    shown = _ODD.sub(lambda found: _stand_in(found.group(), lost, math=math), text)
    if math:
        return shown
    shown = _BOXES.sub(lambda found: f"\\textsf{{[U+{' '.join(_NUMBER.findall(found.group()))}]}}", shown)
    return _LONG_WORD.sub(lambda found: "\\-".join(_STRETCH.findall(found.group())), shown)


def _stand_in(char: str, lost: Callable[[str], None], *, math: bool) -> str:
    if char in _MATH:
        return f"\\{_MATH[char]} " if math else f"\\ensuremath{{\\{_MATH[char]}}}"
    if char in _BLACKBOARD:
        letter = f"\\mathbb{{{_BLACKBOARD[char]}}}"
        return letter if math else f"\\ensuremath{{{letter}}}"
    if math:
        simple = {"−": "-", "′": "'", "″": "''", "·": "\\cdot ", "…": "\\ldots ", "°": "^{\\circ}"}.get(char)
        return simple if simple is not None else f"\\text{{{_stand_in(char, lost, math=False)}}}"
    if char in _TEXT:
        return _TEXT[char]
    if char in _SETTABLE:
        return char
    return _decomposed(char, lost)


def _decomposed(char: str, lost: Callable[[str], None]) -> str:
    plain = unicodedata.normalize("NFKD", char)
    if plain != char and all(" " <= c <= "~" or c in _MATH or unicodedata.combining(c) for c in plain):
        kept = "".join(c for c in plain if not unicodedata.combining(c))
        if kept.strip():
            shown = "".join(f"\\ensuremath{{\\{_MATH[c]}}}" if c in _MATH else _ESCAPES.get(c, c) for c in kept)
            kind = unicodedata.decomposition(char)
            if kind.startswith("<sub>"):
                return f"\\textsubscript{{{shown}}}"
            return f"\\textsuperscript{{{shown}}}" if kind.startswith("<super>") else shown
    lost(char)
    return "" if unicodedata.combining(char) else f"\\textsf{{[U+{ord(char):04X}]}}"


def symbol_of(name: str) -> str | None:
    """Return the character that a command for a letter or a sign prints, such as `α` for `alpha`."""
    return _BY_NAME.get(name)


def escape(text: str, *, code: bool = False) -> str:
    """Return plain text as LaTeX that shows it; characters beyond ASCII are left for `settable`.

    In `code`, TeX's ligatures (`--`, quotes) are kept apart too.
    """
    escapes = _CODE_ESCAPES if code else _ESCAPES
    return "".join(escapes.get(char, char) for char in text)
