"""Deploying a model to an endpoint: the old one serves until the new one has loaded."""

import threading
import time

import pytest
from support.local_aws.endpoints import ENVIRONMENT, ROLE, SERVE, Cloud, invoke

from local_aws.endpoints.host import EndpointError, ModelSpec


def test_a_new_deployment_takes_over_and_the_old_one_finishes_its_requests(cloud: Cloud) -> None:
    cloud.deploy("swap", cloud.model("old"))
    answers: list[str] = []
    slow = threading.Thread(target=lambda: answers.append(invoke(cloud, "swap", "slow")["model"]))
    slow.start()
    time.sleep(0.2)

    cloud.deploy("swap", cloud.model("new"))

    assert invoke(cloud, "swap", "x")["model"] == "new"
    slow.join()
    assert answers == ["old"]


def test_a_model_whose_endpoint_was_deleted_never_enters_service(cloud: Cloud) -> None:
    cloud.deploy("again", cloud.model("present"))

    cloud.deploy("again", cloud.model("forgotten"), wanted=lambda: False)

    assert invoke(cloud, "again", "x")["model"] == "present"


def test_no_request_is_lost_during_deployments(cloud: Cloud) -> None:
    cloud.deploy("busy", cloud.model("busy"))
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            statuses.append(cloud.host.invoke("busy", b"x", {}).status)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for _ in range(3):
        cloud.deploy("busy", cloud.model("busy"))
    over.set()
    for asker in askers:
        asker.join()

    assert set(statuses) == {200}


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        (SERVE.replace("answer.txt", "absent.txt"), "No such file or directory"),
        ("def model_fn(model_dir): pass", "does not define input_fn, predict_fn, output_fn"),
    ],
)
def test_a_model_that_does_not_load_leaves_the_old_one_in_service(
    cloud: Cloud, serve: str, reason: str
) -> None:
    cloud.deploy("broken", cloud.model("good"))

    with pytest.raises(EndpointError, match=reason):
        cloud.deploy("broken", cloud.model("bad", serve))

    assert invoke(cloud, "broken", "x")["model"] == "good"


def test_the_error_for_a_missing_archive_names_its_uri(cloud: Cloud) -> None:
    with pytest.raises(EndpointError, match="s3://models/absent"):
        cloud.deploy("absent", ModelSpec("s3://models/absent", ENVIRONMENT, "absent", ROLE))


def test_the_error_for_a_damaged_archive_names_its_uri(cloud: Cloud) -> None:
    whole = cloud.model("whole")
    archive = cloud.client("s3").get_object(Bucket="models", Key="models/whole/model.tar.gz")["Body"].read()
    cloud.client("s3").put_object(Bucket="models", Key="half.tar.gz", Body=archive[: len(archive) // 2])

    with pytest.raises(EndpointError, match=r"Model model-whole: Failed to unpack s3://models/half\.tar\.gz"):
        cloud.deploy("half", ModelSpec("s3://models/half.tar.gz", ENVIRONMENT, whole.name, ROLE))
