"""Every kind of company file, and how each entry point handles it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from predict_api.validation import MAX_COMPANIES
from support.api.fakes import Api, contract
from support.repository import ROOT

from scripts.companies.company_file import read_companies
from scripts.companies.forms import find_form
from scripts.data.data_file import read_data_file
from scripts.data.describe import describe
from scripts.data.upload import check
from scripts.errors import ScriptError
from scripts.predict.client import ApiError
from scripts.predict.predictions import Predictions
from scripts.score.portfolio import Company, open_portfolio
from steps import select_features
from steps.dataset.columns import RATIOS, TARGET
from steps.dataset.reader import find_data_file
from steps.job import DataError

PAGE = ROOT / "docs" / "company-files.md"
TABLE = re.compile(r"(?<=<!-- kinds -->\n).*?(?=<!-- /kinds -->)", re.DOTALL)
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


def _edit(number: int, change: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    return lambda found: [change(line) if index == number else line for index, line in enumerate(found)]


FIRST = next(iter(FEATURES))
TWICE = json.dumps(record())[:-1] + f', "{FIRST}": 7}}'
BLANK = json.dumps(record())[:-1] + f', " {FIRST}": 7}}'
NUMBERS = list(record().values())

KINDS = [
    Kind("UTF-8", text(str)),
    Kind("UTF-8 with a byte order mark", lambda: as_csv(plain_table()).encode("utf-8-sig")),
    Kind("UTF-16 with a byte order mark", lambda: as_csv(plain_table()).encode("utf-16")),
    Kind(
        "UTF-16 without one",
        lambda: as_csv(plain_table()).encode("utf-16-le"),
        data="looks like UTF-16 without a byte order mark",
        companies="looks like UTF-16 without a byte order mark",
    ),
    Kind(
        "Windows-1252",
        lambda: as_csv(plain_table()).encode("cp1252"),
        data="line 1 has the byte 0xA5. It may be Windows-1252",
        companies="line 1 has the byte 0xA5. It may be Windows-1252",
    ),
    Kind("gzip", packed(gzip.compress), "companies.csv.gz"),
    Kind("xz", packed(lzma.compress), "companies.csv.xz"),
    Kind("a zip archive with one CSV file", packed(zipped), "companies.zip"),
    Kind("gzip, but named .csv", packed(gzip.compress)),
    Kind(
        "gzip that is cut off",
        packed(lambda content: gzip.compress(content)[:-20]),
        "companies.csv.gz",
        data="can't be decompressed",
        companies="can't be decompressed",
    ),
    Kind(
        "separated by semicolons",
        changed(lambda _: None, delimiter=";"),
        data="separated by ';'; use commas",
        companies="separated by ';'; use commas",
    ),
    Kind(
        "separated by tabs",
        changed(lambda _: None, delimiter="\t"),
        data="separated by tabs; use commas",
        companies="separated by tabs; use commas",
    ),
    Kind("every cell in quotation marks", changed(lambda _: None, quoting=csv.QUOTE_ALL)),
    Kind("lines that end in CRLF", changed(lambda _: None, lineterminator="\r\n")),
    Kind("lines that end in CR", changed(lambda _: None, lineterminator="\r")),
    Kind("no line end after the last line", text(str.strip)),
    Kind("blank lines", lines(lambda found: [found[0], "", *found[1:], "", " "])),
    Kind("empty", lambda: b"", data="is empty", companies="is empty"),
    Kind(
        "a header alone",
        text(lambda content: content.splitlines()[0]),
        data="has a header but no rows",
        companies="has a header but no rows",
        describe="0 companies",
    ),
    Kind(
        "a Git LFS pointer",
        lambda: "version https://git-lfs.github.com/spec/v1\n",
        data="Git LFS pointer",
        companies="Git LFS pointer",
    ),
    Kind(
        "an HTML page", lambda: "<!DOCTYPE html>\n<html>", data="is an HTML page", companies="is an HTML page"
    ),
    Kind(
        "an Excel workbook, named .csv",
        lambda: zipped(b"").replace(b"companies.csv", b"xl/styles.xml"),
        data="must hold exactly one .csv file",
        companies="must hold exactly one .csv file",
    ),
    Kind("columns in another order", changed(lambda rows: [row[::-1] for row in rows])),
    Kind(
        "spaces around the names",
        changed(lambda rows: rows[0].__setitem__(slice(1, None), [f" {name} " for name in rows[0][1:]])),
    ),
    Kind(
        "names in snake case",
        changed(
            lambda rows: rows[0].__setitem__(
                slice(1, None), [name.lower().replace(" ", "_") for name in rows[0][1:]]
            )
        ),
        data="(the file has 'roa(c)_before_interest",
        companies="(the file has 'roa(c)_before_interest",
        describe="(the file has",
    ),
    Kind(
        "a column twice",
        insert(96, RATIOS[0], lambda _: "1"),
        data=f"more than one column {RATIOS[0]!r}",
        companies=f"more than one column {RATIOS[0]!r}",
        describe="more than one column",
    ),
    Kind(
        "a column with and without a space",
        insert(0, f" {RATIOS[0]}", lambda _: "1"),
        data=f"more than one column {RATIOS[0]!r}",
        companies=f"more than one column {RATIOS[0]!r}",
        describe="more than one column",
    ),
    Kind(
        "a column missing",
        changed(lambda rows: [row[:1] + row[2:] for row in rows]),
        data="lacks 1 of the 96 columns",
        companies="lacks 1 of the model's 50 columns",
        describe="95 columns",
    ),
    Kind("another first column, such as an index or a name", insert(0, "Index", str)),
    Kind("an unnamed first column", insert(0, "", str)),
    Kind("an unnamed last column: every line ends in a comma", insert(96, "", lambda _: "")),
    Kind("firm_id", insert(0, "firm_id", lambda number: f"F{number}")),
    Kind(
        "firm_id with an empty cell",
        insert(0, "firm_id", lambda number: "" if number == 2 else "F"),
        data="row 3, column 'firm_id': '' is empty",
        describe="empty in some rows",
    ),
    Kind(
        "firm_id with another spelling",
        insert(0, "Firm ID", lambda number: f"F{number}"),
        data="has a column 'Firm ID' but no 'firm_id'",
        describe="has a column 'Firm ID' but no 'firm_id'",
    ),
    Kind(
        "every row ends in a comma, the header does not",
        lines(lambda found: [found[0], *(f"{line}," for line in found[1:])]),
        data="row 2: has 97 cells instead of 96",
        bad=dict.fromkeys(range(2, 162), "has 97 cells instead of 96"),
    ),
    Kind(
        "a row with a cell too few",
        lines(_edit(2, lambda line: line.rpartition(",")[0])),
        data="row 3: has 95 cells instead of 96",
        bad={3: "has 95 cells instead of 96"},
    ),
    Kind(
        "a row of empty cells",
        lines(_edit(2, lambda _: "," * 95)),
        data="row 3: has only empty cells",
        bad={3: "has only empty cells; remove the line"},
    ),
    Kind(
        "a quotation mark that is never closed",
        lines(_edit(2, lambda line: f'"{line}')),
        data="row 3: has a quotation mark that is never closed",
        bad={3: "has a quotation mark that is never closed"},
    ),
    Kind(
        "text after a closing quotation mark",
        lines(_edit(2, lambda line: f'"1"x{line[1:]}')),
        data="row 3: has text after a closing quotation mark",
        bad={3: "has text after a closing quotation mark"},
    ),
    Kind("a name over two lines", insert(0, "name", lambda number: f"A\nKG {number}")),
    odd_cell("an empty cell", "", "is empty"),
    odd_cell("text", "n/a", "is not a number"),
    odd_cell("TRUE", "TRUE", "is true or false, not a number; write 1 or 0"),
    odd_cell("digits of another script", "０.５", "it has digits or signs that are not ASCII"),
    odd_cell("a no-break space between digits", "1\u00a0234", "contains a no-break space"),
    odd_cell("a decimal comma", "1,5", "it has a decimal comma; write 1,5 as 1.5"),
    odd_cell("commas between thousands", "1,234.5", "it has commas between its digits"),
    odd_cell("a percentage", "12%", "is a percentage, not a number"),
    odd_cell("an underscore between digits", "1_000", "is not a number"),
    odd_cell("nan or inf", "nan", "is not a finite number"),
    odd_cell("1e400, which overflows", "1e400", "is not a finite number"),
    odd_cell("a number beyond ±1e150", "1e200", "is beyond ±1e+150"),
    Kind(
        "the target as true or false",
        changed(lambda rows: rows[2].__setitem__(0, "True")),
        data="'True' is true or false",
        describe="1 cell",
    ),
    Kind(
        "the target in digits of another script",
        changed(lambda rows: rows[2].__setitem__(0, "١")),
        data="it has digits or signs that are not ASCII",
        describe="1 cell",
    ),
    Kind(
        "a target other than 0 and 1",
        changed(lambda rows: rows[2].__setitem__(0, "2")),
        data="'2' is neither 0 nor 1",
        describe="1 row neither 0 nor 1",
    ),
    Kind(
        "companies of one class",
        changed(lambda rows: [rows[0], *(["0", *row[1:]] for row in rows[1:])]),
        data="too few companies that are bankrupt",
        describe="",
    ),
    document({"data": NUMBERS}, "one company by position"),
    document({"features": record()}, "one company by name"),
    document({"instances": [NUMBERS, record(1)]}, "many companies"),
    document([NUMBERS, record(1), {"features": record(2)}], "a list of companies"),
    document(
        [record(names=(TARGET, *(f" {name}" for name in RATIOS)))],
        "records as pandas writes them",
        post="is unknown",
    ),
    document(
        NUMBERS, "a list of numbers", "contains a list of single values", post="is a list of single values"
    ),
    document(record(), "the features at the top level", "put them under 'features'", post="put them under"),
    document(
        f"[{TWICE}]",
        "a name twice in a company",
        bad={0: f"'{FIRST}' is given more than once"},
        post="is given more than once",
    ),
    document(
        f"[{BLANK}]",
        "a name with and without a space",
        bad={0: f"'{FIRST}' is given more than once"},
        post="is unknown",
    ),
    document(
        '{"instances": [[1]], "instances": [[2]]}',
        "instances twice",
        "'instances' is given more than once",
        post="is given more than once",
    ),
    document(
        {"data": NUMBERS, "instances": [NUMBERS]},
        "two forms at once",
        "it has 'data' and 'instances'",
        post='it has "data" and "instances"',
    ),
    document(
        {"columns": list(FEATURES), "data": [NUMBERS]},
        "pandas' orient='split'",
        "orient='split'",
        post="is unknown",
    ),
    document(
        {name: {"0": 1} for name in FEATURES},
        "pandas' orient='columns'",
        "orient='columns'",
        post="put them under",
    ),
    document(
        {"schema": {}, "data": [record()]}, "pandas' orient='table'", "orient='table'", post="is unknown"
    ),
    document(
        [record() | {FIRST: True}],
        "true",
        bad={0: "must be a number, not true or false"},
        post="must be a number, not true or false",
    ),
    document(
        [record() | {FIRST: "0.5"}],
        "a number as text",
        bad={0: "must be a number, not a string"},
        post="must be a number, not a string",
    ),
    document(
        [record() | {FIRST: 1e200}],
        "a number beyond ±1e150",
        bad={0: "must be finite and within ±1e+150"},
        post="must be finite and within ±1e+150",
    ),
    document(
        json.dumps([record()]).replace("0.0001", "NaN", 1),
        "NaN",
        bad={0: "must be finite"},
        post="must be finite",
    ),
    document('{"instances": [', "JSON that is cut off", "is not JSON", post="is not JSON"),
    document(
        "\n".join(map(json.dumps, [{"id": "A", **record()}, record(1)])),
        "records, one on each line",
        file="companies.jsonl",
    ),
    document(
        f"{json.dumps(record())}\n{BLANK}\n",
        "a line with a name with and without a space",
        bad={2: f"'{FIRST}' is given more than once"},
        file="companies.jsonl",
    ),
    document(
        f"{json.dumps(record())}\n{{\n{json.dumps(record(2))}",
        "a line that is not JSON",
        bad={2: "is not JSON"},
        file="companies.jsonl",
    ),
]


@dataclass
class Outcome:
    """How an entry point handles a file: numbers and problems by line, or the reason why it is rejected."""

    numbers: dict[int, tuple[float, ...]] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    refused: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    unit: str = "line"

    def text(self, counted: str | None = None) -> str:
        """Return it as a cell of the table in the docs; `counted` is a fact that describe shows."""
        if self.refused:
            return f"rejected: {_shortened(self.refused)}"
        if self.bad:
            (line, problem), count = next(iter(self.bad.items())), len(self.bad)
            more = f" and {count - 1} more" if count > 1 else ""
            return f"{self.unit} {line} has an error: {_shortened(problem)}{more}"
        return f"counted: {counted}" if counted else "read"


def write(kind: Kind, folder: Path) -> Path:
    """Write a file of a kind."""
    content = kind.make()
    path = folder / kind.file
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def described(path: Path) -> Outcome:
    """Describe a data file."""
    try:
        return Outcome(facts=describe(read_data_file(path)))
    except ScriptError as error:
        return Outcome(refused=str(error))


def uploaded(path: Path) -> Outcome:
    """Check a data file as `data upload` does."""
    try:
        check(read_data_file(path))
    except ScriptError as error:
        return Outcome(refused=str(error))
    return Outcome()


def selected(path: Path) -> Outcome:
    """Read a data file as the first step does."""
    try:
        frame = select_features.check(find_data_file(path.parent))
    except DataError as error:
        return Outcome(refused=str(error))
    return Outcome(dict(enumerate(map(tuple, frame[list(FEATURES)].to_numpy().tolist()))))


class Client:
    """A client of the API's own function; keeps the numbers that reach the model."""

    def __init__(self) -> None:
        self.api = Api(contract(FEATURES))

    def get(self, path: str) -> dict[str, Any]:
        return self.api.call("GET", path).json  # type: ignore[no-any-return]

    def predict(self, body: Any, *, explain: bool = False) -> dict[str, Any]:
        assert not explain
        reply = self.api.post(json.dumps(body))
        if reply.status != 200:
            error = reply.json["error"]
            raise ApiError(reply.status, error["code"], error["message"], error["details"])
        return reply.json  # type: ignore[no-any-return]

    def sent(self) -> list[tuple[float, ...]]:
        """Return the numbers that have reached the model."""
        bodies = [json.loads(request["Body"]) for request in self.api.runtime.requests]
        return [tuple(row) for body in bodies for row in body["instances"]]


