"""The pages about monitoring: its runs, the result of one, accepted windows, and outcomes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from scripts.console.files import sent_file
from scripts.console.reads import FOREVER
from scripts.console.site import Route, Site, report_response
from scripts.data.outcomes import Outcome, parse_outcomes, upload_outcomes, uploaded, uploads
from scripts.errors import ScriptError
from scripts.operate.monitoring import (
    NOTHING_NEW,
    MonitoringError,
    acceptances,
    check_acceptable,
    finished_runs,
    read_monitoring_page,
    read_result,
    start_monitoring,
    withdraw,
)
from scripts.operate.monitoring import accept as accept_run
from scripts.operate.words import outcome_counts, quality_rows
from scripts.text import counted

_LISTED = 10
_DRIFTING = 10
_ENDINGS = (".csv", ".jsonl")  # of files with outcomes


def list_page(site: Site, request: Request) -> Response:
    """Show the last runs of monitoring, and the windows that were accepted as normal."""
    runs = _runs(site)
    shown = runs[:_LISTED]
    results = site.read_all(lambda each: _result(site, *each), shown)
    return site.page(
        request,
        "monitoring.html",
        runs=[(*each, result) for each, result in zip(shown, results, strict=True)],
        total=len(runs),
        accepted=_accepted(site),
        operation=site.operations.last,
    )


def run(site: Site, _request: Request) -> Response:
    """Start monitoring on the predictions since the last run."""

    def work() -> str:
        started = start_monitoring(site.aws, None)
        if started.run is None:
            return NOTHING_NEW
        return f"Run {started.run} has started. Its result is listed here when it has ended."

    site.operations.start("Starting monitoring", work)
    return site.changed("/service/monitoring")


def run_page(site: Site, request: Request, name: str) -> Response:
    """Show the result of a run: drift, quality, outcomes, and its report."""
    return _run_page(site, request, name)


def report(site: Site, _request: Request, name: str) -> Response:
    """Return the report of a run."""
    _end(site, name)
    return report_response(read_monitoring_page(site.aws, name))


def accept(site: Site, request: Request, name: str, version: str) -> Response:
    """Accept the predictions of a run as normal for a version, with a note."""
    note = request.form.get("note", "").strip()
    if not note:
        return _run_page(site, request, name, "Write a note: it is kept with your name.")
    try:
        check_acceptable(_result(site, name, _end(site, name)), name, version)
        accept_run(site.aws, name, version, note)
    except MonitoringError as error:
        return _run_page(site, request, name, str(error))
    return site.changed(f"/service/monitoring/{name}")


def undo(site: Site, _request: Request, name: str, version: str) -> Response:
    """Compare a version with training again."""
    withdraw(site.aws, name, version)
    return site.changed(f"/service/monitoring/{name}")


def outcomes_page(site: Site, request: Request) -> Response:
    """Show how many outcomes were uploaded and how the last run used them, and the form for a file."""
    return _outcomes_page(site, request)


def upload(site: Site, request: Request) -> Response:
    """Check a file of outcomes, and upload it; a file with a wrong line is rejected as a whole."""
    try:
        file = sent_file(request, _ENDINGS, "outcomes upload FILE")
        # Dates are written where the user is.
        found = parse_outcomes(file.stream, str(file.filename), datetime.now(UTC).astimezone().date())
        made = upload_outcomes(site.aws, found.outcomes)
    except ScriptError as error:
        return _outcomes_page(site, request, error)
    site.reads.forget()
    text = f"Uploaded {counted(len(found.outcomes), 'outcome')}; {made.new:,} had not been uploaded before."
    if found.ignored_columns:
        text += f" Ignored columns: {found.ignored_columns}."
    return _outcomes_page(site, request, done=text)


ROUTES: tuple[Route, ...] = (
    ("GET", "/service/monitoring", list_page),
    ("POST", "/service/monitoring/run", run),
    ("GET", "/service/monitoring/<name>", run_page),
    ("GET", "/service/monitoring/<name>/report.html", report),
    ("POST", "/service/monitoring/<name>/accept/<version>", accept),
    ("POST", "/service/monitoring/<name>/undo/<version>", undo),
    ("GET", "/service/outcomes", outcomes_page),
    ("POST", "/service/outcomes", upload),
)


def _runs(site: Site) -> list[tuple[str, datetime]]:
    return site.reads.get("runs", lambda: finished_runs(site.aws))


def _end(site: Site, name: str) -> datetime:
    for known, end in _runs(site):
        if known == name:
            return end
    raise NotFound(f"Monitoring has no result of a run {name}.")


def _result(site: Site, name: str, end: datetime) -> dict[str, Any]:
    """Read the result of a run, which can only be replaced by one with another time."""
    return site.reads.get(("result", name, end), lambda: read_result(site.aws, name), FOREVER)


def _accepted(site: Site) -> Any:
    return site.reads.get("accepted", lambda: acceptances(site.aws))


def _uploaded(site: Site, key: str) -> list[Outcome]:
    # The name of the file is the hash of its contents.
    return site.reads.get(("outcomes", key), lambda: list(uploaded(site.aws, key)), FOREVER)


def _run_page(site: Site, request: Request, name: str, problem: str = "") -> Response:
    result = _result(site, name, _end(site, name))
    drifting = {
        version: [column for column in facts["drift"] or [] if column["reason"]]
        for version, facts in result["versions"].items()
    }
    return site.page(
        request,
        "run.html",
        400 if problem else 200,
        name=name,
        result=result,
        ended=datetime.fromisoformat(result["time"]),
        drifting=drifting,
        listed=_DRIFTING,
        quality=list(quality_rows(result)),
        outcomes=outcome_counts(result["outcomes"]),
        accepted={each.version: each for each in _accepted(site) if each.run == name},
        problem_text=problem,
        note=request.form.get("note", ""),
    )


def _outcomes_page(
    site: Site, request: Request, error: ScriptError | None = None, done: str = ""
) -> Response:
    files = site.reads.get("uploads", lambda: uploads(site.aws))
    contents = site.read_all(lambda each: _uploaded(site, each[0]), files)
    different: set[Outcome] = set().union(*contents)
    runs = _runs(site)[:1]
    return site.page(
        request,
        "outcomes.html",
        400 if error else 200,
        files=[
            (time, len(found), sum(each.outcome == "1" for each in found))
            for (_, time), found in list(zip(files, contents, strict=True))[:_LISTED]
        ],
        total=len(files),
        outcomes=len(different),
        bankruptcies=sum(each.outcome == "1" for each in different),
        last=[(name, outcome_counts(_result(site, name, end)["outcomes"])) for name, end in runs],
        error=error,
        done=done,
    )
