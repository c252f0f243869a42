"""Bundles: the import closure of each job's module, named by its hash."""

import pickle
import pickletools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy
import pytest
from moto import mock_aws

from pipeline.bundles import SOURCE, STEP_MODULES, Bundle, build_bundles, upload_bundles
from steps.dataset.columns import RATIOS
from steps.estimators.recipes import ESTIMATORS

MODULES = {
    "First": "steps.first",
    "Second": "steps.second",
    "Third": "steps.third",
    "Fourth": "steps.fourth",
}
TREE = {
    "steps/__init__.py": "",
    "steps/first.py": "import json\nfrom steps.data import read\nprint('ran', read())\n",
    "steps/second.py": "from .data import read\nfrom . import estimators\n",
    "steps/third.py": "def main():\n    from steps.export.model import pack\n    import imblearn.combine\n",
    "steps/fourth.py": "from inference.contract import check\n",
    "steps/data.py": "def read():\n    return 'data'\n",
    "steps/estimators/__init__.py": "from .linear import Linear\n",
    "steps/estimators/linear.py": "from ..data import read\nLinear = read\n",
    "steps/export/__init__.py": "",
    "steps/export/model.py": "import inference\nfrom inference.contract import check\n",
    "steps/unused.py": "import steps.data\n",
    "inference/__init__.py": "",
    "inference/contract.py": "from inference.errors import Error\n",
    "inference/errors.py": "",
    "inference/handlers.py": "",
    "inference/pyproject.toml": "",
    "inference/__pycache__/contract.cpython-311.pyc": "compiled",
    "pipeline/own.py": "import steps.data\n",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for path, content in TREE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    return tmp_path


def _own(bundle: Bundle) -> set[str]:
    return {path for path in bundle.files if not path.startswith(("imblearn/", "sklearn_compat/"))}


class TestClosure:
    def test_contains_only_what_the_module_imports(self, source: Path) -> None:
        bundles = build_bundles(source, MODULES)
        assert _own(bundles["First"]) == {"run.py", "steps/__init__.py", "steps/first.py", "steps/data.py"}

    def test_follows_relative_imports_and_packages(self, source: Path) -> None:
        assert _own(build_bundles(source, MODULES)["Second"]) == {
            "run.py",
            "steps/__init__.py",
            "steps/second.py",
            "steps/data.py",
            "steps/estimators/__init__.py",
            "steps/estimators/linear.py",
        }

    def test_follows_imports_inside_functions_and_includes_a_whole_package_that_is_imported(
        self, source: Path
    ) -> None:
        assert _own(build_bundles(source, MODULES)["Third"]) == {
            "run.py",
            "steps/__init__.py",
            "steps/third.py",
            "steps/export/__init__.py",
            "steps/export/model.py",
            "inference/__init__.py",
            "inference/contract.py",
            "inference/errors.py",
            "inference/handlers.py",
            "inference/pyproject.toml",
        }

    def test_follows_single_modules_of_inference(self, source: Path) -> None:
        assert _own(build_bundles(source, MODULES)["Fourth"]) == {
            "run.py",
            "steps/__init__.py",
            "steps/fourth.py",
            "inference/__init__.py",
            "inference/contract.py",
            "inference/errors.py",
        }

    def test_runs_the_module_as_a_program_and_from_any_folder(self, source: Path, tmp_path: Path) -> None:
        folder = _unpack(build_bundles(source, MODULES)["First"], tmp_path / "code")
        ran = subprocess.run(
            [sys.executable, folder / "run.py"], cwd="/", capture_output=True, text=True, check=True
        )
        assert ran.stdout == "ran data\n"

    def test_reports_a_missing_module(self, source: Path) -> None:
        (source / "steps/data.py").unlink()
        with pytest.raises(ValueError, match=r"A step imports steps\.data, but .* has no module steps\.data"):
            build_bundles(source, MODULES)


class TestHash:
    def test_equal_code_gives_equal_bundles(self, source: Path) -> None:
        before = build_bundles(source, MODULES)
        (source / "steps/first.py").touch()
        assert build_bundles(source, MODULES) == before

    @pytest.mark.parametrize(
        ("path", "changed"),
        [
            ("steps/first.py", {"First"}),
            ("steps/data.py", {"First", "Second"}),
            ("steps/estimators/linear.py", {"Second"}),
            ("steps/export/model.py", {"Third"}),
            ("inference/handlers.py", {"Third"}),
            ("inference/errors.py", {"Third", "Fourth"}),
            ("steps/__init__.py", {"First", "Second", "Third", "Fourth"}),
            ("steps/unused.py", set()),
            ("pipeline/own.py", set()),
        ],
    )
    def test_a_changed_module_changes_the_bundles_that_import_it(
        self, source: Path, path: str, changed: set[str]
    ) -> None:
        before = build_bundles(source, MODULES)
        (source / path).write_text((source / path).read_text() + "# changed\n")
        after = build_bundles(source, MODULES)
        assert {step for step in MODULES if after[step].sha256 != before[step].sha256} == changed


class TestVendored:
    def test_only_the_bundle_that_imports_imbalanced_learn_contains_it(self, source: Path) -> None:
        bundles = build_bundles(source, MODULES)
        carriers = {step for step, bundle in bundles.items() if "imblearn/__init__.py" in bundle.files}
        assert carriers == {"Third"}
        carried = bundles["Third"].files
        assert "sklearn_compat/__init__.py" in carried
        assert not [path for path in carried if "/tests/" in path or "__pycache__" in path]

    def test_it_resamples_with_only_scikit_learn_installed(self, source: Path, tmp_path: Path) -> None:
        # GIVEN the bundle, and a folder with scikit-learn and its dependencies
        folder = _unpack(build_bundles(source, MODULES)["Third"], tmp_path / "code")
        installed = tmp_path / "installed"
        installed.mkdir()
        site_packages = Path(str(numpy.__file__)).parent.parent
        for name in ("numpy", "scipy", "sklearn", "joblib", "cloudpickle", "narwhals", "threadpoolctl.py"):
            (installed / name).symlink_to(site_packages / name)
        for libraries in site_packages.glob("*.libs"):
            (installed / libraries.name).symlink_to(libraries)
        # WHEN a Python without site-packages imports it
        script = (
            "import sys\n"
            f"sys.path[:0] = [{str(folder)!r}, {str(installed)!r}]\n"
            "import numpy\n"
            "from imblearn.combine import SMOTETomek\n"
            "values = numpy.random.default_rng(0).normal(size=(60, 3))\n"
            "labels = numpy.array([1] * 10 + [0] * 50)\n"
            "_, balanced = SMOTETomek(random_state=0).fit_resample(values, labels)\n"
            "print(sys.modules['imblearn'].__file__, abs(balanced.mean() - 0.5) < 0.1)\n"
        )
        ran = subprocess.run(
            [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False
        )
        # THEN it works and comes from the bundle
        assert ran.stderr == ""
        assert ran.stdout.split() == [str(folder / "imblearn/__init__.py"), "True"]


class TestUpload:
    @pytest.fixture
    def s3(self) -> Iterator[Any]:
        with mock_aws():
            s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
            s3.create_bucket(Bucket="bucket")
            yield s3

    def test_uploads_each_bundle_under_its_hash(self, s3: Any) -> None:
        bundle = Bundle({"run.py": b"run", "steps/__init__.py": b""}, "abc")
        assert upload_bundles(s3, "bucket", {"A": bundle, "B": bundle}) == {
            "A": "s3://bucket/code/abc/",
            "B": "s3://bucket/code/abc/",
        }
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]]
        assert keys == ["code/abc/run.py", "code/abc/steps/__init__.py"]
        assert s3.get_object(Bucket="bucket", Key="code/abc/run.py")["Body"].read() == b"run"

    def test_completes_an_interrupted_upload(self, s3: Any) -> None:
        bundles = {"A": Bundle({"run.py": b"run", "steps/__init__.py": b""}, "abc")}
        s3.put_object(Bucket="bucket", Key="code/abc/run.py", Body=b"was here")
        upload_bundles(s3, "bucket", bundles)
        assert s3.get_object(Bucket="bucket", Key="code/abc/run.py")["Body"].read() == b"was here"
        assert s3.get_object(Bucket="bucket", Key="code/abc/steps/__init__.py")["Body"].read() == b""


