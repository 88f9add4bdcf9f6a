"""Weights from outside: what is read, what is refused by name, and that the attack works on them as on our own."""

import json
import os
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from reconstruction.__main__ import main
from reconstruction.attack.plan import choose
from reconstruction.attack.search import engine, restarts
from reconstruction.attack.search.priors import Pixels
from reconstruction.attack.search.reference import stationarity_residuals
from reconstruction.attack.search.stationarity import stationarity
from reconstruction.configuration import AdoptedModel, Dataset, Evaluation, Merge, Model, Restarts, parsing
from reconstruction.errors import UserError
from reconstruction.evaluation.quantities import COLUMNS
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.models.mlp import Network
from reconstruction.stages import adopt, deduplicate, evaluate, reconstruct, subset, train
from reconstruction.training.true_stationarity import true_stationarity
from science_helpers import alternating, generator, normal, phi, random_network, uniform
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

ROOT = Path(__file__).parents[2]
SHAPE = (3, 2, 4)
CPU = torch.device("cpu")


def mlp(*hidden, biases=(True,), outputs=1, inputs=24):
    """Linear and ReLU in turn, with a bias in the layers that `biases` says, from the first."""
    torch.manual_seed(0)
    sizes = [inputs, *hidden, outputs]
    layers = []
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        layers += [nn.Linear(fan_in, fan_out, bias=layer < len(biases) and biases[layer]), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def adopted(content, folder, name="weights.pt", save=torch.save, **settings):
    """What is adopted of a content saved to a file: the model as it is deployed."""
    path = folder / name
    save(content, path)
    values = {"weights": str(path), **({} if name.endswith(".h5") else {"input_shape": SHAPE}), **settings}
    adopt.run(parsing.parse(AdoptedModel, values, "theirs"), folder / "model.h5", None, None)
    return deployed.read(folder / "model.h5")


def refusal(*arguments, **settings):
    """The sentence that refuses."""
    with pytest.raises(UserError) as caught:
        adopted(*arguments, **settings)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("hidden", [(5,), (6, 5), (7, 7, 7, 4)])
@pytest.mark.parametrize("biases", [(True,), (False,), (True,) * 5, (False, False, True)])
@pytest.mark.parametrize(
    "normalisation",
    [{}, {"mean": 0.5, "std": 0.25}, {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]}, {"mean": "mean.npy", "std": 2}],
)
def test_the_outputs_are_those_of_the_original(hidden, biases, normalisation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = torch.rand(5, *SHAPE, generator=generator(0))
    np.save("mean.npy", images.mean(0).numpy())
    net = mlp(*hidden, biases=biases)
    model = adopted(net.state_dict(), tmp_path, **normalisation)
    mean, std = normalisation.get("mean", 0.0), normalisation.get("std", 1.0)
    mean = torch.tensor(np.load(mean) if isinstance(mean, str) else mean)
    mean, std = (value.view(-1, 1, 1) if value.dim() == 1 else value for value in (mean, torch.tensor(std)))
    expected = net(((images - mean) / std).flatten(1)).squeeze(1)
    assert phi(model.network, model.inputs(images.numpy())).tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    expected = (*biases, *(False,) * 5)[: len(hidden) + 1]
    assert tuple(bias is not None for bias in model.network.biases) == expected
    pixels = model.pixels(model.inputs(images.numpy()))
    assert pixels.numpy() == pytest.approx(model.centred(images.numpy()).numpy(), abs=1e-6)


@pytest.mark.parametrize("keys", [["state_dict"], ["model"], ["model_state_dict"], ["model", "state_dict"]])
def test_a_checkpoint_may_hold_the_weights_inside(keys, tmp_path):
    net = mlp(5, 4)
    content = net.state_dict()
    for key in reversed(keys):
        content = {"epoch": 3, key: content, "optimizer": torch.optim.SGD(net.parameters(), lr=0.1).state_dict()}
    assert adopted(content, tmp_path).network.sizes == (24, 5, 4, 1)


def test_odd_names_are_read_by_a_mapping(tmp_path):
    net = mlp(5, 4)
    first, offset, second, last = net.parameters()
    content = {"out": last, "a": first, "b": second, "c": offset, "step": torch.tensor(3)}
    layers = [{"weight": "a", "bias": "c"}, {"weight": "b"}, {"weight": "out"}]
    network = adopted(content, tmp_path, layers=layers).network
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(network.weights, (first, second, last), strict=True))
    assert torch.equal(network.bias, offset)
    assert "`layers`" in refusal(content, tmp_path)
    assert "'d', which `layers` names" in refusal(content, tmp_path, layers=[{"weight": "a"}, {"weight": "d"}])
    assert "no bias of that layer" in refusal(
        content, tmp_path, layers=[{"weight": "a"}, {"weight": "b", "bias": "c"}, {"weight": "out"}]
    )


