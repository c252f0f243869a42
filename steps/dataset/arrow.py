"""Reads blocks of plain numbers with Arrow, which is much faster than reading each cell."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.numbers import LARGEST

Floats = NDArray[np.float64]


def read_numbers(text: bytes, lines: int, header: Sequence[str], names: Sequence[str]) -> Floats | None:
    """Return columns of a block of CSV as numbers; None if the cells must be checked one by one.

    A block is only accepted if the slow reader would return the same values: each line is one record, and
    each cell is a number by the rule in `inference.numbers`. Both readers round to the nearest float64.

    Parameters
    ----------
    text
        Lines as UTF-8, without quotation marks.
    lines
        How many lines it has.
    header, names
        The names of all columns, and of those to return.
    """
    # Imported here because steps that only read parquet do not need pyarrow's CSV reader.
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    if text.startswith(codecs.BOM_UTF8):
        return None  # Arrow would skip it
    try:
        table = csv.read_csv(
            pa.py_buffer(text),
            read_options=csv.ReadOptions(column_names=header, block_size=1 << 20),
            parse_options=csv.ParseOptions(quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.float64()), include_columns=names, null_values=[]
            ),
        )
    except pa.ArrowException:
        return None
    if len(table) != lines:
        return None  # Arrow skips blank lines
    numbers = np.empty((lines, len(names)))
    for index, column in enumerate(table.itercolumns()):
        numbers[:, index] = column.to_numpy()
    # A NaN makes the maximum NaN, and NaN <= LARGEST is false.
    return numbers if np.abs(numbers).max() <= LARGEST else None
