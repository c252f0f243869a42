"""The pages about executions: the list, one execution, the log of a step, its report, and the start form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from pipeline.graph import Parameter, read_graph, read_parameters
from pipeline.service import describe, describe_briefly, list_executions
from scripts.console.pages.graph import BOX_HEIGHT, BOX_WIDTH, WIDTH, draw
from scripts.console.reads import FOREVER, FRESH_SECONDS
from scripts.console.site import Route, Site, report_response
from scripts.data.upload import newest_upload
from scripts.errors import ScriptError
from scripts.model.figures import figure_texts
from scripts.operate.executions import read_evaluation, retry_execution, start_execution, stop_execution
from scripts.operate.logs import MOST_LINES, has_log, step_log
from scripts.operate.reports import read_report

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from pipeline.service import Execution

STATUSES = ("Executing", "Stopping", "Stopped", "Failed", "Succeeded")
DATA = "InputDataUri"
_SEARCHED = 200
_PER_PAGE = 10
# An execution that has failed or was stopped only changes if someone retries it.
_ENDED_SECONDS = 60.0


@dataclass(frozen=True)
class Listed:
    """An execution, with its evaluation if it has one."""

    execution: Execution
    evaluation: dict[str, Any] | None


def list_page(site: Site, request: Request) -> Response:
    """Show the newest executions, of one status or all."""
    status, page = request.args.get("status", ""), max(1, request.args.get("page", 1, int))
    every = _summaries(site)
    chosen = [each for each in every if status in ("", each.status)]
    shown = chosen[(page - 1) * _PER_PAGE : page * _PER_PAGE]
    listed = site.read_all(lambda each: _read(site, each, describe_briefly), shown)
    return site.page(
        request,
        "executions.html",
        listed=listed,
        statuses=[(each, sum(found.status == each for found in every)) for each in STATUSES],
        status=status,
        page=page,
        pages=-(-len(chosen) // _PER_PAGE),
        total=len(every),
        is_cut=len(every) == _SEARCHED,
        defaults=_defaults(site) if listed else {},
    )


def execution_page(site: Site, request: Request, name: str) -> Response:
    """Show one execution as a graph of its steps, with what it found."""
    found = _read(site, _summary(site, name), describe)
    execution = found.execution
    nodes = site.reads.get(
        ("graph", execution.arn),
        lambda: read_graph(site.aws.client("sagemaker"), execution.arn),
        FOREVER,
    )
    steps = {step.name: step for step in execution.steps}
    return site.page(
        request,
        "execution.html",
        execution=execution,
        nodes=nodes,
        steps=steps,
        logged={name for name, step in steps.items() if has_log(step)},
        drawing=draw(nodes),
        box=(BOX_WIDTH, BOX_HEIGHT, WIDTH),
        evaluation=found.evaluation,
        figures=list(figure_texts(found.evaluation)) if found.evaluation else [],
        defaults=_defaults(site),
    )


def log_page(site: Site, request: Request, name: str, step: str) -> Response:
    """Show the log of a step's job."""
    execution = _read(site, _summary(site, name), describe).execution
    found = next((each for each in execution.steps if each.name == step and has_log(each)), None)
    if found is None:
        raise NotFound(f"Execution {name} has no step {step} with a log.")
    lines = site.reads.get(("log", found.arn), lambda: step_log(site.aws, found))
    return site.page(
        request, "log.html", execution=execution, step=found, lines=lines, is_cut=len(lines) == MOST_LINES
    )


def report_page(site: Site, request: Request, name: str) -> Response:
    """Show the report of an execution in a frame."""
    execution = _summary(site, name)
    back = f"/executions/{execution.id}"
    return site.page(
        request, "report.html", subject=f"execution {execution.id}", back=back, source=f"{back}/report.html"
    )


def report(site: Site, _request: Request, name: str) -> Response:
    """Return the report itself."""
    execution = _read(site, _summary(site, name), describe).execution
    return report_response(read_report(site.aws, execution))


def start_page(site: Site, request: Request) -> Response:
    """Show the form that starts an execution."""
    return _form(site, request, {})