def test_a_zero_bias_counts_as_none(tmp_path):
    net = mlp(5, 4, biases=(True, True, True))
    for layer in (0, 2, 4):
        nn.init.zeros_(net[layer].bias)
    assert adopted(net.state_dict(), tmp_path).network.biases == (None,) * 3


def test_several_outputs_are_classes(tmp_path, capsys):
    images = torch.rand(5, *SHAPE, generator=generator(0))
    net = mlp(5, 4, outputs=10)
    model = adopted(net.state_dict(), tmp_path)
    assert phi(model.network, model.inputs(images.numpy())).numpy() == pytest.approx(
        net(images.flatten(1)).detach().numpy()
    )
    assert list(model.network.family.labels) == list(range(10))
    assert "the 10 outputs are read as those of as many classes under cross entropy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("outputs", "advice"), [(1, "by the rule classes"), (4, r"by the rule all, its classes listed in .* order")]
)
def test_images_whose_labels_are_another_networks_are_refused(outputs, advice, tmp_path):
    images, labels = np.random.default_rng(0).random((12, 2, 4, 3), np.float32), np.arange(12) % 3
    np.savez(tmp_path / "images.npz", images=images, labels=labels)
    rule = {"rule": "all"} if outputs == 1 else {"rule": "alternating"}
    source = {"kind": "file", "path": str(tmp_path / "images.npz")}
    subset.run(parsing.parse(Dataset, {"source": source, "labels": rule, "per_label": 2}, ""), tmp_path / "subset.h5")
    torch.save(mlp(5, 4, outputs=outputs).state_dict(), tmp_path / "w.pt")
    settings = parsing.parse(AdoptedModel, {"weights": str(tmp_path / "w.pt"), "input_shape": SHAPE}, "theirs")
    with pytest.raises(UserError, match=advice):
        adopt.run(settings, tmp_path / "model.h5", tmp_path / "subset.h5", tmp_path / "training.h5")


def test_of_biases_beyond_the_first_layer_adopt_says_that_the_equations_may_hold_in_part_only(tmp_path, capsys):
    adopted(mlp(5, 4, biases=(True, False, True)).state_dict(), tmp_path)
    said = capsys.readouterr().out
    assert "a bias in layer 1, 3" in said
    assert "homogeneous only in part" in said
    adopted(mlp(5, 4).state_dict(), tmp_path)
    assert "homogeneous" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "module", "called", "smooth"),
    [
        ({"activation": "leaky-relu"}, nn.LeakyReLU, "LeakyReLU(0.01)", False),
        ({"activation": "leaky-relu", "negative_slope": 0.2}, lambda: nn.LeakyReLU(0.2), "LeakyReLU(0.2)", False),
        ({"activation": "gelu"}, nn.GELU, "GELU", True),
        ({"activation": "tanh"}, nn.Tanh, "Tanh", True),
    ],
)
def test_the_activation_is_the_settings_and_a_smooth_one_is_said_to_tell_less(
    settings, module, called, smooth, tmp_path, capsys
):
    net = mlp(5, 4)
    model = adopted(net.state_dict(), tmp_path, **settings)
    said = capsys.readouterr().out
    assert f"24-5-4-1, {called}, " in said
    assert ("networks are not homogeneous" in said) == smooth
    inputs = torch.randn(5, 24)
    as_called = nn.Sequential(*(module() if isinstance(part, nn.ReLU) else part for part in net))
    assert torch.allclose(phi(model.network, inputs), as_called(inputs).squeeze(1).detach(), atol=1e-6)


def test_a_model_of_this_program_is_read_with_its_preprocessing(tmp_path):
    first = adopted(mlp(5).state_dict(), tmp_path, mean=0.25, std=[0.2, 0.3, 0.4])

    def copy(model, path):
        path.write_bytes(model.stored.path.read_bytes())

    again = adopted(first, tmp_path, "theirs.h5", copy)
    assert torch.equal(again.network.bias, first.network.bias)
    assert np.array_equal(again.mean, first.mean)
    assert np.array_equal(again.std, first.std)


