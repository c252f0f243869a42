"""Decides which texts are valid numbers in a company file."""

from math import isfinite

from inference.numbers import LARGEST


def number_problem(text: str) -> str:
    """Return what is wrong with a number's text; empty if it is valid."""
    if not text.strip():
        return "is empty"
    try:
        number = float(text)
    except ValueError:
        return "is not a number"
    if not is_plain(text):
        return "is not a number"
    if not isfinite(number):
        return "is not a finite number"
    return f"is beyond ±{LARGEST:g}" if abs(number) > LARGEST else ""


def is_plain(text: str) -> bool:
    """Return whether a text has no underscores and no digits of other scripts, which float() accepts."""
    return "_" not in text and text.isascii()