def start(site: Site, request: Request) -> Response:
    """Start an execution, or show the command line that would."""
    known = _parameters(site)
    values = {each.name: request.form.get(each.name, "").strip() for each in known}
    if request.form.get("action") == "show":
        return _form(site, request, values)
    try:
        arn, _ = start_execution(site.aws, _given(known, values))
    except ScriptError as error:
        return _form(site, request, values, error)
    return site.changed(f"/executions/{arn.rpartition('/')[2]}")


def stop(site: Site, _request: Request, name: str) -> Response:
    """Stop a running execution."""
    stop_execution(site.aws, _summary(site, name).arn)
    return site.changed(f"/executions/{name}")


def retry(site: Site, _request: Request, name: str) -> Response:
    """Run the steps of an execution that have not succeeded."""
    retry_execution(site.aws, _summary(site, name).arn)
    return site.changed(f"/executions/{name}")


ROUTES: tuple[Route, ...] = (
    ("GET", "/executions", list_page),
    ("GET", "/executions/start", start_page),
    ("POST", "/executions/start", start),
    ("GET", "/executions/<name>", execution_page),
    ("POST", "/executions/<name>/stop", stop),
    ("POST", "/executions/<name>/retry", retry),
    ("GET", "/executions/<name>/report", report_page),
    ("GET", "/executions/<name>/report.html", report),
    ("GET", "/executions/<name>/log/<step>", log_page),
)


def _summaries(site: Site) -> list[Execution]:
    return site.reads.get(
        "executions",
        lambda: list_executions(site.aws.client("sagemaker"), site.aws.project.pipeline, _SEARCHED),
    )


def _summary(site: Site, name: str) -> Execution:
    for each in _summaries(site):
        if each.id == name:
            return each
    raise NotFound(f"None of the newest {_SEARCHED} executions is called {name}.")


def _read(site: Site, summary: Execution, read: Callable[[SageMakerClient, str], Execution]) -> Listed:
    """Read an execution, with its steps or without them, and its evaluation."""
    execution = site.reads.get(
        (read, summary.arn, summary.status),
        lambda: read(site.aws.client("sagemaker"), summary.arn),
        _seconds(summary),
    )
    return Listed(execution, _evaluation(site, summary))


def _evaluation(site: Site, summary: Execution) -> dict[str, Any] | None:
    return site.reads.get(
        ("evaluation", summary.arn, summary.status),
        lambda: read_evaluation(site.aws, summary),
        _seconds(summary),
    )


def _seconds(execution: Execution) -> float:
    """Return the number of seconds for which reads about an execution are kept."""
    if execution.status == "Succeeded":
        return FOREVER
    return _ENDED_SECONDS if execution.ended else FRESH_SECONDS


def _parameters(site: Site, seconds: float = FRESH_SECONDS) -> tuple[Parameter, ...]:
    return site.reads.get(
        "parameters", lambda: read_parameters(site.aws.client("sagemaker"), site.aws.project), seconds
    )


def _defaults(site: Site) -> dict[str, str | None]:
    """Return the defaults of the parameters; the next deployment can change them."""
    return {each.name: each.default for each in _parameters(site, _ENDED_SECONDS)}


def _form(site: Site, request: Request, values: dict[str, str], error: ScriptError | None = None) -> Response:
    known = _parameters(site)
    given = _given(known, values)
    options = [f"--data-uri {quote(given.pop(DATA))}"] if DATA in given else []
    options += [f"-p {quote(f'{name}={value}')}" for name, value in given.items()]
    return site.page(
        request,
        "start.html",
        400 if error else 200,
        parameters=known,
        values={each.name: each.default or "" for each in known} | values,
        newest=newest_upload(site.aws),
        data=DATA,
        error=error,
        line=site.commands.command(" ".join(["pipeline start", *options])),
    )


def _given(known: tuple[Parameter, ...], values: dict[str, str]) -> dict[str, str]:
    """Return the values that differ from the defaults."""
    return {
        each.name: values[each.name]
        for each in known
        if values.get(each.name) and values[each.name] != each.default
    }