def test_safetensors_are_read_in_the_order_of_their_numbers(tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    net = mlp(*[5] * 6)
    network = adopted(net.state_dict(), tmp_path, "weights.safetensors", save_file).network
    expected = [parameter for parameter in net.parameters() if parameter.dim() == 2]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(network.weights, expected, strict=True))
    first, second = torch.ones(5, 24), torch.ones(1, 5)
    numbered = {f"{'9' * 5000}.weight": second, "10.weight": first}
    assert adopted(numbered, tmp_path, "many.safetensors", save_file).network.sizes == (24, 5, 1)
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "weights.safetensors").read_bytes()[:-9])
    assert "cut.safetensors: no safetensors file" in refusal(None, tmp_path, "cut.safetensors", lambda *_: None)


def with_tensor(name, value):
    return {**mlp(5, 4).state_dict(), name: value}


@pytest.mark.parametrize(
    ("content", "settings", "key", "defect"),
    [
        (
            with_tensor("0.weight", torch.ones(5, 3, 3, 3)),
            {},
            "0.weight has shape 5x3x3x3: a convolution",
            "reconstruction membership",
        ),
        (mlp(5, 4, inputs=25).state_dict(), {}, "0.weight takes 25", "input_shape [3, 2, 4] makes 24"),
        (with_tensor("2.weight", torch.full((4, 5), torch.nan)), {}, "2.weight", "no finite"),
        (with_tensor("0.bias", torch.full((5,), torch.inf)), {}, "0.bias", "no finite"),
        (with_tensor("0.weight", torch.full((5, 24), 1e300, dtype=torch.float64)), {}, "0.weight", "no finite float32"),
        (with_tensor("2.weight", torch.ones(4, 6)), {}, "2.weight takes 6", "0.weight before it gives 5"),
        (with_tensor("1.weight", torch.ones(5)), {}, "1.weight", "no weight or bias of an MLP"),
        (with_tensor("0.weight", torch.zeros(5, 24)), {}, "layer 1", "every input gives the same output"),
        (with_tensor("2.weight", torch.zeros(4, 5)), {}, "layer 2", "every input gives the same output"),
        (with_tensor("2.weight", torch.ones(4, 5).int()), {}, "2.weight", "floating-point"),
        ({"0.weight": torch.ones(1, 24)}, {}, "1 layers", "hidden layer"),
        ({"epoch": 1}, {}, "no named tensors", "state_dict()"),
        ([1, 2], {}, "holds a list", "state_dict()"),
    ],
)
def test_a_defect_is_named(content, settings, key, defect, tmp_path):
    sentence = refusal(content, tmp_path, **settings)
    assert sentence.startswith(f"{tmp_path / 'weights.pt'}: ")
    assert key in sentence
    assert defect in sentence


class Hostile:
    def __reduce__(self):
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("content", [{"0.weight": Hostile()}, nn.Linear(2, 1)], ids=["hostile", "module"])
@pytest.mark.parametrize("zipped", [True, False])
def test_what_only_unpickling_could_read_is_refused_unread(content, zipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def save(content, path):
        torch.save(content, path, _use_new_zipfile_serialization=zipped)

    assert "weights.pt: holds more than tensors" in refusal(content, tmp_path, save=save)
    assert not Path("pwned").exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.6, 0.99])
def test_a_file_that_is_cut_short_or_no_checkpoint_is_refused(kept, tmp_path):
    def cut(content, path):
        torch.save(content, path)
        path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])

    assert "no PyTorch checkpoint, or truncated" in refusal(mlp(5).state_dict(), tmp_path, save=cut)
    for other in (b"hello", pickle.dumps({"0.weight": 1})):
        sentence = refusal(other, tmp_path, save=lambda raw, path: path.write_bytes(raw))
        assert "no PyTorch checkpoint, or truncated" in sentence
    assert "no such file" in refusal(None, tmp_path, "absent.pt", lambda *_: None)


@pytest.mark.parametrize(
    ("image", "defect"),
    [
        (np.zeros((2, 4)), "shape (2, 4)"),
        (np.full(SHAPE, 127.0), "from 0 to 1"),
        (np.array([{}]), "write it as NPY"),
    ],
)
def test_a_mean_image_that_cannot_be_is_refused(image, defect, tmp_path):
    np.save(tmp_path / "mean.npy", image)
    assert defect in refusal(mlp(5).state_dict(), tmp_path, mean=str(tmp_path / "mean.npy"))


