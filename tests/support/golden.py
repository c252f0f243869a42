"""Writes what tests compare with the code: the golden definition and two tables of the docs."""

from support import company_files
from support.api.errors import ERROR_TABLE, PAGE, table
from support.pipeline.definitions import GOLDEN, build

if __name__ == "__main__":
    GOLDEN.write_text(build(), encoding="utf-8")
    PAGE.write_text(ERROR_TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    page = company_files.PAGE.read_text(encoding="utf-8")
    page = company_files.TABLE.sub(lambda _: company_files.table(), page)
    company_files.PAGE.write_text(page, encoding="utf-8")
