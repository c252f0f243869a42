"""Every kind of company file as a table."""

from __future__ import annotations

import csv
import gzip
import lzma

from support.company_files.kinds import (
    Kind,
    as_csv,
    bad_line,
    changed,
    insert,
    lines,
    odd_cell,
    odd_target,
    packed,
    plain_table,
    text,
    unreadable,
    zipped,
)

from steps.dataset.columns import RATIOS

DATA_KINDS = [
    Kind("UTF-8", text(str)),
    Kind("UTF-8 with a byte order mark", lambda: as_csv(plain_table()).encode("utf-8-sig")),
    Kind("UTF-16 with a byte order mark", lambda: as_csv(plain_table()).encode("utf-16")),
    unreadable(
        "UTF-16 without one",
        lambda: as_csv(plain_table()).encode("utf-16-le"),
        problem="looks like UTF-16 without a byte order mark",
    ),
    unreadable(
        "Windows-1252",
        lambda: as_csv(plain_table()).encode("cp1252"),
        problem="line 1 has the byte 0xA5. It may be Windows-1252",
    ),
    Kind("gzip", packed(gzip.compress), "companies.csv.gz"),
    Kind("xz", packed(lzma.compress), "companies.csv.xz"),
    Kind("a zip archive with one CSV file", packed(zipped), "companies.zip"),
    Kind("gzip, but named .csv", packed(gzip.compress)),
    unreadable(
        "gzip that is cut off",
        packed(lambda content: gzip.compress(content)[:-20]),
        "companies.csv.gz",
        problem="can't be decompressed",
    ),
    unreadable(
        "separated by semicolons",
        changed(lambda _: None, delimiter=";"),
        problem="separated by ';'; use commas",
    ),
    unreadable(
        "separated by tabs", changed(lambda _: None, delimiter="\t"), problem="separated by tabs; use commas"
    ),
    Kind("every cell in quotation marks", changed(lambda _: None, quoting=csv.QUOTE_ALL)),
    Kind("lines that end in CRLF", changed(lambda _: None, lineterminator="\r\n")),
    Kind("lines that end in CR", changed(lambda _: None, lineterminator="\r")),
    Kind("no line end after the last line", text(str.strip)),
    Kind("blank lines", lines(lambda found: [found[0], "", *found[1:], "", " "])),
    unreadable("empty", lambda: b"", problem="is empty"),
    unreadable(
        "a header alone",
        text(lambda content: content.splitlines()[0]),
        problem="has a header but no rows",
        describe="0 companies",
    ),
    unreadable(
        "a Git LFS pointer", lambda: "version https://git-lfs.github.com/spec/v1\n", problem="Git LFS pointer"
    ),
    unreadable("an HTML page", lambda: "<!DOCTYPE html>\n<html>", problem="is an HTML page"),
    unreadable(
        "an Excel workbook, named .csv",
        lambda: zipped(b"").replace(b"companies.csv", b"xl/styles.xml"),
        problem="must hold exactly one .csv file",
    ),
    Kind("columns in another order", changed(lambda rows: [row[::-1] for row in rows])),
    Kind(
        "spaces around the names",
        changed(lambda rows: rows[0].__setitem__(slice(1, None), [f" {name} " for name in rows[0][1:]])),
    ),
    unreadable(
        "names in snake case",
        changed(
            lambda rows: rows[0].__setitem__(
                slice(1, None), [name.lower().replace(" ", "_") for name in rows[0][1:]]
            )
        ),
        problem="(the file has 'roa(c)_before_interest",
        describe="(the file has",
    ),
    unreadable(
        "a column twice",
        insert(96, RATIOS[0], lambda _: "1"),
        problem=f"more than one column {RATIOS[0]!r}",
        describe="more than one column",
    ),
    unreadable(
        "a column with and without a space",
        insert(0, f" {RATIOS[0]}", lambda _: "1"),
        problem=f"more than one column {RATIOS[0]!r}",
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
    bad_line("a row with a cell too few", lambda line: line.rpartition(",")[0], "has 95 cells instead of 96"),
    bad_line("a row of empty cells", lambda _: "," * 95, "has only empty cells"),
    bad_line(
        "a quotation mark that is never closed",
        lambda line: f'"{line}',
        "has a quotation mark that is never closed",
    ),
    bad_line(
        "text after a closing quotation mark",
        lambda line: f'"1"x{line[1:]}',
        "has text after a closing quotation mark",
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
    odd_target("the target as true or false", "True", "'True' is true or false", "1 cell"),
    odd_target(
        "the target in digits of another script", "١", "it has digits or signs that are not ASCII", "1 cell"
    ),
    odd_target("a target other than 0 and 1", "2", "'2' is neither 0 nor 1", "1 row neither 0 nor 1"),
    Kind(
        "companies of one class",
        changed(lambda rows: [rows[0], *(["0", *row[1:]] for row in rows[1:])]),
        data="too few companies that are bankrupt",
        describe="",
    ),
]
