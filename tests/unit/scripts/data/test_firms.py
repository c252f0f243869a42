"""Firms are found from the order of the rows, in made-up lists of known firms."""

import struct

import numpy as np
import pytest

from scripts.data import firms
from steps.dataset.known_files import UCI_WITH_FIRMS_SHA256

COLUMNS = 30


def made_up(seed: int = 0, *, in_order: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return ratios and firms of a file like the real one.

    Four industries of 80 to 110 firms follow each other. Each lists its firms once a year, for five years. A
    twentieth of the firms is missing each year. A firm's ratios are its own level and a change each year.
    """
    generator = np.random.default_rng(seed)
    rows, numbers, first = [], [], 0
    for size in (80, 110, 95, 90):
        level = generator.normal(size=(size, COLUMNS))
        for _ in range(5):
            level = level + 0.3 * generator.normal(size=level.shape)
            listed = np.flatnonzero(generator.random(size) > 0.05)
            listed = listed if in_order else generator.permutation(listed)
            rows.append(level[listed])
            numbers.append(first + listed)
        first += size
    return np.concatenate(rows), np.concatenate(numbers)


def test_nearly_all_links_between_rows_of_a_firm_are_found() -> None:
    ratios, firm = made_up()
    links = firms.infer_links(ratios)
    # Each row but the firm's last one has a next row.
    next_rows = len(firm) - len(np.unique(firm))
    right = firm[links.earlier] == firm[links.later]
    assert right.mean() > 0.99
    assert right.sum() > 0.8 * next_rows
    assert np.all(links.later > links.earlier)


def test_units_and_constant_columns_do_not_matter() -> None:
    ratios, firm = made_up()
    # GIVEN a column in the file's two units, one that is constant, and one twice
    positive = np.abs(ratios[:, 0]) + 0.01
    ratios[:, 0] = np.where(positive < 1, positive * 1e10, positive * 1e-4)
    ratios[:, 1] = 1.0
    ratios[:, 2] = ratios[:, 3]
    links = firms.infer_links(ratios)
    assert np.mean(firm[links.earlier] == firm[links.later]) > 0.99


def test_nothing_is_found_if_the_lists_have_no_order() -> None:
    ratios, _ = made_up()
    discriminant = firms.learn(firms.rank_columns(ratios))
    shuffled, _ = made_up(in_order=False)
    assert len(firms.link(discriminant.scores(firms.rank_columns(shuffled))).earlier) < 0.01 * len(shuffled)


def test_a_firm_is_a_chain_of_links() -> None:
    links = firms.Links(np.array([0, 2, 3]), np.array([2, 5, 4]))
    numbers = firms.firm_numbers(links, 6)
    assert numbers.tolist() == [0, 1, 0, 2, 2, 0]
    assert firms.firm_ids(numbers) == ["F0001", "F0002", "F0001", "F0003", "F0003", "F0001"]


def test_the_stored_firms_are_those_of_the_uci_file() -> None:
    ids = firms.stored_firm_ids()
    assert len(ids) == 6819
    # Firms are numbered in the order of their first rows.
    assert list(dict.fromkeys(ids)) == firms.firm_ids(np.arange(len(set(ids))))
    sizes = np.unique(ids, return_counts=True)[1]
    assert sizes.max() <= 11, "the data covers 1999 to 2009"


def test_the_column_is_added_at_the_end_of_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firms, "stored_firm_ids", lambda: ["F0001", "F0001"])
    for ends in ("\n", "\r\n"):
        original = ends.join(["Bankrupt?, A", "1,2", "0,3", ""]).encode()
        assert firms.with_firm_ids(original) == b"Bankrupt?, A,firm_id\n1,2,F0001\n0,3,F0001\n"
    with pytest.raises(ValueError, match="zip"):
        firms.with_firm_ids(b"Bankrupt?, A\n1,2\n")


def test_the_stored_file_does_not_depend_on_the_time_it_was_written() -> None:
    flags, time = struct.unpack("<3xBL", firms.FIRMS_PATH.read_bytes()[:8])
    assert (flags, time) == (0, 0)
    assert len(UCI_WITH_FIRMS_SHA256) == 64
