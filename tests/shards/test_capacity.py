"""How many restarts run at once, and when compiling pays."""

import pytest
import torch
from reconstruction.shards import capacity
from reconstruction.shards.capacity import bytes_per_restart, compiling_pays, restarts_at_once
from science_helpers import random_network

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("device", "restarts_free", "expected"),
    [(CPU, 0.9, 0), (CPU, 100, 1), (CUDA, 0.9, 0), (CUDA, 10, 8), (CUDA, 1000, 64)],
)
def test_as_many_restarts_as_fit_and_no_more_than_serve(monkeypatch, device, restarts_free, expected):
    network = random_network(5, [6, 4])
    size = bytes_per_restart(network, 8, torch.float32)
    monkeypatch.setattr(capacity, "free", lambda asked: int(restarts_free * size))
    assert restarts_at_once(network, 8, torch.float32, device) == expected


def test_compiling_pays_for_the_figures_of_the_paper_alone():
    """256 restarts of config/figure-cifar10.yaml, and not the eight of config/haim2022-cifar10.yaml."""
    paper = random_network(250, [1000, 1000])
    assert compiling_pays(paper, 1000, 1000, 256, CUDA)
    assert not compiling_pays(paper, 1000, 1000, 8, CUDA)
    assert not compiling_pays(paper, 1000, 1000, 256, CPU)
