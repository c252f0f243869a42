"""Pages are opened in a browser if there is a display."""

from __future__ import annotations

import webbrowser

import pytest

from scripts.terminal.browser import open_page

URL = "http://127.0.0.1:4680/enter?token=x"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the browser was asked to open; it opens those of this machine."""
    found: list[str] = []

    def open_url(url: str) -> bool:
        found.append(url)
        return url.startswith("http:")

    monkeypatch.setattr(webbrowser, "open", open_url)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_page_is_opened_on_a_display(
    opened: list[str], variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, ":0")
    open_page(URL)
    assert (opened, capsys.readouterr().out) == ([URL], "")
    open_page("file:///missing.html")
    assert "No browser could be started" in capsys.readouterr().out


def test_without_a_display_no_text_browser_is_started(
    opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    open_page(URL)
    assert opened == []
    assert "no display" in capsys.readouterr().out
