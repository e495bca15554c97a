"""Tables between LaTeX's text commands and Unicode."""

from __future__ import annotations

COMBINING = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306",
    ".": "\u0307", '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323",
    "c": "\u0327", "k": "\u0328", "b": "\u0331",
}  # fmt: skip
"""Combining characters by accent command."""

LETTERS = {
    "ss": "ß", "SS": "ẞ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "oe": "œ",
    "OE": "Œ", "aa": "å", "AA": "Å", "i": "ı", "j": "ȷ",
}  # fmt: skip
"""Letters that every LaTeX format defines in the OT1 encoding."""

MORE_LETTERS = {"dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ", "dj": "đ", "DJ": "Đ", "ng": "ŋ", "NG": "Ŋ"}
"""Letters that need the T1 encoding; read, and written only with a fallback."""

TEXT_SYMBOLS = {
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textbraceleft": "{",
    "textbraceright": "}", "textless": "<", "textgreater": ">", "textbar": "|", "textunderscore": "_",
    "textdollar": "$", "textquotedblleft": "“", "textquotedblright": "”", "textquoteleft": "‘",
    "textquoteright": "’", "textendash": "–", "textemdash": "—", "textbullet": "•",
    "textexclamdown": "¡", "textquestiondown": "¿", "textregistered": "®", "texttrademark": "™",
    "copyright": "©", "textcopyright": "©", "dots": "…", "ldots": "…", "textellipsis": "…",
    "S": "§", "P": "¶", "pounds": "£", "dag": "†", "ddag": "‡", "textperiodcentered": "·",
    "textasciigrave": "\N{GRAVE ACCENT}", "slash": "/", "quad": " ", "qquad": " ",
    "LaTeX": "LaTeX", "TeX": "TeX", "BibTeX": "BibTeX", "LaTeXe": "LaTeX2e", "textquotedbl": '"',
    "textdegree": "°", "euro": "€", "texteuro": "€", "textmu": "µ",
}  # fmt: skip

_GREEK = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu",
    "nu", "xi", "-", "pi", "rho", "-", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
]  # fmt: skip
_GREEK_CAPITALS = {
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
MATHEMATICS = {
    **{name: chr(0x3B1 + index) for index, name in enumerate(_GREEK) if name != "-"},
    **_GREEK_CAPITALS,
    "times": "×", "pm": "±", "leq": "≤", "geq": "≥", "neq": "≠", "approx": "≈", "infty": "∞", "to": "→",
    "leftarrow": "←", "leftrightarrow": "↔", "Rightarrow": "⇒", "cdot": "⋅", "div": "÷", "in": "∈",
    "subset": "⊂", "cup": "∪", "cap": "∩", "forall": "∀", "exists": "∃", "nabla": "∇", "partial": "∂",
    "sum": "∑", "prod": "∏", "int": "∫", "ell": "ℓ", "sim": "∼", "circ": "∘", "star": "⋆", "neg": "¬",
    "propto": "∝", "equiv": "≡", "ll": "≪", "gg": "≫", "perp": "⊥", "emptyset": "∅", "prime": "′",
}  # fmt: skip
"""Symbols of mathematics that titles use in running text, written within `\\ensuremath`."""
