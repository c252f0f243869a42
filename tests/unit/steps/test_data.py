"""Reads the data file, and reports everything that can be wrong with it."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from steps import select_features
from steps.dataset.columns import RATIOS, TARGET
from steps.dataset.reader import csv_sha256, find_data_file, read_data, unused_columns
from steps.frames import read_frame
from steps.job import DataError, JobError

Companies = Callable[..., pd.DataFrame]
DataFile = Callable[[Path, pd.DataFrame], Path]


@pytest.fixture
def good(tmp_path: Path, companies: Companies, data_file: DataFile) -> Path:
    return data_file(tmp_path / "in" / "companies.csv", companies(rows=30, bankrupt=5))


def edit(path: Path, row: int, column: str, value: str) -> None:
    """Set a cell of the file; row 1 is the header, as in a spreadsheet."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    lines[row - 1][[name.strip() for name in lines[0]].index(column)] = value
    path.write_text("\n".join(",".join(line) for line in lines))


def test_columns_are_those_of_the_real_file() -> None:
    assert len(RATIOS) == len(set(RATIOS)) == 95
    assert TARGET == "Bankrupt?"
    assert "Revenue Per Share (Yuan ¥)" in RATIOS


def test_names_are_stripped_and_values_exact(good: Path, companies: Companies) -> None:
    frame = read_data(good)
    pd.testing.assert_frame_equal(frame, companies(rows=30, bankrupt=5), check_exact=True)
    assert frame.dtypes[TARGET] == np.int8


def test_columns_are_sorted_whatever_their_order_in_the_file(
    tmp_path: Path, companies: Companies, data_file: DataFile
) -> None:
    frame = companies(rows=30, bankrupt=5)
    path = data_file(tmp_path / "shuffled.csv", frame[sorted(frame.columns)])
    pd.testing.assert_frame_equal(read_data(path), frame, check_exact=True)


@pytest.mark.parametrize("unusual", [" +0.5 ", '"0.5"', "5e-1", ".5"])
def test_unusual_notations_of_numbers_are_read_correctly(good: Path, unusual: str) -> None:
    edit(good, 4, RATIOS[3], "0.5")
    plain = read_data(good)
    edit(good, 4, RATIOS[3], unusual)
    pd.testing.assert_frame_equal(read_data(good), plain, check_exact=True)


@pytest.mark.parametrize(
    "value", ["5e-324", "1e-310", "0.1000000000000000055511151231257827", "9.999999999999999e22"]
)
def test_numbers_are_rounded_to_the_nearest_float(good: Path, value: str) -> None:
    edit(good, 4, RATIOS[3], value)
    assert read_data(good)[RATIOS[3]][2] == float(value)


@pytest.mark.parametrize("kind", [".csv.gz", ".csv.xz", ".zip", "-bom.csv"])
def test_all_file_extensions_are_read(good: Path, kind: str) -> None:
    path = good.with_name(f"packed{kind}")
    content = good.read_bytes()
    if kind == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/data.csv", content)
            archive.writestr("readme.txt", "hello")
            archive.writestr("__MACOSX/._data.csv", "junk")
    else:
        pack = {".csv.gz": gzip.compress, ".csv.xz": lzma.compress, "-bom.csv": lambda c: b"\xef\xbb\xbf" + c}
        path.write_bytes(pack[kind](content))
    pd.testing.assert_frame_equal(read_data(path), read_data(good))


@pytest.mark.parametrize("kind", [".csv.gz", ".csv.xz", ".zip"])
def test_the_hash_of_the_data_does_not_depend_on_compression(good: Path, kind: str) -> None:
    path = good.with_name(f"packed{kind}")
    if kind == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data.csv", good.read_bytes())
    else:
        path.write_bytes((gzip if kind == ".csv.gz" else lzma).compress(good.read_bytes()))
    assert csv_sha256(path) == csv_sha256(good) == hashlib.sha256(good.read_bytes()).hexdigest()


