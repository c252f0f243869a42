"""Writes what tests compare with the code: the golden definition and two tables of the docs."""

from support.api.errors import ERROR_TABLE, PAGE, table
from support.company_files import page
from support.pipeline.definitions import GOLDEN, build

if __name__ == "__main__":
    GOLDEN.write_text(build(), encoding="utf-8")
    PAGE.write_text(ERROR_TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    text = page.TABLE.sub(lambda _: page.table(), page.PAGE.read_text(encoding="utf-8"))
    page.PAGE.write_text(text, encoding="utf-8")
