"""Archives that are unsafe to unpack are rejected."""

import io
import tarfile
from pathlib import Path

import pytest
from support.local_aws.endpoints import ENVIRONMENT, ROLE, Cloud

from local_aws.base import archives
from local_aws.endpoints.host import EndpointError, ModelSpec, unpack_model


def test_an_archive_with_members_outside_its_folder_is_rejected(cloud: Cloud) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside.txt"))
    cloud.client("s3").put_object(Bucket="models", Key="evil.tar.gz", Body=buffer.getvalue())

    with pytest.raises(EndpointError, match="outside the destination"):
        cloud.deploy("evil", ModelSpec("s3://models/evil.tar.gz", ENVIRONMENT, "evil", ROLE))


def entry(name: str, size: int = 1, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size, found.type = size, kind
    return found


REFUSED: list[tuple[str, list[tarfile.TarInfo], str]] = [
    ("twice", [entry("code/serve.py"), entry("./code/serve.py")], "The entry 'code/serve.py' is there twice"),
    (
        "file and folder",
        [entry("code"), entry("code", 0, tarfile.DIRTYPE)],
        "The entry 'code' is there twice",
    ),
    ("entries", [entry(str(number), 0) for number in range(21)], "It has more than 20 entries"),
    ("bomb", [entry("zeros", 300_000_000)], r"Its [\d,]+ bytes unpack to more than 200 times as many"),
    ("bytes", [entry("a", 40_000), entry("b", 20_000)], "It has more than 50,000 bytes unpacked"),
]


@pytest.mark.parametrize(("kind", "entries", "message"), REFUSED, ids=[case[0] for case in REFUSED])
def test_an_unsafe_archive_is_rejected_before_it_is_unpacked(
    cloud: Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    entries: list[tarfile.TarInfo],
    message: str,
) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 20)
    if kind == "bytes":
        monkeypatch.setattr(archives, "MAX_BYTES", 50_000)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for each in [entry("first.txt"), *entries]:
            tar.addfile(each, io.BytesIO(bytes(each.size)))
    cloud.client("s3").put_object(Bucket="models", Key="unsafe.tar.gz", Body=buffer.getvalue())
    spec = ModelSpec("s3://models/unsafe.tar.gz", ENVIRONMENT, "unsafe", ROLE)

    with pytest.raises(
        EndpointError,
        match=rf"Model unsafe: Failed to unpack s3://models/unsafe\.tar\.gz: {message}.*\. \w+ ",
    ):
        unpack_model(cloud.client("s3"), spec, tmp_path / "model")

    assert list((tmp_path / "model").iterdir()) == []


def test_links_and_repeated_folders_are_unpacked(cloud: Cloud, tmp_path: Path) -> None:
    folder, link = entry("code", 0, tarfile.DIRTYPE), entry("latest.py", 0, tarfile.SYMTYPE)
    folder.mode, link.linkname = 0o755, "code/serve.py"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for each in (folder, entry("code/serve.py"), folder, link):
            tar.addfile(each, io.BytesIO(b"#" * each.size))
    cloud.client("s3").put_object(Bucket="models", Key="links.tar.gz", Body=buffer.getvalue())

    unpack_model(
        cloud.client("s3"),
        ModelSpec("s3://models/links.tar.gz", ENVIRONMENT, "links", ROLE),
        tmp_path / "model",
    )

    assert (tmp_path / "model" / "latest.py").read_text() == "#"