@pytest.mark.parametrize("start", [b"", b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04"])
@pytest.mark.parametrize("kind", [".csv.gz", ".csv.xz", ".zip"])
def test_a_damaged_archive_is_reported(tmp_path: Path, kind: str, start: bytes) -> None:
    path = tmp_path / f"data{kind}"
    path.write_bytes(start + b"not an archive")
    with pytest.raises(DataError, match=r"can't be decompressed .*\nCheck that the file is complete"):
        read_data(path)


def test_a_truncated_gzip_file_is_reported(good: Path) -> None:
    path = good.with_suffix(".csv.gz")
    path.write_bytes(gzip.compress(good.read_bytes())[:-100])
    with pytest.raises(DataError, match="can't be decompressed"):
        read_data(path)


def test_a_zip_file_with_two_tables_is_rejected(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    with pytest.raises(DataError, match=r"exactly one \.csv file, but it holds a\.csv, b\.csv"):
        read_data(tmp_path / "data.zip")


def test_an_encrypted_zip_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "secret")
    # Bit 0 of the flags means encrypted, both in the member's header and in the directory.
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"can't be decompressed .*encrypted"):
        read_data(path)


def test_text_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes("Bankrupt?,Cash £".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_data(path)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("abc", "'abc' is not a number"),
        ("1_000", "'1_000' is not a number"),
        ("", "'' is empty"),
        (" ", "' ' is empty"),
        ("nan", "'nan' is not a finite number"),
        ("NA", "'NA' is not a number"),
        ("-inf", "'-inf' is not a finite number"),
        ("1e999", "'1e999' is not a finite number"),
        ("-1e151", "'-1e151' is beyond ±1e+150"),
        ("y" * 80, f"'{'y' * 60}…' is not a number"),
        ("TRUE", "'TRUE' is true or false, not a number; write 1 or 0"),
        ("١", "'١' is not a number: it has digits or signs that are not ASCII; write 0 to 9"),
    ],
)
def test_an_invalid_cell_is_reported_with_row_column_and_value(good: Path, value: str, problem: str) -> None:
    edit(good, 7, "Cash flow rate", value)
    with pytest.raises(DataError) as error:
        read_data(good)
    lines = str(error.value).splitlines()
    assert lines[0] == "The data file companies.csv cannot be used: it has 1 problem:"
    assert lines[1] == f"row 7, column 'Cash flow rate': {problem}"
    assert lines[2].endswith("as finite numbers within ±1e+150. Nothing was written.")


@pytest.mark.parametrize("value", ["2", "-1", "0.5"])
def test_target_must_be_0_or_1(good: Path, value: str) -> None:
    edit(good, 3, TARGET, value)
    with pytest.raises(DataError, match=f"row 3, column 'Bankrupt\\?': '{value}' is neither 0 nor 1"):
        read_data(good)


def test_all_problems_are_counted_and_20_shown(good: Path) -> None:
    for row in range(2, 27):
        edit(good, row, "Cash flow rate", "?")
    with pytest.raises(DataError) as error:
        read_data(good)
    lines = str(error.value).splitlines()
    assert lines[0].endswith("it has 25 problems; the first 20 are:")
    assert len(lines) == 22
    assert lines[20] == "row 21, column 'Cash flow rate': '?' is not a number"


def test_header_and_cells_are_reported_together(good: Path) -> None:
    edit(good, 1, "Cash flow rate", "Cash flow rat")
    edit(good, 4, "Tax rate (A)", "high")
    with pytest.raises(DataError) as error:
        read_data(good)
    assert str(error.value).splitlines()[:3] == [
        "The data file companies.csv cannot be used: it has 2 problems:",
        "header: it lacks 1 of the 96 columns: 'Cash flow rate' (the file has 'Cash flow rat'). The first "
        "line must name the columns; it has 96 columns.",
        "row 4, column 'Tax rate (A)': 'high' is not a number",
    ]


def test_a_repeated_column_is_reported(good: Path) -> None:
    lines = good.read_text().splitlines()
    good.write_text("\n".join([f"{lines[0]},Tax rate (A)", *(f"{line},0.5" for line in lines[1:])]))
    with pytest.raises(DataError, match=r"has more than one column 'Tax rate \(A\)'"):
        read_data(good)


def test_short_rows_are_reported_and_blank_lines_ignored(good: Path) -> None:
    good.write_text(good.read_text() + "\n\n1,2,3\n")
    with pytest.raises(DataError, match="row 34: has 3 cells instead of 96"):
        read_data(good)