def test_all_steps_of_the_project_can_be_bundled() -> None:
    bundles = build_bundles()
    assert list(bundles) == list(STEP_MODULES)
    for step, module in STEP_MODULES.items():
        path = module.replace(".", "/") + ".py"
        assert bundles[step].files[path] == (SOURCE / path).read_bytes()
    carriers = {step for step, bundle in bundles.items() if "imblearn/__init__.py" in bundle.files}
    assert carriers == {"Resample"}
    # A change in the endpoint's code does not run these steps again.
    forward = {step for step, bundle in bundles.items() if "inference/forward/trees.py" in bundle.files}
    assert forward == {"TrainBaseline", "TrainRecommended", "Evaluate"}


def _unpack(bundle: Bundle, folder: Path) -> Path:
    for path, content in bundle.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.mark.parametrize("estimator", sorted(ESTIMATORS))
def test_evaluate_has_the_code_of_the_classes_in_model_joblib(estimator: str) -> None:
    # Nothing in Evaluate names these classes; unpickling imports their modules.
    pickled = pickle.dumps(ESTIMATORS[estimator](RATIOS[:10], 0), protocol=0)
    modules = {str(argument).split(" ")[0] for _, argument, _ in pickletools.genops(pickled) if argument}
    ours = {module for module in modules if module.startswith("steps.")}
    assert ours
    files = build_bundles()["Evaluate"].files
    assert {f"{module.replace('.', '/')}.py" for module in ours} <= set(files)
    # The classes import the columns' units and the ratios in turn.
    assert "steps/dataset/units.py" in files
