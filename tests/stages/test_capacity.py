"""What does not fit into memory is refused before it is begun, by every stage that reads images."""

import re
import resource

import psutil
import pytest
from fault_helpers import run_all, run_stage, the_error
from reconstruction.evaluation.capacity import to_match
from reconstruction.machine import devices
from reconstruction.training.capacity import of_images, to_examine, to_train


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Of the faces: 625 pixels, 20 units, 8 training and 8 held-out images, which are tested, too."""
    return run_all(tmp_path_factory.mktemp("finished"))


@pytest.mark.parametrize(
    ("stage", "needed", "sentence"),
    [
        ("train", to_train(625, [20, 20], 8, 24), "train: a first layer of 20 units takes .*, or lower hidden"),
        ("adopt", to_examine(625, 20, 24), "adopt: to examine images of shape .*, or adopt the weights without"),
        (
            "evaluate",
            to_match((1, 25, 25), 8, 24) + 10 * 8 * 16**2 + to_examine(625, 20, 16),
            "evaluate: to match images of shape .*, or evaluate on a larger machine",
        ),
        ("membership", 10 * 8 * 8**2 + to_examine(625, 20, 8), ".*pool.npz: to score 8 images .*, or smaller ones"),
    ],
)
def test_a_stage_knows_what_it_will_need(finished, tmp_path, monkeypatch, capsys, stage, needed, sentence):
    monkeypatch.setattr(devices, "free_memory", lambda: needed - 1)
    assert run_stage(stage, finished, tmp_path) == 1
    assert re.search(sentence, the_error(capsys))
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(devices, "free_memory", lambda: needed)
    assert run_stage(stage, finished, tmp_path) == 0


def test_phone_photographs_take_more_than_any_laptop_has():
    size, width = 3000 * 2000, 500
    assert 8 * size * width == 24e9
    assert to_train(size, [width], 4, 8) > 5 * 24e9
    assert to_train(2, [3, 10**6, 10**6], 4, 8) > 5 * 8e12
    assert to_examine(size, width, 8) == 12 * size * width + of_images(size, 8)


def test_a_limit_on_the_address_space_is_no_free_memory(monkeypatch):
    free, taken = devices.free_memory(), psutil.Process().memory_info().vms
    assert 0 < free <= psutil.virtual_memory().total
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (taken + 2**20, resource.RLIM_INFINITY))
    assert devices.free_memory() <= 2**20
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (taken // 2, resource.RLIM_INFINITY))
    assert devices.free_memory() == 0
