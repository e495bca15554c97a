"""Raised and lowered characters, as far as Unicode has them: x² rather than x2."""

from __future__ import annotations

RAISED = dict(zip("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", strict=True))
LOWERED = dict(zip("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", strict=True))


def raised(text: str) -> str:
    """Return a text raised, or as it is where Unicode lacks a character of it."""
    return _moved(text, RAISED)


def lowered(text: str) -> str:
    """Return a text lowered, or as it is where Unicode lacks a character of it."""
    return _moved(text, LOWERED)


def _moved(text: str, table: dict[str, str]) -> str:
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    return "".join(table[character] for character in plain) if plain and all(c in table for c in plain) else text
