"""The page that compares a version with the champion on a file of companies, before the decision."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import NotFound
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from scripts.companies.company_file import read_companies
from scripts.companies.errors import CompanyFileError
from scripts.console.background import KEPT
from scripts.console.files import sent_file
from scripts.console.pages.versions import find
from scripts.console.site import Route, Site
from scripts.data.upload import read_newest_upload
from scripts.errors import UsageError
from scripts.preview.comparison import Preview, preview
from scripts.preview.page import sections
from scripts.preview.versions import load_both
from scripts.preview.words import summary
from scripts.scratch import make_folder

ENDINGS = (".csv", ".json", ".jsonl")


@dataclass(frozen=True)
class _Shown:
    """A preview, and the origin of its companies."""

    preview: Preview
    source: str


def start(site: Site, request: Request, number: int) -> Response:
    """Start a comparison on the uploaded data, or on the file of the form."""
    find(site, number)
    file = None if request.form.get("source") == "data" else _sent(request, number)
    folder = make_folder("bankruptcy-preview")
    work = _on_data(site, number, folder) if file is None else _on_file(site, number, folder, file)
    # The file is deleted even if the comparison never begins.
    name = site.background.start(number, work, lambda: shutil.rmtree(folder, ignore_errors=True))
    return redirect(f"/versions/{number}/preview/{name}", 303)


def page(site: Site, request: Request, number: int, name: str) -> Response:
    """Show a comparison, or a notice while it runs."""
    found, piece = find(site, number), site.background.get(number, name)
    has_failed = piece is None or (piece.done() and piece.exception() is not None)
    if has_failed and "HX-Request" in request.headers:
        # htmx ignores an answer with an error's status. So the browser loads the page again, and shows it.
        return Response(headers={"HX-Refresh": "true"})
    if piece is None:
        raise NotFound(f"This preview is gone: the console keeps the newest {KEPT}. Start it again.")
    shown = piece.result() if piece.done() else None
    return site.page(
        request,
        "preview.html",
        found=found,
        shown=shown,
        summary=summary(shown.preview) if shown else "",
        sections=sections(shown.preview) if shown else "",
    )


ROUTES: tuple[Route, ...] = (
    ("POST", "/versions/<int:number>/preview", start),
    ("GET", "/versions/<int:number>/preview/<name>", page),
)


def _sent(request: Request, number: int) -> FileStorage:
    return sent_file(request, ENDINGS, f"model preview {number} --on FILE")


def _on_data(site: Site, number: int, folder: Path) -> Callable[[], _Shown]:
    def work() -> _Shown:
        file = read_newest_upload(site.aws)
        if file is None:
            raise UsageError("There is no uploaded data.", "Upload some with `bankruptcy data upload`.")
        path = folder / "data.csv"
        path.write_bytes(file.content)
        return _Shown(_compare(site, number, path, file.name), f"{file.name} ({file.origin})")

    return work


def _on_file(site: Site, number: int, folder: Path, file: FileStorage) -> Callable[[], _Shown]:
    name = str(file.filename)
    path = folder / f"companies{Path(name).suffix.lower()}"
    file.save(path)
    return lambda: _Shown(_compare(site, number, path, name), name)


def _compare(site: Site, number: int, path: Path, name: str) -> Any:
    champion, version = load_both(site.aws, number)
    try:
        return preview(champion, version, lambda: read_companies(path))
    except CompanyFileError as error:
        # The reader's messages name the temporary file.
        problem, hint = (text.replace(str(path), name) for text in (error.problem, error.hint))
        raise CompanyFileError(problem, hint) from error
