"""A kind of company file, with its content and what each entry point says of it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from steps.dataset.columns import RATIOS, TARGET

FEATURES = RATIOS[:50]
Rows = list[list[str]]


def plain_table(rows: int = 160) -> Rows:
    """Return a table as text: a header and companies of both classes, every second one bankrupt."""
    companies = [
        [str(number % 2), *(f"0.{(number * 113 + index * 37) % 9973 + 1:04}" for index in range(len(RATIOS)))]
        for number in range(rows)
    ]
    return [[TARGET, *RATIOS], *companies]


def as_csv(rows: Rows, **options: Any) -> str:
    """Return a table as CSV."""
    written = io.StringIO()
    csv.writer(written, **({"lineterminator": "\n"} | options)).writerows(rows)
    return written.getvalue()


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    name
        What it is, for the table in the docs.
    make
        Returns its content.
    file
        Its name.
    data
        What describe, upload and the first step say of it; empty if they read it. None if it is not for them.
    companies
        What predict and score say of it; empty if they read all of it.
    bad
        The numbers of the lines that predict and score can't use, with the problem of each.
    describe
        A fact that describe counts instead of refusing the file.
    post
        What POST /predict says of it, if it does not accept it.
    """

    name: str
    make: Callable[[], bytes | str]
    file: str = "companies.csv"
    data: str | None = ""
    companies: str = ""
    bad: dict[int, str] = field(default_factory=dict)
    describe: str | None = None
    post: str = ""


def odd_cell(name: str, text: str, problem: str) -> Kind:
    """Return the kind of file that has one cell that is not a number."""
    make = changed(lambda rows: rows[2].__setitem__(5, text))
    return Kind(name, make, data=problem, bad={3: problem}, describe="1 cell")


def odd_target(name: str, text: str, problem: str, describe: str) -> Kind:
    """Return the kind of file in which one company's target is neither 0 nor 1."""
    return Kind(name, changed(lambda rows: rows[2].__setitem__(0, text)), data=problem, describe=describe)


def unreadable(
    name: str,
    make: Callable[[], bytes | str],
    file: str = "companies.csv",
    *,
    problem: str,
    describe: str | None = None,
) -> Kind:
    """Return a kind of file that every entry point rejects with the same message."""
    return Kind(name, make, file, data=problem, companies=problem, describe=describe)


def bad_line(name: str, change: Callable[[str], str], problem: str) -> Kind:
    """Return the kind of file that has one bad line."""
    return Kind(name, lines(edit(2, change)), data=f"row 3: {problem}", bad={3: problem})


def changed(change: Callable[[Rows], Any], **options: Any) -> Callable[[], str]:
    """Return a function that makes a file from a changed table."""

    def make() -> str:
        rows = plain_table()
        return as_csv(change(rows) or rows, **options)

    return make


def text(change: Callable[[str], str]) -> Callable[[], str]:
    """Return a function that makes a file from a changed text."""
    return lambda: change(as_csv(plain_table()))


def packed(pack: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """Return a function that makes a compressed file."""
    return lambda: pack(as_csv(plain_table()).encode())


def zipped(content: bytes) -> bytes:
    """Return an archive with one CSV file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("companies.csv", content)
    return stream.getvalue()


def lines(change: Callable[[list[str]], Any]) -> Callable[[], str]:
    """Return a function that makes a file from changed lines."""

    def make() -> str:
        found = as_csv(plain_table()).splitlines()
        return "\n".join(change(found) or found) + "\n"

    return make


def insert(index: int, name: str, cells: Callable[[int], str]) -> Callable[[], str]:
    """Return a function that makes a file with another column."""
    return changed(
        lambda rows: [
            [*row[:index], name if number == 0 else cells(number), *row[index:]]
            for number, row in enumerate(rows)
        ]
    )


def record(number: int = 0, *, names: Sequence[str] = FEATURES) -> dict[str, float]:
    """Return a company by name."""
    header, *rows = plain_table()
    values = dict(zip(header, rows[number], strict=True))
    return {name: float(values[name.strip()]) for name in names}


def document(
    content: Any, name: str, companies: str = "", *, file: str = "companies.json", **more: Any
) -> Kind:
    """Return a kind of JSON file."""
    return Kind(
        name,
        lambda: content if isinstance(content, str) else json.dumps(content),
        file,
        None,
        companies,
        **more,
    )


def edit(number: int, change: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    return lambda found: [change(line) if index == number else line for index, line in enumerate(found)]
