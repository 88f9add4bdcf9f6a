"""Candidates as pixels, a block at a time, against all of them at once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from reconstruction.evaluation import matching, pixels
from reconstruction.evaluation.matching import assign_one_to_one, nearest_by_channel, nearest_by_ncc
from reconstruction.files.store import Stored
from reconstruction.models.deployed import Deployed
from reconstruction.models.mlp import initialise
from science_helpers import generator, normal, orthonormal

SHAPE = (3, 4, 4)
STD = np.array([0.5, 1, 2], np.float32).reshape(3, 1, 1)


@pytest.mark.parametrize("std", [np.ones((1, 1, 1), np.float32), STD])
@pytest.mark.parametrize("rank", [None, 7])
def test_matching_blocks_of_pixels_is_matching_all_of_them(monkeypatch, std, rank):
    monkeypatch.setattr(matching, "BLOCK", 4)
    basis = None if rank is None else orthonormal(rank, 48).float().numpy()
    coordinates = normal(30, rank or 48, seed=1).float().numpy()
    arrays = {"coordinates": coordinates} if basis is None else {"coordinates": coordinates, "basis": basis}
    stored = Stored(Path("candidates.h5"), arrays, {}, {}, {}, "")
    network = initialise(48, [5], 1.0, generator(0)).to(dtype=torch.float32)
    candidates = pixels.of(stored, "coordinates", Deployed(network, np.zeros(SHAPE, np.float32), stored, std))

    inputs = coordinates if basis is None else coordinates @ basis
    whole = torch.from_numpy((inputs.reshape(-1, *SHAPE) * std).reshape(30, -1))
    assert len(candidates) == 30
    assert candidates[:].numpy() == pytest.approx(whole.numpy(), abs=1e-5)
    assert candidates[np.array([3, 1])].numpy() == pytest.approx(whole[[3, 1]].numpy(), abs=1e-5)
    images = normal(6, 48, seed=2).float()
    for found, expected in (
        (nearest_by_ncc(images, candidates), nearest_by_ncc(images, whole)),
        (nearest_by_ncc(candidates, images), nearest_by_ncc(whole, images)),
        (nearest_by_channel(images, candidates, SHAPE), nearest_by_channel(images, whole, SHAPE)),
        (assign_one_to_one(images, candidates), assign_one_to_one(images, whole)),
    ):
        assert found.index.tolist() == expected.index.tolist()
        assert found.score == pytest.approx(expected.score, abs=1e-5)
