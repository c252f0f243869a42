"""A job's folders and how it fails."""

from __future__ import annotations

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


def test_folders_lie_under_opt_ml_or_the_given_base(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert job.processing_input("data") == base / "processing/input/data"
    assert job.processing_output("train") == base / "processing/output/train"
    assert job.channel("train") == base / "input/data/train"
    assert job.model_dir() == base / "model"
    monkeypatch.delenv("SAGEMAKER_BASE_DIR")
    assert job.model_dir() == Path("/opt/ml/model")


def test_training_toolkit_variables_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SM_CHANNEL_TRAIN", "/elsewhere/train")
    monkeypatch.setenv("SM_MODEL_DIR", "/elsewhere/model")
    assert job.channel("train") == Path("/elsewhere/train")
    assert job.model_dir() == Path("/elsewhere/model")


def test_job_error_leaves_its_message_where_sagemaker_reads_it(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise job.JobError("The data is bad.\nMend it.")

    with pytest.raises(SystemExit) as exit_:
        job.run(main)
    assert exit_.value.code == 1
    assert (base / "output/failure").read_text() == "The data is bad.\nMend it."
    assert (base / "output/message").read_text() == "The data is bad.\nMend it."
    assert capsys.readouterr().err == "The data is bad.\nMend it.\n"


def test_unexpected_error_keeps_its_traceback_and_leaves_a_message(base: Path) -> None:
    def main() -> None:
        raise ZeroDivisionError("by nothing")

    with pytest.raises(ZeroDivisionError):
        job.run(main)
    first = (base / "output/failure").read_text().splitlines()[0]
    assert first == "The job stopped on an unexpected ZeroDivisionError: by nothing"


def test_long_message_is_cut_to_what_sagemaker_shows(base: Path) -> None:
    def main() -> None:
        raise job.JobError("x" * 5000)

    with pytest.raises(SystemExit):
        job.run(main)
    message = (base / "output/failure").read_text()
    assert len(message) == 1024
    assert message.endswith("(the job's log has the rest)")


def test_reason_is_said_even_where_it_cannot_be_left(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a folder that can't be made, as /opt/ml on a laptop
    (base / "file").touch()
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base / "file"))

    def main() -> None:
        raise job.JobError("The data is bad.")

    with pytest.raises(SystemExit) as exit_:
        job.run(main)
    assert exit_.value.code == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "The data is bad."
    assert second.startswith(f"The reason could not be left in {base / 'file' / 'output'}: ")


def test_success_leaves_no_failure(base: Path) -> None:
    job.run(lambda: None)
    assert not (base / "output").exists()


def test_wrong_arguments_are_a_failure_with_a_reason(base: Path) -> None:
    with pytest.raises(SystemExit) as exit_:
        job.run(lambda: select_features.main(["--feature-count", "many"]))
    assert exit_.value.code == 1
    assert "invalid int value: 'many'" in (base / "output/failure").read_text()


def test_missing_input_names_the_file_and_what_is_there(base: Path) -> None:
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
