"""The page that compares a version with the champion on a file of companies, before the decision."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from scripts.companies.company_file import read_companies
from scripts.companies.errors import CompanyFileError
from scripts.console.background import KEPT
from scripts.console.pages.versions import find
from scripts.console.site import Route, Site
from scripts.data.upload import read_newest_upload
from scripts.errors import UsageError
from scripts.preview.comparison import Preview, preview
from scripts.preview.page import sections
from scripts.preview.versions import load_both
from scripts.preview.words import summary
from scripts.scratch import make_folder

# Compressed files could become much larger than what was sent.
ENDINGS = (".csv", ".json", ".jsonl")


@dataclass(frozen=True)
class _Shown:
    """A preview, and where its companies come from."""

    preview: Preview
    source: str


def start(site: Site, request: Request, number: int) -> Response:
    """Start a comparison on the uploaded data, or on the file of the form."""
    find(site, number)
    on_data = request.form.get("source") == "data"
    name = site.background.start(_on_data(site, number) if on_data else _on_file(site, request, number))
    return redirect(f"/versions/{number}/preview/{name}", 303)


def page(site: Site, request: Request, number: int, name: str) -> Response:
    """Show a comparison, or that it is still running."""
    found, piece = find(site, number), site.background.get(name)
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


def _on_data(site: Site, number: int) -> Callable[[], _Shown]:
    def work() -> _Shown:
        file = read_newest_upload(site.aws)
        if file is None:
            raise UsageError("There is no uploaded data.", "Upload some with `bankruptcy data upload`.")
        folder = make_folder("bankruptcy-preview")
        path = folder / "data.csv"
        try:
            path.write_bytes(file.content)
            return _Shown(_compare(site, number, path, file.name), f"{file.name} ({file.origin})")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return work


def _on_file(site: Site, request: Request, number: int) -> Callable[[], _Shown]:
    file = request.files.get("file")
    name = (file.filename or "") if file is not None else ""
    if file is None or not name:
        raise UsageError("No file was chosen.", f"Choose a company file: {', '.join(ENDINGS)}.")
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(
            f"{name} must end in {', '.join(ENDINGS)}.",
            f"For other files, use `bankruptcy model preview {number} --on FILE`.",
        )
    folder = make_folder("bankruptcy-preview")
    path = folder / f"companies{ending}"
    file.save(path)

    def work() -> _Shown:
        try:
            return _Shown(_compare(site, number, path, name), name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return work


def _compare(site: Site, number: int, path: Path, name: str) -> Any:
    champion, version = load_both(site.aws, number)
    try:
        return preview(champion, version, lambda: read_companies(path))
    except CompanyFileError as error:
        # The reader's messages name the temporary file.
        problem, hint = (text.replace(str(path), name) for text in (error.problem, error.hint))
        raise CompanyFileError(problem, hint) from error
