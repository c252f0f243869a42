"""Writes the files that tests compare with the code: the golden definition and the API's table of errors."""

from support.api_errors import ERROR_TABLE, PAGE, table
from support.definitions import GOLDEN, build

if __name__ == "__main__":
    GOLDEN.write_text(build(), encoding="utf-8")
    PAGE.write_text(ERROR_TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
