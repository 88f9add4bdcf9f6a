"""A shard: the oracle, precisions, and restarts at once as memory allows."""

import numpy as np
import pytest
import torch
from reconstruction.attack.plan import choose
from reconstruction.attack.search import reference
from reconstruction.attack.search.starts import begin, draw
from reconstruction.configuration import Restarts
from reconstruction.errors import UserError
from reconstruction.files import store
from reconstruction.machine.progress import Progress
from reconstruction.models import deployed
from reconstruction.models.space import INPUTS
from reconstruction.shards import batches, capacity
from reconstruction.shards.batches import product_dtype, search_in_batches
from reconstruction.stages import reconstruct
from science_helpers import normal, orthonormal, random_network, relative

CPU = torch.device("cpu")


def settings(**changes):
    published = {"iterations": 30, "learning_rate": 0.01, "lambda_learning_rate": 0.001, "initial_scale": 0.1}
    return Restarts.model_validate({"candidates": 6, "method": "published", "published": published, **changes})


def found(settings, dtype=torch.float64, restarts=5):
    network, numbers = random_network(5, [6, 5]), range(restarts)
    attack = choose(network, settings)
    drawn = [draw(attack.settings, settings.seed, number) for number in numbers]
    starts = begin(network.input_size, attack.method.space, settings, numbers, drawn)
    return search_in_batches(attack, network.to(dtype=dtype), starts, Progress("test"))


@pytest.mark.parametrize("at_once", [1, 2, 5, 100])
def test_how_many_run_at_once_changes_no_result(monkeypatch, at_once):
    sweep, network, numbers = settings(), random_network(5, [6, 5]), range(5)
    drawn = [draw(sweep.published, sweep.seed, number) for number in numbers]
    expected = reference.search(network, begin(5, INPUTS, sweep, numbers, drawn), 30, 1)
    monkeypatch.setattr(batches, "restarts_at_once", lambda *_: at_once)
    outcome = found(settings(precision="float64"))
    for field in ("candidates", "lambdas", "residuals"):
        assert relative(getattr(outcome, field), getattr(expected, field)) < 1e-9


def test_where_not_even_one_restart_fits_the_error_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(capacity, "free", lambda device: 100)
    monkeypatch.setattr(batches, "free", lambda device: 100)
    with pytest.raises(UserError, match=r"one restart needs .* GiB and cpu has 0.0 GiB free"):
        found(settings())


def test_layer_weights_are_as_many_as_layers():
    sweep = settings(published={"layer_weights": [1, 2]})
    with pytest.raises(UserError, match=r"published.layer_weights: has 2 numbers and the model has 3 layers"):
        choose(random_network(5, [6, 5]), sweep)


def test_a_rank_beyond_the_first_layer_is_refused():
    with pytest.raises(UserError, match=r"subspace.rank: is 6, and the first layer's rank is 5 at most"):
        choose(random_network(5, [6, 5]), settings(method="subspace", subspace={"rank": 6}))


@pytest.mark.parametrize("native", [True, False])
def test_the_precision_of_auto_is_what_the_method_and_the_device_allow(monkeypatch, native):
    monkeypatch.setattr(batches, "has_native_bfloat16", lambda device: native)
    assert product_dtype(settings(), "published", CPU) == torch.float32
    assert product_dtype(settings(), "subspace", CPU) == (torch.bfloat16 if native else torch.float32)
    assert product_dtype(settings(precision="float64"), "subspace", CPU) == torch.float64


def test_bfloat16_products_follow_float32_ones():
    """The direction of the first steps is that of exact products, to the precision of eight bits."""
    network = random_network(5, [6, 5])
    planted = orthonormal(3, 6, seed=1).T * torch.tensor([3.0, 2.0, 1.0]).double() @ orthonormal(3, 5, seed=2)
    network = type(network)((planted + 1e-5 * normal(6, 5), *network.weights[1:]), network.bias)
    sweep = settings(method="subspace", subspace={"iterations": 20, "learning_rate": 0.001, "rank": 3})
    attack = choose(network, sweep)
    within = network.project_inputs(attack.method.space.basis)
    drawn = [draw(attack.settings, 0, number) for number in range(2)]
    starts = begin(within.input_size, attack.method.space, sweep, range(2), drawn)
    starts = starts.to(CPU, torch.float32)
    exact, coarse = (
        search_in_batches(attack, within.to(dtype=dtype), starts, Progress("test"))
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert coarse.candidates.dtype == torch.float32
    moved = exact.candidates - starts.candidates
    assert relative(coarse.candidates - starts.candidates, moved) < 0.3
    assert relative(coarse.residuals, exact.residuals) < 0.02


@pytest.mark.parametrize(("scale", "mean", "said"), [(0.1, 0.5, False), (1.0, 0.5, True), (1.0, 0.0, False)])
def test_it_is_said_where_candidates_are_larger_than_images(scale, mean, said, tmp_path, capsys):
    """Of 100 pixels over a std of 0.5 the usual norm is 4.6, that of the candidates 10 times their scale.

    Without a mean nobody knows an image's norm.
    """
    network, std = random_network(100, [8]), np.full(1, 0.5, np.float32).reshape(1, 1, 1)
    model = deployed.arrays(network, np.full((1, 10, 10), mean, np.float32), std)
    store.write(tmp_path / "model.h5", "model", model, settings_json="{}")
    search = {"iterations": 1, "initial_scale": scale, "learning_rate": 0.0, "lambda_learning_rate": 0.0}
    sweep = Restarts(per_shard=2, candidates=50, method="published", published=search)
    reconstruct.run(sweep, 0, tmp_path / "model.h5", tmp_path / "0.h5", CPU)
    assert ("candidates are 2.2 times as large as images are" in capsys.readouterr().out) == said
