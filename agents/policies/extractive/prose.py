"""English: numbers in words, lists, plurals."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = (
    "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_word(number: int) -> str:
    """Return a number from 0 to 9,999 in words (`no` for 0), a larger one in digits with thin spaces."""
    if number < 0 or number > 9999:
        return f"{number:,}".replace(",", "\\,")
    if number < 20:
        return _UNITS[number]
    if number < 100:
        tens, units = divmod(number, 10)
        return _TENS[tens] + (f"-{_UNITS[units]}" if units else "")
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        between = " " if rest >= 100 else " and "
        return f"{_UNITS[thousands]} thousand" + (f"{between}{number_word(rest)}" if rest else "")
    hundreds, rest = divmod(number, 100)
    return f"{_UNITS[hundreds]} hundred" + (f" and {number_word(rest)}" if rest else "")


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return the noun that fits a number."""
    return one if number == 1 else f"{one}s" if many is None else many


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number in words with its noun: `one work`, `thirty works`, `no works`."""
    return f"{number_word(number)} {plural(number, one, many)}"


def capital(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str], conjunction: str = "and") -> str:
    """Return items as a list in a sentence."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def shares(part: int, whole: int, one: str) -> str:
    """Return `all three works`, `none of the three works`, `two of the three works`, `the one work`.

    Of two: `both works`, `neither of the two works`.
    """
    if whole == 1:
        return f"the one {one}" if part else f"not the one {one}"
    if part == whole:
        return ("both " if whole == 2 else f"all {number_word(whole)} ") + plural(whole, one)
    first = ("neither" if whole == 2 else "none") if part == 0 else number_word(part)
    return f"{first} of the {number_word(whole)} {plural(whole, one)}"


def article(word: str) -> str:
    """Return `a` or `an`, by the first letter."""
    return "an" if word[:1].lower() in "aeiou" else "a"
