"""A shard of the exact attack: batches that depend on their numbers alone, and interruptions that leave no trace."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from exact_helpers import planted
from reconstruction.attack.exact.search import Solutions
from reconstruction.attack.plan import gates
from reconstruction.configuration import Restarts
from reconstruction.files import store
from reconstruction.machine.progress import Progress
from reconstruction.machine.signals import Interrupted, Notice
from reconstruction.models import deployed
from reconstruction.shards.checkpoint import Checkpoint, conditions
from reconstruction.shards.exploration import explore
from shard_helpers import Interrupting

EXACT = {"starts": 40, "iterations": 100, "deflations": 1, "rank": 11}
SETTINGS = Restarts(candidates=12, per_shard=4, method="exact", exact=EXACT)


@pytest.fixture(scope="module")
def attack():
    return gates(planted(seed=1).network, SETTINGS, torch.ones(40), trial=False)


def keeper_of(folder, at=None):
    network = planted(seed=1).network.to(dtype=torch.float32)
    path = folder / "model.h5"
    if not path.exists():
        store.write(path, "model", deployed.arrays(network, np.zeros((1, 5, 8), np.float32)), settings_json="{}")
    checkpoint = Checkpoint(
        folder / "0000.h5",
        SETTINGS.to_json(),
        store.read(path, "model"),
        conditions(0, torch.device("cpu"), "float32"),
    )
    keeper = Interrupting(checkpoint, Notice(), 1000, torch.ones(3))
    keeper.at = at
    return keeper


def explored(attack, keeper, numbers=range(4)):
    return explore(attack, numbers, Progress("test"), keeper)


def assert_same(found, expected):
    assert found.reports == expected.reports
    for field in fields(Solutions):
        assert torch.equal(getattr(found.solutions, field.name), getattr(expected.solutions, field.name))


@pytest.mark.parametrize("at", range(3))
def test_interrupted_anywhere_it_ends_where_it_would_have_ended(tmp_path, attack, at):
    expected = explored(attack, keeper_of(tmp_path))
    with pytest.raises(Interrupted):
        explored(attack, keeper_of(tmp_path, at))
    assert_same(explored(attack, keeper_of(tmp_path)), expected)


def test_a_batch_follows_from_its_number_alone(tmp_path, attack):
    """What the third batch finds does not hang on the shard that it is in, but for what it finds anew."""
    together = explored(attack, keeper_of(tmp_path), range(2, 4))
    alone = explored(attack, keeper_of(tmp_path), range(2, 3))
    assert alone.reports == together.reports[:1]


def test_it_stops_where_new_starts_find_nothing_new(tmp_path, attack):
    idle = [report.new for report in explored(attack, keeper_of(tmp_path), range(60)).reports]
    assert len(idle) < 60
    assert not any(idle[-attack.plan.patience :])
    assert idle[-attack.plan.patience - 1]
