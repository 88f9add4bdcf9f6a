"""A plain verdict on what the attack assumes: networks trained otherwise, and where the caveat stands."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from checkpoint_helpers import mlp, smooth_images, trained
from reconstruction.configuration import AdoptedModel, Dataset, Evaluation, Merge, Model, Restarts, parsing
from reconstruction.errors import UserError
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.report.verdict import CAVEATS, headline
from reconstruction.stages import adopt, deduplicate, evaluate, index, inspect, page, reconstruct, subset, table, train
from reconstruction.tools.show import show
from reconstruction.training.descent import Record
from reconstruction.training.examination import mistakes, unexplained
from reconstruction.training.verdict import FAILS, HOLDS, IN_PART, SMALL, UNKNOWN, by_images, by_weights, reason
from science_helpers import random_network, random_regression
from torch import nn

SHAPE = (3, 6, 6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A subset of twelve pictures in colour, as many held out, and the mean image."""
    folder = tmp_path_factory.mktemp("verdict")
    images = smooth_images(24, SHAPE).transpose(0, 2, 3, 1)
    np.savez(folder / "images.npz", images=images, labels=np.arange(24) % 2)
    source = {"kind": "file", "path": str(folder / "images.npz")}
    subset.run(Dataset(source=source, labels={"rule": "alternating"}, per_label=6), folder / "subset.h5")
    np.save(folder / "mean.npy", store.read(folder / "subset.h5", "subset")["mean"])
    return folder


def network_of(folder, activation=nn.ReLU, spread=1e-3, channels_last=False):
    drawn = store.read(folder / "subset.h5", "subset")
    images = torch.from_numpy(drawn["training/images"] - drawn["mean"]).double()
    inputs = (images.permute(0, 2, 3, 1) if channels_last else images).flatten(1)
    labels = torch.from_numpy(drawn["training/labels"]).double()
    return trained(mlp(108, 40, 40, 1, activation=activation), inputs, labels, spread=spread).state_dict()


def adopted(folder, content, capsys, name="model", images=True, **settings):
    """What `adopt` says of a network."""
    torch.save(content, folder / "weights.pt")
    values = {"weights": str(folder / "weights.pt"), "input_shape": SHAPE, "mean": str(folder / "mean.npy"), **settings}
    files = (folder / "subset.h5", folder / f"{name}_t.h5") if images else (None, None)
    adopt.run(parsing.parse(AdoptedModel, values, "theirs"), folder / f"{name}.h5", *files)
    return capsys.readouterr().out


def test_a_relu_network_trained_for_long_passes(folder, capsys):
    said = adopted(folder, network_of(folder), capsys)
    assert "what the attack assumes holds" in said
    assert "does not hold" not in said
    assert "the weights alone do not speak against it" in adopted(folder, network_of(folder), capsys, images=False)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid])
def test_another_activation_is_among_the_causes(activation, folder, capsys):
    said = adopted(folder, network_of(folder, activation), capsys)
    assert "adopt: warning: what the attack assumes does not hold: the training images leave" in said
    assert "the activation (`activation`)" in said


def test_another_order_of_inputs_is_told_with_and_without_images(folder, capsys):
    content = network_of(folder, channels_last=True)
    for images in (True, False):
        said = adopted(folder, content, capsys, images=images)
        assert "warning: what the attack assumes does not hold" in said
        assert "`input_order`" in said
        assert "does not hold" not in adopted(folder, content, capsys, images=images, input_order="HWC")


def test_without_mean_and_std_there_is_a_warning(folder, capsys):
    assert "neither mean nor std is given" in adopted(folder, network_of(folder), capsys, images=False, mean=0)
    assert "warning" not in adopted(folder, network_of(folder), capsys, images=False, mean=0.5)


@pytest.mark.parametrize(
    ("margins", "said"),
    [
        ([1, 2], ""),
        ([1, -2, 3], "the network errs on 1 of 3 images"),
        ([-1, -2, 3], "the network errs on 2 of 3 images (on 1 with the two labels swapped)"),
        ([0, 0], "the network errs on 2 of 2 images"),
    ],
)
def test_mistakes_are_told_and_what_swapped_labels_would_make_of_them(margins, said):
    assert mistakes(np.array(margins), "images") == said


def test_a_network_that_weight_decay_has_taken_is_refused(folder, monkeypatch):
    nothing = random_network(108, [20]).map(lambda parameter: parameter * 1e-30)
    monkeypatch.setattr(train, "fit", lambda *_: (nothing, [Record(0, 0.7, 0.0, 0.0, 0.5)]))
    with pytest.raises(UserError, match=r"nothing of the weights; lower training\.weight_decay"):
        train.run(Model(hidden=[20]), folder / "subset.h5", folder / "m.h5", folder / "t.h5", torch.device("cpu"))
    assert not (folder / "m.h5").exists()


