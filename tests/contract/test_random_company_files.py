"""Random files: every legal form gives the same numbers, and no damaged byte gives a company another's.

SIZE in the environment sets how many files each test tries; ``make test-company-files`` tries 20,000.
"""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.campaign import SEED, size
from support.company_files.kinds import zipped

from scripts.companies.csv_companies import CsvCompanies
from scripts.data.data_file import DataError as FileError
from scripts.data.data_file import read_data_file
from scripts.data.describe import describe
from scripts.errors import ScriptError
from scripts.score.portfolio import Company, open_portfolio
from steps.dataset.columns import FIRM_ID, RATIOS, TARGET
from steps.dataset.reader import read_data
from steps.job import DataError

FEATURES = RATIOS[20:70]
FILES = size(250)
NOTATIONS: tuple[Callable[[float], str], ...] = (
    repr,
    lambda value: f"{value:.17e}",
    lambda value: f" {value!r} ",
    lambda value: f"+{value!r}" if value >= 0 else repr(value),
    lambda value: f"{value!r}\t",
    lambda value: repr(value).replace("e", "E"),
)
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    ".csv": bytes,
    ".csv.gz": gzip.compress,
    ".csv.xz": lzma.compress,
    ".zip": zipped,
}
ID_TEXT = "aÄ9 ,\"\n\r=;'｡"


@dataclass
class Read:
    """What was read: numbers by line, and the lines with errors; or that the file was refused."""

    numbers: dict[int, list[float]] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)
    ids: list[str] = field(default_factory=list)
    refused: bool = False


def predicted(path: Path) -> Read:
    read = Read()
    try:
        companies = CsvCompanies(path, [FIRM_ID])
        companies.check("", FEATURES)
        for company in companies:
            try:
                if isinstance(company.content, ValueError):
                    raise company.content
                read.numbers[company.number] = companies.instance(company.content, FEATURES)
                read.ids.append(company.ids[0])
            except ValueError:
                read.bad.add(company.number)
    except ScriptError:
        return Read(refused=True)
    return read


def scored(path: Path) -> Read:
    read = Read()
    try:
        with path.open("rb") as raw, open_portfolio(raw, path.name, FEATURES, [FIRM_ID]) as portfolio:
            for row in portfolio.rows:
                if isinstance(row, Company):
                    read.numbers[row.line] = list(map(float, row.numbers.split(",")))
                    read.ids.append(row.kept[0])
                else:
                    read.bad.add(row.line)
    except ScriptError:
        return Read(refused=True)
    return read


def trained(path: Path) -> Read:
    try:
        frame = read_data(path)
    except DataError:
        return Read(refused=True)
    rows = frame[list(FEATURES)].to_numpy().tolist()
    return Read(dict(enumerate(rows)), ids=list(frame.get(FIRM_ID, ())))


def draw_number(draw: random.Random) -> float:
    return draw.choice(
        [
            draw.random(),
            draw.uniform(-1e10, 1e10),
            draw.uniform(-1, 1) * 10.0 ** draw.randint(-300, 150),
            0.0,
            1.0,
        ]
    )