@pytest.mark.parametrize(
    ("values", "defect"),
    [
        ({"weights": "a.pt"}, "input_shape is missing"),
        ({"weights": "a.pt", "input_shape": [25, 25]}, "input_shape has two numbers; give it as [C, H, W], or"),
        ({"weights": "a.pt", "input_shape": [25, 25, 1]}, "input_shape has 25 channels"),
        ({"weights": "a.pt", "input_shape": SHAPE, "mean": [0.5]}, "mean has 1 numbers for 3 channels"),
        ({"weights": "a.pt", "input_shape": SHAPE, "mean": 127}, "mean is 127, and images are in 0 .. 1; scale it"),
        ({"weights": "a.pt", "input_shape": SHAPE, "std": 0}, "std: input should be greater than or equal to 0.000001"),
        ({"weights": "a.pt", "input_shape": SHAPE, "std": [1, 2]}, "std has 2 numbers for 3 channels"),
        ({"weights": "a.pt", "input_shape": SHAPE, "hidden": [5]}, "hidden is no known key"),
        ({"weights": "a.h5", "std": 2}, "std is part of a model.h5 already"),
        ({"weights": "a.h5", "activation": "tanh"}, "activation is part of a model.h5 already"),
        (
            {"weights": "a.pt", "input_shape": SHAPE, "negative_slope": 0.2},
            "negative_slope is of leaky-relu, and activ",
        ),
        ({"weights": "a.h5", "activation": "leaky-relu", "negative_slope": 0.2}, "activation is part of a model.h5"),
        ({"weights": "a.h5", "batch_norm": {"eps": 1e-3}}, "batch_norm is part of a model.h5 already"),
        ({"weights": "a.pt", "input_shape": SHAPE, "activation": "elu"}, "activation: input should be 'relu', 'leaky-"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(values, defect):
    configured = {**parsing.yaml.safe_load((ROOT / "config.yaml").read_text()), "models": {"theirs": values}}
    with pytest.raises(UserError, match=r"^configuration: models\.theirs") as caught:
        parsing.load(configured)
    assert defect in str(caught.value)
    assert "adopted" not in str(caught.value)


def faces(folder, per_label):
    values = {"source": {"kind": "faces"}, "labels": {"rule": "alternating"}, "per_label": per_label}
    subset.run(parsing.parse(Dataset, values, ""), folder / "subset.h5")
    return store.read(folder / "subset.h5", "subset")


def test_the_command_writes_what_training_writes(tmp_path, capsys):
    drawn = faces(tmp_path, 4)
    train.run(Model(hidden=[30], training={"target_loss": 1e-2}), drawn.path, tmp_path / "m.h5", tmp_path / "t.h5", CPU)
    files = {"weights": "m.h5", "subset": "subset.h5", "model": "model.h5", "training": "training.h5"}
    arguments = [word for name, file in files.items() for word in (f"--{name}", str(tmp_path / file))]
    assert main(["adopt", "--settings", "{}", *arguments]) == 0
    ours, theirs = (store.read(tmp_path / file, "training") for file in ("t.h5", "training.h5"))
    assert theirs.arrays.keys() == ours.arrays.keys()
    for name, array in ours.arrays.items():
        if name != "curve/step":
            expected = array[-1:] if name.startswith("curve/") else array
            assert theirs[name] == pytest.approx(expected, rel=1e-3, abs=1e-6), name
    store.require_source(theirs, "model", store.read(tmp_path / "model.h5", "model"))
    assert main(["adopt", "--settings", "{}", *arguments[:-2]]) == 1
    assert "give both or neither" in capsys.readouterr().err


def test_std_outside_of_the_weights_keeps_the_true_images_stationary(tmp_path):
    drawn = faces(tmp_path, 6)
    inputs = (torch.from_numpy(drawn["training/images"] - drawn["mean"]).flatten(1) / 0.2).double()
    labels = torch.from_numpy(drawn["training/labels"]).double()
    network, _ = train.fit(Model(hidden=[100], training={"target_loss": 1e-6}), inputs, labels, CPU)
    folded = Network((network.weights[0] / 0.2, *network.weights[1:]), network.bias)
    left = [
        true_stationarity(net, x, labels).residuals[0] / net.squared_norms[0].item()
        for net, x in ((network, inputs), (folded, 0.2 * inputs))
    ]
    assert left[0] < 0.2
    assert left[1] > 0.5


def test_a_network_without_a_bias_has_no_equation_for_one(tmp_path):
    drawn = faces(tmp_path, 6)
    inputs = torch.from_numpy(drawn["training/images"] - drawn["mean"]).flatten(1).double()
    labels = torch.from_numpy(drawn["training/labels"]).double()
    network = Network((torch.randn(9, 625, generator=generator(1)).double(), torch.ones(1, 9).double()), None)
    zero = Network(network.weights, torch.zeros(9).double())
    without, with_zero = (true_stationarity(net, inputs, labels).residuals[0] for net in (network, zero))
    assert without < with_zero


def test_without_a_bias_the_closed_form_equals_autograd():
    network = Network(random_network(7, [6, 5]).weights, None)
    x, lambdas, labels = normal(4, 7).requires_grad_(), uniform(4).requires_grad_(), alternating(4)
    expected = stationarity_residuals(network, x, lambdas, labels, 5.0)
    gradients = torch.autograd.grad(expected.sum(), (x, lambdas))
    found = stationarity(network, x.detach()[None], lambdas.detach()[None], labels, torch.tensor([5.0]).double())
    assert torch.allclose(found.residuals[0], expected)
    assert torch.allclose(found.candidates_gradient[0], gradients[0])
    assert torch.allclose(found.lambdas_gradient[0], gradients[1])


def test_the_pixel_box_is_that_of_pixels_divided_by_std():
    attack = choose(
        random_network(7, [6]),
        Restarts(candidates=2, method="published"),
        Pixels(torch.zeros(1, 1, 7), torch.full((1, 1, 7), 0.25)),
    )
    starts = torch.tensor([[[3.9] * 7, [4.1] * 7]]).double()
    values = {name: torch.tensor([1.0]).double() for name in ("learning_rate", "lambda_learning_rate", "alpha")}
    begun = restarts.Starts(candidates=starts, lambdas=torch.ones(1, 2).double(), lambda_min=torch.zeros(1), **values)
    moved = []
    for weight in (0.0, 1.0):
        state = engine.Search(random_network(7, [6]), replace(attack.method, box_weight=weight), begun)
        state.iterate()
        moved.append(state.candidates)
    difference = (moved[1] - moved[0])[0, :, 0]
    assert difference.tolist() == pytest.approx([0.0, -0.2])


def train_plainly(net, inputs, targets):
    """Gradient descent on log L to L = 1e-8, in plain PyTorch: no line of it is this package's."""
    for parameter in net[0].parameters():
        nn.init.normal_(parameter, std=1e-4)
    net.double()
    optimiser, loss = torch.optim.SGD(net.parameters()), torch.tensor(1.0)
    while loss > 1e-8:
        optimiser.zero_grad()
        loss = binary_cross_entropy_with_logits(net(inputs).squeeze(1), targets)
        loss.log().backward()
        rate = 0.01 / sum(parameter.grad.square().sum().item() for parameter in net.parameters())
        optimiser.param_groups[0]["lr"] = min(rate, 0.05 * loss.item()) if loss > 0.05 else rate
        optimiser.step()


def attack(folder, name, model, training):
    """The row of the table that the package's own stages make of a model."""
    shards, candidates, evaluation = (folder / f"{name}{part}.h5" for part in ("0", "c", "e"))
    sweep = Restarts(per_shard=4, candidates=48, subspace={"iterations": 500})
    reconstruct.run(sweep, 0, model, shards, CPU)
    deduplicate.run(Merge(), model, [shards], candidates)
    evaluate.run(Evaluation(), f"f/{name}/s", folder / "subset.h5", model, training, candidates, evaluation)
    return json.loads(str(store.read(evaluation, "evaluation")["row"]))


def test_weights_trained_by_plain_pytorch_are_attacked_as_well_as_our_own(tmp_path):
    drawn = faces(tmp_path, 12)
    np.save(tmp_path / "mean.npy", drawn["mean"])
    inputs = torch.from_numpy((drawn["training/images"] - drawn["mean"]) / 0.5).flatten(1).double()
    net = mlp(200, 200, inputs=625)
    train_plainly(net, inputs, (torch.from_numpy(drawn["training/labels"]).double() + 1) / 2)
    torch.save({"model": net.state_dict()}, tmp_path / "theirs.pt")
    values = {"input_shape": [1, 25, 25], "mean": str(tmp_path / "mean.npy"), "std": 0.5}
    settings = parsing.parse(AdoptedModel, {"weights": str(tmp_path / "theirs.pt"), **values}, "theirs")
    adopt.run(settings, tmp_path / "theirs.h5", drawn.path, tmp_path / "theirs_t.h5")
    ours = Model(hidden=[200, 200], training={"target_loss": 1e-8})
    train.run(ours, drawn.path, tmp_path / "ours.h5", tmp_path / "ours_t.h5", CPU)
    found = {
        name: attack(tmp_path, name, tmp_path / f"{name}.h5", tmp_path / f"{name}_t.h5") for name in ("theirs", "ours")
    }
    hits = {name: row["ncc_hits_over_held_out"] for name, row in found.items()}
    assert hits["theirs"] >= 16
    assert hits["theirs"] >= hits["ours"] - 4
    assert all(list(row) == ["dataset", "model", "sweep", *COLUMNS] for row in found.values())


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [
        (
            "{dataset: faces, model: theirs, sweep: demo}",
            {
                "subset": 1,
                "adopt": 1,
                "reconstruct": 2,
                "deduplicate": 1,
                "evaluate": 1,
                "draw": 1,
                "page": 1,
                "table": 1,
                "index": 1,
            },
        ),
        (
            "{model: theirs, sweep: demo}",
            {
                "adopt_without_images": 1,
                "reconstruct": 2,
                "deduplicate": 1,
                "inspect": 1,
                "draw_without_images": 1,
                "page_without_images": 1,
                "table": 1,
                "index": 1,
            },
        ),
    ],
)
def test_a_model_from_outside_is_adopted_and_not_trained(experiment, expected, tmp_path):
    torch.save(mlp(5, inputs=625).state_dict(), tmp_path / "theirs.pt")
    overlay = f"models: {{theirs: {{weights: theirs.pt, input_shape: [1, 25, 25]}}}}\nexperiments: [{experiment}]\n"
    overlay += "controls: {scrambled_weights: false}\n"
    (tmp_path / "overlay.yaml").write_text(overlay)
    command = ["--snakefile", ROOT / "Snakefile", "--dry-run", "--cores", "1", "--configfile", ROOT / "config.yaml"]
    finished = subprocess.run(
        [sys.executable, "-m", "snakemake", *command, "overlay.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", finished.stdout, re.MULTILINE))
    assert {rule: int(count) for rule, count in jobs.items() if rule not in ("total", "all")} == expected


def test_a_bias_that_the_mapping_leaves_out_is_refused(tmp_path):
    content = {name.replace(".", ""): tensor for name, tensor in mlp(5, 4).state_dict().items()}
    weights = [{"weight": name} for name in content if "weight" in name]
    (bias,) = (name for name in content if "bias" in name)
    assert f"{bias} of shape 5 is no weight or bias of an MLP, and no layer names it" in refusal(
        content, tmp_path, layers=weights
    )


def test_a_tensor_that_claims_more_than_its_file_holds_is_refused(tmp_path):
    content = mlp(5, 4).state_dict()
    first = next(iter(content))
    content[first] = torch.ones(1).expand(10_000_000, 24)
    assert "has no plain numbers behind its shape" in refusal(content, tmp_path)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("weights/1", np.ones((4, 3), np.float32)),
        ("weights/2", np.ones((2, 5), np.float32)),
        ("weights/3", np.ones((1, 2), np.float32)),
        ("bias", np.ones(5, np.float32)),
        ("weights/bias2", np.ones(2, np.float32)),
        ("weights/bias3", np.ones(1, np.float32)),
        ("mean", np.ones((1, 2, 3), np.float32)),
        ("mean", np.full((1, 2, 2), np.nan, np.float32)),
        ("std", np.zeros((1, 1, 1), np.float32)),
    ],
)
def test_a_model_whose_parts_do_not_fit_is_refused(name, array, tmp_path):
    sound = {
        "weights/1": np.ones((4, 4), np.float32),
        "weights/2": np.ones((1, 4), np.float32),
        "bias": np.ones(4, np.float32),
        "mean": np.ones((1, 2, 2), np.float32),
        "std": np.ones((1, 1, 1), np.float32),
        "activation": np.asarray("relu"),
    }
    path = tmp_path / "model.h5"
    store.write(path, "model", sound, settings_json="{}")
    assert deployed.read(path).network.sizes == (4, 4, 1)
    store.write(path, "model", {**sound, name: array}, settings_json="{}")
    with pytest.raises(UserError, match="do not fit together"):
        deployed.read(path)
