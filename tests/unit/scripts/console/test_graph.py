"""The graph of an execution: the steps that each one follows, and boxes that nothing crosses."""

from __future__ import annotations

import json

import pytest
from support.pipeline.definitions import GOLDEN

from pipeline.graph import Node, graph_of
from scripts.console.pages.graph import BOX_WIDTH, WIDTH, draw

TRAINING = (
    Node("SelectFeatures", ()),
    Node("Resample", ("SelectFeatures",)),
    Node("TrainRecommended", ("SelectFeatures",)),
    Node("TrainBaseline", ("Resample",)),
    Node("Evaluate", ("TrainRecommended", "TrainBaseline")),
    Node("CheckRocAuc", ("Evaluate",)),
    Node("RegisterModel", ("CheckRocAuc",)),
    Node("ModelRejected", ("CheckRocAuc",)),
)


def test_the_training_pipeline_has_the_documented_order() -> None:
    found = graph_of(json.loads(GOLDEN.read_text(encoding="utf-8")))
    assert {node.name: set(node.after) for node in found} == {node.name: set(node.after) for node in TRAINING}


def test_steps_that_wait_for_each_other_are_an_error() -> None:
    steps = [{"Name": name, "Type": "Training", "DependsOn": [other]} for name, other in ("ab", "ba")]
    with pytest.raises(ValueError, match=r"\['a', 'b'\] wait for each other"):
        graph_of({"Steps": steps})


def test_a_step_lies_below_those_that_it_follows_and_beside_the_others() -> None:
    boxes = {box.name: box for box in draw(TRAINING).boxes}
    for node in TRAINING:
        assert all(boxes[before].y < boxes[node.name].y for before in node.after)
    # The line from TrainRecommended to Evaluate passes TrainBaseline on its right.
    assert boxes["TrainBaseline"].x + BOX_WIDTH < WIDTH / 2
    assert boxes["Resample"].y == boxes["TrainRecommended"].y
    assert all(0 <= box.x <= WIDTH - BOX_WIDTH for box in boxes.values())


def test_an_empty_graph_is_drawn() -> None:
    assert draw(()).boxes == ()
