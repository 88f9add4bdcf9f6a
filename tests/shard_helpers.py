"""Small shards of a sweep, for tests of what reads them."""

import signal

import numpy as np
from reconstruction.attack.search.starts import NAMES
from reconstruction.configuration import Restarts
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.models.mlp import initialise
from reconstruction.shards.saving import Keeper
from science_helpers import generator, normal, orthonormal

CANDIDATES, RANK = 6, 5
BASIS = orthonormal(RANK, 12, seed=6).float().numpy()


class Interrupting(Keeper):
    """A keeper to whom a signal comes at pause number `at`, and who counts the pauses."""

    pauses, at = 0, None

    def pause(self, standing, fraction):
        if self.pauses == self.at:
            self.notice.received = signal.SIGTERM
        self.pauses += 1
        super().pause(standing, fraction)


def write_model(folder, seed=0):
    network = initialise(12, [7], 0.1, generator(seed))
    store.write(
        folder / "model.h5", "model", deployed.arrays(network, np.zeros((1, 3, 4), np.float32)), settings_json="{}"
    )
    return folder / "model.h5"


def shard_candidates(numbers):
    return np.stack([normal(CANDIDATES, RANK, seed=40 + number).float().numpy() for number in numbers])


def write_shard(folder, index, model, *, numbers=None, diverged=(), method="subspace", seed=0, turn=None):
    """Shard `index` of two restarts; turn (r, r) is an orthogonal matrix that its basis is turned by."""
    numbers = [2 * index, 2 * index + 1] if numbers is None else numbers
    candidates = shard_candidates(numbers)
    basis = BASIS
    if turn is not None:
        basis, candidates = turn @ BASIS, (candidates @ turn.T).astype(np.float32)
    if method == "published":
        candidates = candidates @ BASIS
    lost = np.array([number in diverged for number in numbers])
    candidates[lost] = np.nan
    arrays = {
        "restart": np.array(numbers),
        **{f"hyperparameters/{name}": np.full(len(numbers), 0.5) for name in NAMES},
        "candidates": candidates,
        "lambdas": np.stack([number + np.linspace(0, 0.5, CANDIDATES, dtype=np.float32) for number in numbers]),
        "labels": np.repeat(np.array([-1, 1], np.int8), CANDIDATES // 2),
        "diverged": lost,
        "trace/iterations": np.array([0, 5]),
        "trace/residuals": np.stack([np.full((2, 2), number, np.float32) for number in numbers]),
    }
    if method == "subspace":
        arrays["basis"] = basis.astype(np.float32)
    store.write(
        folder / f"{index:04}.h5",
        "shard",
        arrays,
        settings_json=Restarts(candidates=CANDIDATES, per_shard=2, seed=seed).to_json(),
        facts={"method": method, "seconds": 1.5 + index, "device": "cpu"},
        sources={"model": store.read(model, "model")},
    )
    return folder / f"{index:04}.h5"
