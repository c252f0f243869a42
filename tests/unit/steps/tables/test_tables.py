"""Reading tables: encodings, compression, quoting, line ends, and every kind of damage."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.numbers import number_problem
from steps.dataset.arrow import read_numbers
from steps.job import DataError
from steps.tables.header import header_problem, ignored_columns
from steps.tables.records import MOST_BYTES, MOST_LINES, BadRecord, Record, split
from steps.tables.table import open_table

PLAIN = "name,x\nÄ,1\nB,2\n"
ROWS: list[Record | BadRecord] = [Record(2, ["Ä", "1"]), Record(3, ["B", "2"])]


def read(content: bytes | str) -> list[Record | BadRecord]:
    encoded = content.encode() if isinstance(content, str) else content
    with open_table(io.BytesIO(encoded), "t.csv") as table:
        return list(table.rows())


def zipped(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        "\ufeff".encode("utf-16-be") + PLAIN.encode("utf-16-be"),
        gzip.compress(PLAIN.encode(), mtime=0),
        gzip.compress(PLAIN.encode("utf-16"), mtime=0),
        lzma.compress(PLAIN.encode()),
        zipped(t_csv=PLAIN, readme_txt="hello"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.removesuffix("\n").encode(),
        PLAIN.replace("Ä", '"Ä"').encode(),
        PLAIN.replace("name", '"name"').encode(),
        PLAIN.replace("name", "PK").encode(),
    ],
)
def test_encodings_compressions_and_line_ends_make_no_difference(content: bytes) -> None:
    assert read(content) == ROWS


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("t.csv"))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv is empty"),
        (b"\n \r\n", "t.csv is empty"),
        (gzip.compress(b"", mtime=0), "t.csv is empty"),
        ("name,x\n1,2\nA£,1\n".encode("latin-1"), "not UTF-8 text: line 3 has the byte 0xA3. It may be Win"),
        (PLAIN.encode()[:8], "not UTF-8 text: line 2 has the byte 0xC3. It is cut off"),
        (PLAIN.encode("utf-16-le"), "looks like UTF-16 without a byte order mark"),
        (PLAIN.encode("utf-32"), "is UTF-32"),
        (b"a,b\n\0,1\n", "contains NUL bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "HTML page"),
        (b"<?xml version='1.0'?>", "XML document"),
        (b"PAR1\x15\x04", "Parquet file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel workbook"),
        (gzip.compress(gzip.compress(PLAIN.encode(), mtime=0), mtime=0), "compressed twice"),
        (gzip.compress(tarred(), mtime=0), "tar archive"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "can't be decompressed"),
        (lzma.compress(PLAIN.encode())[:-9], "can't be decompressed"),
        (zipped(t_csv=PLAIN)[:-9], "can't be decompressed"),
        (zipped(a_csv="", b_csv=""), "exactly one .csv file, but it holds a.csv, b.csv"),
        (zipped(), "exactly one .csv file, but it holds nothing"),
        (gzip.compress(zipped(t_csv=PLAIN), mtime=0), "a zip archive inside another file"),
        (zipped(a_txt=""), "exactly one .csv file, but it holds a.txt"),
        (zipped(mimetype="", content_xml=""), "spreadsheet"),
        (b'"a,b\n1,2\n', "The header of t.csv, line 1, has a quotation mark that is never closed"),
    ],
)
def test_a_file_that_is_not_a_table_is_described(content: bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        read(content)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('"a\nb",1\nc,2\n', [Record(2, ["a\nb", "1"]), Record(4, ["c", "2"])]),
        ('"a ""b"", c",1\n', [Record(2, ['a "b", c', "1"])]),
        ('a "b" c,1\n', [Record(2, ['a "b" c', "1"])]),
        (
            '"a,1\nb,2\nc,3\n',
            [
                BadRecord(2, "has a quotation mark that is never closed"),
                Record(3, ["b", "2"]),
                Record(4, ["c", "3"]),
            ],
        ),
        ('"a"b,1\nc,2\n', [BadRecord(2, "has text after a closing quotation mark"), Record(3, ["c", "2"])]),
        (
            "a,1,\nb\n\nc,3\n",
            [
                BadRecord(2, "has 3 cells instead of 2"),
                BadRecord(3, "has 1 cell instead of 2"),
                Record(5, ["c", "3"]),
            ],
        ),
        (",\na,1\n", [BadRecord(2, "has only empty cells; remove the line"), Record(3, ["a", "1"])]),
    ],
)
def test_a_line_that_can_not_be_read_costs_no_other_line(text: str, rows: list[Record | BadRecord]) -> None:
    assert read(f"name,x\n{text}") == rows


def test_a_record_is_limited_in_lines_and_bytes() -> None:
    lines = "\n" * (MOST_LINES - 1)
    assert read(f'a,b\n"{lines}",1\n') == [Record(2, [lines, "1"])]
    assert read(f'a,b\n"{lines}\n",1\nx,y\n')[0] == BadRecord(2, "has a quotation mark that is never closed")
    long = "x" * MOST_BYTES
    for record in (f"{long},1", f'"{long}",1', f"{'ä' * MOST_BYTES * 3},1"):
        assert read(f"a,b\n{record}\nx,y\n") == [
            BadRecord(2, f"has more than {MOST_BYTES:,} bytes"),
            Record(3, ["x", "y"]),
        ]
    half = "x" * (MOST_BYTES // 2)
    assert read(f'a,b\n"{half}\n",1\n') == [Record(2, [f"{half}\n", "1"])]
    assert read(f'a,b\n"{half}\n{half}",1\nx,y\n')[0] == BadRecord(
        2, "has a quotation mark that is never closed"
    )


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("more", [1, 2, 1000])
def test_a_piece_that_ends_after_a_long_line_costs_no_other_line(end: str, more: int) -> None:
    line = "x" * (MOST_BYTES + more)
    content = f"a,b{end}{line}{end}c,2{end}d,3{end}".encode()
    for cut in range(4 + len(line), 4 + len(line) + 6):
        found = [
            record for block in split([content[:cut], content[cut:]]) for record in block.records(width=2)
        ]
        assert found == [
            Record(1, ["a", "b"]),
            BadRecord(2, f"has more than {MOST_BYTES:,} bytes"),
            Record(3, ["c", "2"]),
            Record(4, ["d", "3"]),
        ]


TEXT = st.text(alphabet='ab,"\n\r 1ä', max_size=60)


@given(text=TEXT, size=st.integers(1, 9))
def test_the_pieces_of_a_text_make_no_difference(text: str, size: int) -> None:
    content = text.encode()

    def pieces(size: int) -> Iterator[bytes]:
        return (content[start : start + size] for start in range(0, len(content), size))

    def records(size: int) -> list[Record | BadRecord]:
        return [record for block in split(pieces(size)) for record in block.records()]

    assert records(size) == records(len(content) + 1)


CELLS = st.lists(st.lists(st.text(alphabet='xy,"\n é', max_size=5), min_size=2, max_size=2), min_size=1)


@given(
    rows=CELLS,
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_writes_is_read_back(
    rows: list[list[str]], quoting: Callable[..., int], end: str
) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=quoting, lineterminator=end).writerows([["a", "b"], *rows])  # type: ignore[arg-type]
    found = read(written.getvalue())
    expected = [row for row in rows if any(row) or quoting == csv.QUOTE_ALL]  # a row of "," is a bad line
    assert [record.cells for record in found if isinstance(record, Record)] == expected


NUMBER = st.one_of(
    st.floats().map(repr),
    st.from_regex(r"[ \t]?[-+]?[0-9]{0,3}\.?[0-9]{0,3}(e[-+]?[0-9]{1,3})?[ ]?", fullmatch=True),
    st.sampled_from(
        [
            "nan",
            "inf",
            "1_0",
            "１",
            "0x1",
            "1,5",
            "",
            " ",
            "TRUE",
            "1\u00a0",
            "\ufeff1",
            '"1"',
            "1e150",
            "1e151",
        ]
    ),
)


@given(cells=st.lists(NUMBER, min_size=1, max_size=4))
def test_arrow_accepts_only_what_the_rule_of_numbers_accepts(cells: list[str]) -> None:
    """Block-wise and cell by cell, the same numbers are read."""
    text = "".join(f"{cell},0\n" for cell in cells)
    fast = read_numbers(text.encode(), len(cells), ["x", "y"], ["x"])
    if fast is not None:
        assert [number_problem(cell) for cell in cells] == [""] * len(cells)
        assert fast[:, 0].tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("a;b", "seems to be separated by ';'; use commas."),
        ("a\tb", "seems to be separated by tabs; use commas."),
        ('{"ROA(C)": 1', "seems to be JSON; rename it to end in .json or .jsonl."),
        (
            "roa_c,DEBT RATIO",
            "lacks 2 of the model's 2 columns: 'Debt ratio %' (the file has 'DEBT RATIO'), 'ROA(C)' (the "
            "file has 'roa_c'). The first line must name the columns; it has 2 columns.",
        ),
        ("ROA(C),Debt ratio %,ROA(C)", "has more than one column 'ROA(C)'; each name must be unique."),
        ("ROA(C),Debt ratio %,x,x", ""),
    ],
)
def test_the_problem_of_a_header_is_described(header: str, problem: str) -> None:
    assert header_problem(header.split(","), ["Debt ratio %", "ROA(C)"]) == problem


def test_unused_columns_are_listed() -> None:
    assert ignored_columns(["", "a", "b", "c"], {"a"}) == "'(unnamed)', 'b', 'c'"
    assert ignored_columns(["a"], {"a"}) == ""