def predicted(path: Path) -> Outcome:
    """Predict a company file."""
    client = Client()
    try:
        companies = read_companies(path)
        results = list(Predictions(client, companies))  # type: ignore[arg-type]
    except ScriptError as error:
        return Outcome(refused=str(error))
    good = [result.number for result in results if result.prediction is not None]
    bad = {result.number: str(result.error) for result in results if result.prediction is None}
    assert len(results) <= MAX_COMPANIES  # one request, so that the order of requests does not matter
    return Outcome(dict(zip(good, client.sent(), strict=True)), bad, unit=companies.unit)


def scored(path: Path) -> Outcome:
    """Read a portfolio."""
    outcome = Outcome()
    try:
        with path.open("rb") as raw, open_portfolio(raw, path.name, FEATURES, None) as portfolio:
            for row in portfolio.rows:
                if isinstance(row, Company):
                    outcome.numbers[row.line] = tuple(map(float, row.numbers.split(",")))
                else:
                    outcome.bad[row.line] = f"{row.column} {row.problem}".strip()
    except ScriptError as error:
        return Outcome(refused=str(error))
    return outcome


def posted(path: Path) -> Outcome:
    """Send a JSON file as the body of POST /predict."""
    client = Client()
    reply = client.api.post(path.read_text(encoding="utf-8"))
    if reply.status != 200:
        error = reply.json["error"]
        details = "; ".join(str(detail["message"]) for detail in error["details"][:5])
        return Outcome(refused=details or error["message"])
    return Outcome(dict(enumerate(client.sent())))