@pytest.mark.parametrize(("share", "condition"), [(0.2, HOLDS), (0.31, IN_PART), (0.97, FAILS), (1.2, FAILS)])
def test_the_share_left_unexplained_decides(share, condition):
    verdict = by_images(random_network(20, [12]), np.array([share, 0.93]))
    assert (verdict.condition, verdict.unexplained) == (condition, share)
    assert f"{share:.0%} of the first layer unexplained" in reason(verdict.columns)
    assert verdict.is_doubtful == (condition != HOLDS)


@pytest.mark.parametrize(
    "network",
    [
        random_network(20, [12], activation="tanh"),
        random_network(20, [12], later_biases=True),
        random_network(20, [12], later_biases=True, activation="leaky-relu"),
        random_regression(20, [12]),
    ],
)
@pytest.mark.parametrize(
    ("shares", "condition"),
    [([0, 0.001], HOLDS), ([0.005, 0.78], FAILS), ([0.17, 0.5], IN_PART), ([0.3, 0.1], IN_PART)],
)
def test_where_weight_decay_alone_leads_to_the_sum_every_layer_counts(network, shares, condition):
    verdict = by_images(network, np.array(shares))
    assert verdict.condition == condition
    assert f"{shares[0]:.0%} of the first layer and {shares[1]:.0%} of a further one" in reason(verdict.columns)


@pytest.mark.parametrize("kind", [{"activation": "gelu"}, {"biases": "every-layer"}])
@pytest.mark.parametrize("weight_decay", [0.03, 0.0])
def test_a_network_that_is_not_homogeneous_is_explained_under_weight_decay_alone(folder, weight_decay, kind):
    settings = Model(hidden=[20, 20], training={"weight_decay": weight_decay, "target_loss": 1e-3}, **kind)
    train.run(settings, folder / "subset.h5", folder / "gelu.h5", folder / "gelu_t.h5", torch.device("cpu"))
    network = deployed.read(folder / "gelu.h5").network
    verdict = by_images(network, unexplained(store.read(folder / "gelu_t.h5", "training")))
    assert (verdict.condition == HOLDS) == (verdict.unexplained_beyond < SMALL) == (weight_decay > 0)


def test_weights_alone_never_make_it_hold():
    assert by_weights(random_network(20, [6]), (1, 4, 5)).condition == UNKNOWN
    assert by_weights(random_network(20, [300]), (1, 4, 5)).condition == FAILS


def test_units_norms_say_nothing_of_a_network_that_is_not_homogeneous():
    verdict = by_weights(random_network(20, [300], activation="gelu"), (1, 4, 5))
    assert verdict.condition == UNKNOWN
    assert "do not speak against it" in reason(verdict.columns)


def test_the_caveat_stands_first_wherever_the_experiment_is_told(folder, capsys):
    """A network of PyTorch's own initial values, trained by Adam: no headline counts what came back."""
    said = adopted(folder, network_of(folder, spread=0), capsys, "theirs")
    assert "what the attack assumes does not hold" in said
    assert "a network trained by Adam, from larger initial values, for a short time or with batch normalisation" in said
    model, training, shard, candidates, evaluation, inspection = (
        folder / f"{name}.h5" for name in ("theirs", "theirs_t", "0", "candidates", "evaluation", "inspection")
    )
    sweep = Restarts(per_shard=2, candidates=24, method="subspace", subspace={"iterations": 20, "rank": 8})
    reconstruct.run(sweep, 0, model, shard, torch.device("cpu"))
    deduplicate.run(Merge(), model, [shard], candidates)
    evaluate.run(Evaluation(), "d/theirs/s", folder / "subset.h5", model, training, candidates, evaluation)
    inspect.run(3, "theirs/s", model, candidates, inspection)
    told = capsys.readouterr().out
    begins = CAVEATS[FAILS]
    assert begins == "This attack cannot tell what the model remembers, since what it assumes does not hold"
    assert f"evaluate: d, theirs, s: {begins}" in told
    assert f"inspect: no-images, theirs, s: {begins}" in told
    for figure in ("the training images leave", "the squared norms of units'"):
        assert f"What the attack assumes does not hold: {figure}" in told

    page.of_evaluation(folder / "subset.h5", model, training, candidates, evaluation, folder / "report.html")
    page.of_inspection(model, candidates, inspection, folder / "inspection.html")
    for name in ("report.html", "inspection.html"):
        assert f"<h1>{begins}" in (folder / name).read_text()
    table.run([evaluation], folder, [inspection])
    rows = pd.read_csv(folder / "table.csv")
    assert rows["condition"].tolist() == [FAILS, FAILS]
    assert rows["unexplained"][0] > 0.6
    assert rows["unexplained"].isna().tolist() == [False, True]
    assert (rows["balance"] < 0.5).all()
    index.run([evaluation], folder / "index.html", [inspection])
    assert (folder / "index.html").read_text().count(f"<strong>{begins}") == 2
    capsys.readouterr()
    show(folder)
    assert capsys.readouterr().out.count(f"theirs, s: {begins}") == 2
    row = json.loads(str(store.read(evaluation, "evaluation")["row"]))
    assert headline(row).index(begins) < headline(row).index("of 12 never trained on")