def test_an_unclosed_quotation_mark_is_reported(good: Path) -> None:
    lines = good.read_text().splitlines()
    lines[3] = f'"{lines[3]}'
    good.write_text("\n".join(lines))
    with pytest.raises(DataError) as error:
        read_data(good)
    assert str(error.value).splitlines()[:2] == [
        "The data file companies.csv cannot be used: it has 1 problem:",
        "row 4: has a quotation mark that is never closed",
    ]


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_is_reported(tmp_path: Path, content: str) -> None:
    (tmp_path / "data.csv").write_text(content)
    with pytest.raises(DataError, match=r"The data file data\.csv is empty"):
        read_data(tmp_path / "data.csv")


def test_a_header_without_rows_is_reported(good: Path) -> None:
    good.write_text(good.read_text().splitlines()[0])
    with pytest.raises(DataError, match="has a header but no rows"):
        read_data(good)


def test_the_folder_must_hold_one_data_file(good: Path) -> None:
    (good.parent / ".hidden").touch()
    assert find_data_file(good.parent) == good
    (good.parent / "more.csv").touch()
    with pytest.raises(DataError, match=r"exactly one data file .* it holds companies\.csv, more\.csv"):
        find_data_file(good.parent)


@pytest.mark.parametrize("name", ["data.parquet", None])
def test_a_folder_without_a_data_file_is_reported(tmp_path: Path, name: str | None) -> None:
    if name:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=f"but it holds {name or 'nothing'}"):
        find_data_file(tmp_path)


def test_nothing_is_written_for_invalid_data(good: Path, tmp_path: Path) -> None:
    edit(good, 7, "Cash flow rate", "abc")
    outputs = {name: tmp_path / name for name in ("train", "test", "features")}
    folders = [word for name, path in outputs.items() for word in (f"--{name}", str(path))]
    with pytest.raises(DataError):
        select_features.main(["--data", str(good.parent), *folders])
    assert not any(path.exists() for path in outputs.values())


def test_a_frame_without_needed_columns_is_rejected(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1.0]}).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(JobError, match=r"train\.parquet lacks columns that this step needs: b\."):
        read_frame(tmp_path, "train.parquet", ["a", "b"])


def with_column(path: Path, name: str, cells: list[str], index: int = 0) -> None:
    """Insert a column into the file."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    for line, cell in zip(lines, [name, *cells], strict=True):
        line.insert(index, cell)
    path.write_text("\n".join(",".join(line) for line in lines))


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("index", [0, 50, 96])
def test_the_ids_of_firms_are_read_as_text(good: Path, quote: str, index: int) -> None:
    plain = read_data(good)
    firms = [f"00{number // 2}" for number in range(30)]
    with_column(good, "firm_id", [f"{quote}{firm}{quote}" for firm in firms], index)
    pd.testing.assert_frame_equal(read_data(good), plain.assign(firm_id=firms), check_exact=True)


@pytest.mark.parametrize("cell", ["", "  ", '""'])
def test_an_empty_firm_id_is_reported(good: Path, cell: str) -> None:
    with_column(good, "firm_id", ["A"] * 4 + [cell] + ["B"] * 25)
    with pytest.raises(DataError, match=r"row 6, column 'firm_id': '\s*' is empty"):
        read_data(good)


@pytest.mark.parametrize("name", ["Firm_ID", "firm id", "FirmID", "firm-id", "FIRM ID.", "firm_Id"])
def test_a_misspelled_firm_id_is_rejected(good: Path, name: str) -> None:
    with_column(good, name, ["A"] * 30)
    with pytest.raises(
        DataError, match=f"header: it has a column '{name}' but no 'firm_id'; rename it to 'firm_id'"
    ):
        read_data(good)


def test_a_column_that_resembles_firm_id_is_ignored_beside_it(good: Path) -> None:
    firms = [f"F{number // 2}" for number in range(30)]
    plain = read_data(good)
    with_column(good, "firm_id", firms)
    with_column(good, "Firm ID", ["x"] * 30)
    pd.testing.assert_frame_equal(read_data(good), plain.assign(firm_id=firms), check_exact=True)
    assert unused_columns(good) == "'Firm ID'"


@pytest.mark.parametrize("name", ["Index", "", "Firm", "firm_ids", "id_firm"])
@pytest.mark.parametrize("index", [0, 96])
def test_other_columns_are_ignored_and_listed(good: Path, name: str, index: int) -> None:
    plain = read_data(good)
    with_column(good, name, ["x"] * 30, index)
    pd.testing.assert_frame_equal(read_data(good), plain, check_exact=True)
    assert unused_columns(good) == repr(name or "(unnamed)")