def legal_file(draw: random.Random) -> tuple[bytes, str, list[list[float]], list[str]]:
    """Return a file in a random legal form: its content, its ending, the features, and the ids."""
    numbers = [[draw_number(draw) for _ in RATIOS] for _ in range(draw.randint(1, 5))]
    ids = [f"x{''.join(draw.choices(ID_TEXT, k=draw.randint(0, 6)))}x" for _ in numbers]
    columns: dict[str, list[str]] = {
        name: [draw.choice(NOTATIONS)(row[index]) for row in numbers] for index, name in enumerate(RATIOS)
    }
    columns[TARGET] = [draw.choice(["0", "1", "1.0", " 0"]) for _ in numbers]
    columns[FIRM_ID] = ids
    for extra in draw.sample(["", "Index", "a, b", "é"], draw.randint(0, 2)):
        columns[extra] = [draw.choice(["", "text", '"', "1,5"]) for _ in numbers]
    names = draw.sample(sorted(columns), len(columns))
    header = [draw.choice(["", " ", "  "]) + name + draw.choice(["", " "]) for name in names]
    written = io.StringIO()
    end = draw.choice(["\n", "\r\n", "\r"])
    # With CR as line end, csv would not quote an LF in a cell, and the other way around.
    quoting = draw.choice([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    rows = [header, *(list(cells) for cells in zip(*(columns[name] for name in names), strict=True))]
    for row in rows:
        csv.writer(written, quoting=quoting, lineterminator=end).writerow(row)
        written.write(draw.choice(["", "", "", end, f" {end}"]))
    text = draw.choice(["", end]) + written.getvalue()
    if not any('"' in name for name in ids) and draw.random() < 0.3:
        plain = [",".join(row) for row in rows if not any(set(cell) & set(',"\r\n') for cell in row)]
        text = end.join(plain) if len(plain) == len(rows) else text
    content = text.encode(draw.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"]))
    ending = draw.choice(list(PACKINGS))
    chosen = [[row[RATIOS.index(name)] for name in FEATURES] for row in numbers]
    return PACKINGS[ending](content), ending, chosen, ids


def cases() -> Iterator[random.Random]:
    for number in range(FILES):
        yield random.Random(f"{SEED}/{number}")


def test_every_legal_form_is_read_alike_by_all(tmp_path: Path) -> None:
    for case, draw in enumerate(cases()):
        content, ending, numbers, ids = legal_file(draw)
        path = tmp_path / f"companies{ending}"
        path.write_bytes(content)
        for read in (predicted(path), scored(path), trained(path)):
            assert (list(read.numbers.values()), read.bad, read.refused) == (numbers, set(), False), case
            assert [each.strip() for each in read.ids] == ids, case
        assert describe(read_data_file(path)).companies == len(numbers), case
        row = draw.randrange(len(numbers))
        company = read_data_file(path).company(row)
        assert [company.ratios[name] for name in FEATURES] == numbers[row], case
        assert company.ids == {FIRM_ID: ids[row]}, case


DAMAGE = [
    b",",
    b'"',
    b"\n",
    b"\r",
    b".",
    b"e",
    b"-",
    b"0",
    b"7",
    b" ",
    b"\xff",
    b"\xc3",
    b"\0",
    b";",
    b"x",
    b'","',
    b'\n"',
    b'""',
]


def damaged(draw: random.Random, content: bytes) -> bytes:
    """Return a content with up to three bytes inserted, deleted or replaced at one place, or cut off."""
    place = draw.randrange(len(content))
    if draw.random() < 0.1:
        return content[:place]
    removed = draw.randint(0, 3)
    inserted = draw.choice(DAMAGE) if removed == 0 or draw.random() < 0.6 else b""
    return content[:place] + inserted + content[place + removed :]


def test_a_damaged_byte_never_gives_a_company_the_numbers_of_another(tmp_path: Path) -> None:
    for case, draw in enumerate(cases()):
        quote = draw.choice(["", "", '"'])
        numbers = [[draw.random() for _ in RATIOS] for _ in range(draw.randint(2, 5))]
        cells = [[f"F{row}", str(row % 2), *map(repr, numbers[row])] for row in range(len(numbers))]
        rows = [[FIRM_ID, TARGET, *RATIOS], *cells]
        lines = [",".join(f"{quote}{cell}{quote}" for cell in row) for row in rows]
        content = damaged(draw, "".join(f"{line}\n" for line in lines).encode())
        path = tmp_path / "companies.csv"
        path.write_bytes(content)
        chosen = [[row[RATIOS.index(name)] for name in FEATURES] for row in numbers]
        intact = {line: row for row, line in enumerate(lines[1:])}
        found = content.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for read in (predicted(path), scored(path)):
            if read.refused:
                continue
            # Each line that is intact has its own numbers or an error, at its own place. Any other is a
            # company, an error, or the second line of one.
            places = {1, *read.numbers, *read.bad}  # the header can have a second line, too
            for number, line in enumerate(found[1:], start=2):
                if line in intact:
                    assert number in read.bad or read.numbers.get(number) == chosen[intact[line]], case
                elif line.strip():
                    assert places & {number, number - 1}, case
            for values in read.numbers.values():
                assert_of_one_company(values, chosen, case)
        read = trained(path)
        for values in read.numbers.values():
            assert_of_one_company(values, chosen, case)
        served = predicted(path)
        if not (read.refused or served.refused):
            assert list(read.numbers.values()) == list(served.numbers.values()), case


def assert_of_one_company(values: list[float], chosen: list[list[float]], case: int) -> None:
    """Each number is in its own column, and all intact numbers of a row belong to one company."""
    places = {
        value: (row, column) for row, numbers in enumerate(chosen) for column, value in enumerate(numbers)
    }
    known = [(places[value], column) for column, value in enumerate(values) if value in places]
    assert all(place[1] == column for place, column in known), case
    assert len({place[0] for place, _ in known}) <= 1, case


@pytest.mark.parametrize("ending", [".csv.gz", ".csv.xz", ".zip"])
def test_a_damaged_archive_is_refused_or_read_unchanged(tmp_path: Path, ending: str) -> None:
    rows = [[TARGET, *RATIOS], ["1", *(f"0.{index:05}" for index in range(95))]]
    content = PACKINGS[ending](("\n".join(map(",".join, rows)) + "\n").encode())
    for number in range(min(FILES, len(content))):
        draw = random.Random(f"{SEED}/{ending}/{number}")
        path = tmp_path / f"companies{ending}"
        path.write_bytes(damaged(draw, content))
        try:
            company = read_data_file(path).company(0)
        except FileError:
            continue
        assert company.ratios == dict(zip(RATIOS, map(float, rows[1][1:]), strict=True)), number