def entry_points(kind: Kind) -> dict[str, Callable[[Path], Outcome]]:
    """Return the entry points that a kind of file is for, by their names in the docs."""
    form = find_form(kind.file)
    found: dict[str, Callable[[Path], Outcome]] = {}
    if kind.data is not None:
        found |= {"describe": described, "upload": uploaded, "SelectFeatures": selected}
    found["predict"] = predicted
    if form != "json":
        found["score"] = scored
    if form == "json":
        found["POST"] = posted
    return found


def table() -> str:
    """Return the table of the docs: how each entry point handles each kind of file."""
    headings = {"data": ("describe", "upload", "predict", "score"), "json": ("predict", "POST")}
    titles = {
        "describe": "`data describe`",
        "upload": "`data upload`, SelectFeatures",
        "predict": "`predict`",
        "score": "`score`",
        "POST": "`POST /predict`",
    }
    tables = []
    for group, columns in headings.items():
        head = ["kind of file", *(titles[column] for column in columns)]
        rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        kinds = [kind for kind in KINDS if kind.file.endswith(".json") == (group == "json")]
        rows += [f"| {' | '.join([kind.name, *_cells(kind, columns)])} |" for kind in kinds]
        tables.append("\n".join(rows))
    return "\n\n".join(["", *tables, ""])


def _cells(kind: Kind, columns: Sequence[str]) -> list[str]:
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        path = write(kind, Path(folder))
        found = entry_points(kind)
        for column in columns:
            counted = kind.describe if column == "describe" else None
            cells.append(found[column](path).text(counted) if column in found else "not a data file")
    return cells


def _shortened(message: str) -> str:
    lines = message.splitlines()
    message = lines[1] if lines[0].endswith(":") else lines[0]
    message = re.sub(r"^(The data file |The portfolio )?\S*/?companies\.\S+ |^header: it ", "", message)
    message = re.sub(r"'(ROA[^']{25}|roa[^']{25})[^']*'", r"'\1…'", message).partition(". ")[0]
    return message.rstrip(".").replace("|", "\\|")
