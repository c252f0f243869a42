"""A job's folders, arguments and failures."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from steps import job, select_features


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    for name in ("SM_MODEL_DIR", "SM_CHANNEL_TRAIN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_folders_are_below_opt_ml_or_the_configured_folder(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert job.processing_input("data") == base / "processing/input/data"
    assert job.processing_output("train") == base / "processing/output/train"
    assert job.channel("train") == base / "input/data/train"
    assert job.model_dir() == base / "model"
    monkeypatch.delenv("SAGEMAKER_BASE_DIR")
    assert job.model_dir() == Path("/opt/ml/model")


def test_variables_of_the_training_toolkit_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SM_CHANNEL_TRAIN", "/elsewhere/train")
    monkeypatch.setenv("SM_MODEL_DIR", "/elsewhere/model")
    assert job.channel("train") == Path("/elsewhere/train")
    assert job.model_dir() == Path("/elsewhere/model")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Only Linux restricts processes to cores.")
@pytest.mark.parametrize(("limit", "cores"), [(None, 4), ("", 4), ("0", 1), ("2", 2), ("16", 4)])
def test_a_job_uses_at_most_sm_num_cpus_cores(
    limit: str | None, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1, 2, 3})
    monkeypatch.delenv("SM_NUM_CPUS", raising=False)
    if limit is not None:
        monkeypatch.setenv("SM_NUM_CPUS", limit)
    assert job.available_cores() == cores


def test_a_job_error_is_written_where_sagemaker_reads_it(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise job.JobError("The data is invalid.", "Fix it.")

    with pytest.raises(SystemExit) as exit_:
        job.run(main)
    assert exit_.value.code == 1
    assert (base / "output/failure").read_text() == "The data is invalid.\nFix it."
    assert (base / "output/message").read_text() == "The data is invalid.\nFix it."
    assert capsys.readouterr().err == "The data is invalid.\nFix it.\n"


def test_errors_have_a_code_a_problem_and_a_hint() -> None:
    error = job.DataError("The data is invalid.", "Fix it.")
    assert (error.code, error.problem, error.hint) == ("invalid_data", "The data is invalid.", "Fix it.")
    assert str(error) == "The data is invalid.\nFix it."
    assert str(job.JobError("No hint.")) == "No hint."
    with pytest.raises(job.ParameterError, match="Resampler is 'x'; it must be one of a, b") as raised:
        job.require_choice("Resampler", "x", ("a", "b"))
    assert raised.value.code == "invalid_parameter"


def test_an_unexpected_error_keeps_its_traceback_and_writes_a_message(base: Path) -> None:
    def main() -> None:
        raise ZeroDivisionError("by nothing")

    with pytest.raises(ZeroDivisionError):
        job.run(main)
    first = (base / "output/failure").read_text().splitlines()[0]
    assert first == "The job failed with an unexpected ZeroDivisionError: by nothing"


def test_a_long_message_is_cut_to_the_length_that_sagemaker_shows(base: Path) -> None:
    def main() -> None:
        raise job.JobError("x" * 5000)

    with pytest.raises(SystemExit):
        job.run(main)
    message = (base / "output/failure").read_text()
    assert len(message) == 1024
    assert message.endswith("(the job's log has the rest)")


def test_the_reason_is_logged_even_if_it_cannot_be_written(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a folder that cannot be created, like /opt/ml on a laptop
    (base / "file").touch()
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base / "file"))

    def main() -> None:
        raise job.JobError("The data is invalid.")

    with pytest.raises(SystemExit) as exit_:
        job.run(main)
    assert exit_.value.code == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "The data is invalid."
    assert second.startswith(
        f"The reason for the failure could not be written to {base / 'file' / 'output'}: "
    )


def test_a_successful_job_writes_no_failure(base: Path) -> None:
    job.run(lambda: None)
    assert not (base / "output").exists()


def test_invalid_arguments_fail_the_job_with_a_reason(base: Path) -> None:
    with pytest.raises(SystemExit) as exit_:
        job.run(lambda: select_features.main(["--feature-count", "many"]))
    assert exit_.value.code == 1
    assert "invalid int value: 'many'" in (base / "output/failure").read_text()


def test_a_missing_input_is_reported_with_the_contents_of_its_folder(base: Path) -> None:
    (base / "other.txt").touch()
    with pytest.raises(
        job.JobError, match=r"The list is missing: .*x\.json does not exist; .*\['other\.txt'\]"
    ):
        job.require_file(base / "x.json", "list")


def test_one_thread_limits_blas() -> None:
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    with job.one_thread():
        assert {library["num_threads"] for library in threadpool_info()} == {1}
