"""Finding the data: a given file, the cache, UCI's archive, or generated sample data."""

import gzip
import hashlib
import http.server
import io
import lzma
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.data import data_file, firms, source
from scripts.data.data_file import DataError, read_data_file
from scripts.data.source import DataUnavailableError, fetch, resolve

CSV = b"Bankrupt?, Ratio A, Ratio B\r\n1,0.25,4980000000\r\n0,0.5,0.75\r\n"


WITH_FIRMS = b"Bankrupt?, Ratio A, Ratio B,firm_id\n1,0.25,4980000000,F0001\n0,0.5,0.75,F0002\n"


def archive(content: bytes = CSV, name: str = "data.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, content)
    return buffer.getvalue()


def unreachable(url: str, *, timeout: float) -> Any:
    raise urllib.error.URLError("Name or service not known")


@contextmanager
def server(answer: bytes, status: int = 200) -> Iterator[Callable[..., Any]]:
    """Yield an opener that sends every URL to a local server, which always gives this answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            address = f"http://127.0.0.1:{running.server_port}/"
            yield lambda _, timeout: direct.open(address, timeout=timeout)
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("BANKRUPTCY_HOME", str(folder))
    return folder


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let CSV count as the UCI file."""
    monkeypatch.setattr(data_file, "UCI_SHA256", (hashlib.sha256(CSV).hexdigest(),))
    monkeypatch.setattr(data_file, "UCI_WITH_FIRMS_SHA256", hashlib.sha256(WITH_FIRMS).hexdigest())
    monkeypatch.setattr(firms, "stored_firm_ids", lambda: ["F0001", "F0002"])


@pytest.mark.usefixtures("known")
def test_fetch_downloads_the_csv_once_and_adds_the_firms(tmp_path: Path) -> None:
    with server(archive()) as opener:
        file = fetch(tmp_path / "cache", opener)

    assert file.path.read_bytes() == file.content == WITH_FIRMS
    assert (file.has_inferred_firms, file.is_original, file.names_firms) == (True, False, True)
    assert list(file.path.parent.iterdir()) == [file.path]
    assert fetch(tmp_path / "cache", unreachable) == file


@pytest.mark.usefixtures("known")
def test_a_cached_uci_file_gets_its_firms_without_a_download(home: Path) -> None:
    home.mkdir()
    (home / source.UCI_FILE_NAME).write_bytes(CSV)

    found = resolve(None, unreachable)

    assert (found.has_inferred_firms, found.is_sample) == (True, False)
    assert found.path.read_bytes() == found.content == WITH_FIRMS


@pytest.mark.usefixtures("known")
def test_fetch_replaces_a_damaged_copy(tmp_path: Path) -> None:
    (tmp_path / source.UCI_FILE_NAME).write_bytes(CSV[:20])
    with server(archive()) as opener:
        assert fetch(tmp_path, opener).path.read_bytes() == WITH_FIRMS


def test_fetch_rejects_another_file_and_shows_both_hashes(tmp_path: Path) -> None:
    with server(archive()) as opener, pytest.raises(DataError) as caught:
        fetch(tmp_path, opener)

    assert hashlib.sha256(CSV).hexdigest() in str(caught.value)
    assert all(expected in str(caught.value) for expected in source.UCI_SHA256)
    assert list(tmp_path.iterdir()) == []


def test_fetch_downloads_with_a_timeout(tmp_path: Path) -> None:
    requests = []

    def opener(url: str, *, timeout: float) -> Any:
        requests.append((url, timeout))
        raise TimeoutError("timed out")

    with pytest.raises(DataUnavailableError, match=r"can't be reached \(timed out\).*--data PATH"):
        fetch(tmp_path, opener)
    assert requests == [
        ("https://archive.ics.uci.edu/static/public/572/taiwanese+bankruptcy+prediction.zip", 10.0)
    ]


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (b"<html>Sign in</html>", 200, "is not an archive"),
        (b"busy", 503, "Service Unavailable"),
        (b"", 404, "Not Found"),
    ],
)
def test_fetch_reports_why_the_archive_is_unavailable(
    tmp_path: Path, answer: bytes, status: int, reason: str
) -> None:
    with server(answer, status) as opener, pytest.raises(DataUnavailableError, match=reason):
        fetch(tmp_path, opener)


