"""The folder of a state: its user, versions and permissions, and what happens to damaged contents."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.local_aws.cloud import (
    Cloud,
)
from support.local_aws.machine import Machine

from local_aws.server import LocalAws
from local_aws.state.errors import StateError
from local_aws.state.state import reset


def test_a_state_has_one_user_at_a_time(machine: Machine) -> None:
    machine.start()
    with pytest.raises(StateError, match="Another local AWS uses the state"):
        reset(machine.folder)
    machine.stop()
    reset(machine.folder)
    assert [each.name for each in machine.folder.iterdir()] == ["lock"]


def test_a_state_of_another_version_is_refused_and_stays(machine: Machine) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    machine.stop()
    versions = machine.folder / "versions.json"
    good = versions.read_text()
    versions.write_text(good.replace("eu-west-1", "us-east-1"))
    with pytest.raises(StateError, match=r"is of region us-east-1; this is region eu-west-1") as error:
        machine.start()
    assert "bankruptcy local reset --state" in error.value.hint
    versions.write_text(good)
    assert len(machine.start().s3.list_buckets()["Buckets"]) == 1


def test_the_folder_is_private(machine: Machine, tmp_path: Path) -> None:
    machine.folder.mkdir(mode=0o777)
    machine.start()
    assert machine.folder.stat().st_mode & 0o777 == 0o700
    machine.stop()
    machine.folder.chmod(0o770)
    with pytest.raises(StateError, match="Other users can write"):
        machine.start()
    machine.folder = tmp_path / "other"
    machine.folder.mkdir()
    (machine.folder / "thesis.txt").touch()
    with pytest.raises(StateError, match=r"is not a state of local AWS: it holds 'thesis.txt'"):
        machine.start()


def damage_database(folder: Path) -> None:
    (folder / "state.sqlite").write_bytes(b"no database" * 1000)


def damage_blob(folder: Path) -> None:
    data = bytearray((folder / "state.sqlite").read_bytes())
    position = data.index(b"local-tests")
    data[position : position + 5] = b"LOCAL"
    (folder / "state.sqlite").write_bytes(data)


def lose_body(folder: Path) -> None:
    next((folder / "objects").iterdir()).unlink()


def cut_body(folder: Path) -> None:
    os.truncate(next((folder / "objects").iterdir()), 1)


def lose_versions(folder: Path) -> None:
    (folder / "versions.json").unlink()


@pytest.mark.parametrize("damage", [damage_database, damage_blob, lose_body, cut_body, lose_versions])
def test_a_damaged_state_is_set_aside_as_a_whole(machine: Machine, damage: Callable[[Path], None]) -> None:
    cloud = machine.start()
    cloud.make_bucket()
    cloud.put("key", b"body")
    machine.stop()
    before = {each.name for each in machine.folder.iterdir()} - {"lock"}
    damage(machine.folder)
    cloud = machine.start()
    assert cloud.s3.list_buckets()["Buckets"] == []
    aside = cloud.aws.damaged_state
    assert aside is not None
    assert {each.name for each in aside.iterdir()} >= before - {"versions.json", "state.sqlite-wal"}
    # AND the next start finds what is new
    cloud.make_bucket()
    assert len(machine.start().s3.list_buckets()["Buckets"]) == 1


def test_nothing_is_written_without_a_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with LocalAws() as aws:
        cloud = Cloud(aws)
        cloud.make_bucket()
        cloud.put("key", b"body")
        cloud.close()
    assert list(tmp_path.iterdir()) == []