def test_fetch_reports_a_cache_that_is_not_writable(tmp_path: Path, known: None) -> None:
    (tmp_path / "file").write_text("not a folder")
    with server(archive()) as opener, pytest.raises(DataError, match="Set BANKRUPTCY_HOME"):
        fetch(tmp_path / "file", opener)


def test_the_cache_is_in_the_home_folder_unless_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BANKRUPTCY_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert source.cache_folder() == tmp_path / ".cache" / "bankruptcy"
    monkeypatch.setenv("BANKRUPTCY_HOME", str(tmp_path / "elsewhere"))
    assert source.cache_folder() == tmp_path / "elsewhere"


def test_resolve_reads_the_given_file(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(CSV)

    found = resolve(path, unreachable)

    assert (found.path, found.is_sample, found.description) == (path, False, str(path))
    assert not home.exists()


@pytest.mark.usefixtures("known")
def test_a_given_uci_file_gets_its_firms(tmp_path: Path, home: Path) -> None:
    given = tmp_path / "mine.csv.gz"
    given.write_bytes(gzip.compress(CSV))

    found = resolve(given, unreachable)

    assert found.path == home / source.UCI_FILE_NAME
    assert found.path.read_bytes() == found.content == WITH_FIRMS
    assert "with inferred firms" in found.description
    assert gzip.decompress(given.read_bytes()) == CSV
    company = found.company(0)
    assert company.ratios == {"Ratio A": 0.25, "Ratio B": 4980000000.0}
    assert company.ids == {"firm_id": "F0001"}


@pytest.mark.usefixtures("known")
def test_resolve_downloads_to_the_cache(home: Path) -> None:
    with server(archive()) as opener:
        found = resolve(None, opener)

    assert found.path == home / source.UCI_FILE_NAME
    assert not found.is_sample
    assert found.description.startswith("UCI 572, Taiwanese Bankruptcy Prediction")


def test_resolve_falls_back_to_the_sample_and_explains_why(home: Path) -> None:
    found = resolve(None, unreachable)

    assert found.is_sample
    assert found.path.name == "sample-data.csv"
    assert found.path.is_relative_to(home)
    assert found.description.startswith("sample data")
    assert "Name or service not known" in found.description
    assert len(found.path.read_bytes().splitlines()) == 6820

    changed = found.path.stat().st_mtime_ns
    assert resolve(None, unreachable).path.stat().st_mtime_ns == changed
    assert resolve(found.path, unreachable).is_sample


@pytest.mark.usefixtures("home")
def test_resolve_does_not_replace_a_wrong_file_by_the_sample() -> None:
    with server(archive()) as opener, pytest.raises(DataError, match="given sha256"):
        resolve(None, opener)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.csv.gz", gzip.compress(CSV, mtime=0)),
        ("a.csv.xz", lzma.compress(CSV)),
        ("archive.zip", archive(name="folder/a.csv")),
    ],
)
def test_every_format_is_decompressed(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    file = read_data_file(tmp_path / name)

    assert (file.name, file.content) == ("a.csv", CSV)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"PAR1", r"must end in one of \.csv, \.csv\.gz, \.csv\.xz, \.zip"),
        ("a.csv", None, "does not exist"),
        ("a.csv.gz", gzip.compress(CSV, mtime=0)[:30], "Check that the file is complete"),
        ("a.csv.xz", b"text", "Check that the file is complete"),
        ("a.zip", b"text", "Check that the file is complete"),
        ("a.zip", archive(name="readme.txt"), r"exactly one \.csv file, but it holds readme\.txt"),
    ],
)
def test_an_unreadable_file_is_an_error(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        resolve(tmp_path / name, unreachable)
