"""What is folded into linear layers, beside what PyTorch makes of the same modules."""

import pytest
import torch
from checkpoint_helpers import SHAPE, answers, mlp, read, some_inputs
from reconstruction.errors import UserError
from reconstruction.models.folding import channels_first, channels_last
from science_helpers import generator
from torch import nn


def lived_in(net):
    """With statistics of batches that it saw, in evaluation mode."""
    for step in range(5):
        net(3 + 2 * torch.randn(20, 24, generator=generator(step)))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d) and module.affine:
            nn.init.normal_(module.weight, 1, generator=generator(1))
            nn.init.normal_(module.bias, generator=generator(2))
    return net.eval()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    "layers",
    [
        lambda affine: [nn.Linear(24, 9), nn.BatchNorm1d(9, affine=affine), nn.ReLU(), nn.Linear(9, 1, bias=False)],
        lambda affine: [nn.Flatten(), nn.BatchNorm1d(24, affine=affine), nn.Linear(24, 9), nn.ReLU(), nn.Dropout(),
                        nn.Linear(9, 1, bias=False)],
        lambda affine: [nn.BatchNorm1d(24, affine=affine), nn.Linear(24, 9, bias=False), nn.BatchNorm1d(9),
                        nn.ReLU(), nn.Linear(9, 9, bias=False), nn.ReLU(), nn.Linear(9, 1, bias=False)],
    ],
)  # fmt: skip
def test_batch_normalisation_leaves_the_outputs(layers, affine, tmp_path):
    torch.manual_seed(0)
    net = lived_in(nn.Sequential(*layers(affine)))
    model = read(net.state_dict(), tmp_path / "weights.pt")
    expected = net(some_inputs()).squeeze(1).tolist()
    assert answers(model, some_inputs()) == pytest.approx(expected, abs=1e-5)
    assert any("folded into" in note for note in model.notes)


class Called(nn.Module):
    """Modules called in turn by their names, within blocks where these have dots; * marks a normalisation."""

    def __init__(self, calls, widths=(24, 9, 9, 1)):
        super().__init__()
        self.calls = calls.replace("*", "").split()
        (width, *widths) = widths
        for call in calls.split():
            block, _, name = call.removeprefix("*").rpartition(".")
            if call.startswith("*"):
                module = nn.BatchNorm1d(width)
            elif call != "relu":
                module = nn.Linear(width, widths[0])
                width = widths.pop(0)
            else:
                continue
            parent = self
            for part in filter(None, block.split(".")):
                if part not in dict(parent.named_children()):
                    parent.add_module(part, nn.Module())
                parent = parent.get_submodule(part)
            parent.add_module(name, module)

    def forward(self, x):
        for call in self.calls:
            x = x.relu() if call == "relu" else self.get_submodule(call)(x)
        return x


LAYOUTS = {
    "before-activation": [
        "fc1 *bn1 relu fc2 *bn2 relu fc3",
        "fc_one *bn_one relu fc_two *bn_two relu out",
        "0.linear *0.norm relu 1.linear *1.norm relu head",
        "0.0 *0.1 relu 1.0 *1.1 relu head",
        "0 *1 relu 2 *3 relu 4",
        "layers.0 *norms.0 relu layers.1 *norms.1 relu layers.2",
        "*bn0 fc1 *bn1 relu fc2 relu fc3 *bn3",
    ],
    "after-activation": [
        "fc1 relu *bn1 fc2 relu *bn2 fc3",
        "0.linear relu *0.norm 1.linear relu *1.norm head",
        "*0.norm 0.linear relu *1.norm 1.linear relu *2.norm 2.linear",
        "*bn1 fc1 relu *bn2 fc2 relu *bn3 fc3",
        "0 relu *1 2 relu *3 4",
    ],
}


@pytest.mark.parametrize(("place", "calls"), [(place, calls) for place, known in LAYOUTS.items() for calls in known])
def test_where_the_names_leave_a_doubt_it_is_told_and_settled_by_a_key(place, calls, tmp_path):
    torch.manual_seed(0)
    net = lived_in(Called(calls))
    expected = pytest.approx(net(some_inputs()).squeeze(1).tolist(), abs=1e-5)
    asked = read(net.state_dict(), tmp_path / "weights.pt", batch_norm={"place": place})
    assert answers(asked, some_inputs()) == expected
    assert not any("as if it stood" in note for note in asked.notes)
    guessed = read(net.state_dict(), tmp_path / "weights.pt")
    assert (answers(guessed, some_inputs()) == expected) == (place == "before-activation")
    doubts = [note for note in guessed.notes if "as if it stood before the activation that follows" in note]
    assert doubts
    assert all("`batch_norm.place: after-activation`" in note for note in doubts)


@pytest.mark.parametrize(
    ("modules", "place"),
    [
        ([nn.Linear(24, 9), nn.Dropout(), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 1)], "before-activation"),
        ([nn.Linear(24, 9), nn.ReLU(), nn.BatchNorm1d(9), nn.Dropout(), nn.Linear(9, 1)], "after-activation"),
    ],
)
def test_a_module_on_either_side_leaves_a_doubt(modules, place, tmp_path):
    net = lived_in(nn.Sequential(*modules))
    expected = pytest.approx(net(some_inputs()).squeeze(1).tolist(), abs=1e-5)
    guessed = read(net.state_dict(), tmp_path / "weights.pt")
    assert any("as if it stood after the activation that follows 0.weight" in note for note in guessed.notes)
    assert any("`batch_norm.place: before-activation`" in note for note in guessed.notes)
    assert (answers(guessed, some_inputs()) == expected) == (place == "after-activation")
    asked = read(net.state_dict(), tmp_path / "weights.pt", batch_norm={"place": place})
    assert answers(asked, some_inputs()) == expected


@pytest.mark.parametrize(
    "modules",
    [
        [nn.Linear(24, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 1)],
        [nn.Linear(24, 9), nn.Dropout(), nn.ReLU(), nn.BatchNorm1d(9), nn.Linear(9, 1)],
        [nn.Linear(24, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.BatchNorm1d(9), nn.Linear(9, 1), nn.BatchNorm1d(1)],
    ],
)
def test_a_module_on_one_side_leaves_none(modules, tmp_path):
    net = lived_in(nn.Sequential(*modules))
    model = read(net.state_dict(), tmp_path / "weights.pt")
    assert answers(model, some_inputs()) == pytest.approx(net(some_inputs()).squeeze(1).tolist(), abs=1e-5)
    assert not any("as if it stood" in note for note in model.notes)


@pytest.mark.parametrize("relu_first", [False, True])
def test_normalisations_in_a_row_are_folded_in_their_order(relu_first, tmp_path):
    row = [nn.BatchNorm1d(9), nn.BatchNorm1d(9)]
    between = [nn.ReLU(), *row] if relu_first else [*row, nn.ReLU()]
    net = lived_in(nn.Sequential(nn.Linear(24, 9), *between, nn.Linear(9, 1)))
    place = "after-activation" if relu_first else "before-activation"
    model = read(net.state_dict(), tmp_path / "weights.pt", batch_norm={"place": place})
    assert answers(model, some_inputs()) == pytest.approx(net(some_inputs()).squeeze(1).tolist(), abs=1e-5)


def test_another_eps_is_told_by_a_key(tmp_path):
    net = nn.Sequential(nn.Linear(24, 9), nn.BatchNorm1d(9, eps=0.1), nn.ReLU(), nn.Linear(9, 1))
    net[0].weight.data *= 0.1
    lived_in(net)
    expected = pytest.approx(net(some_inputs()).squeeze(1).tolist(), abs=1e-5)
    assumed = read(net.state_dict(), tmp_path / "weights.pt")
    assert answers(assumed, some_inputs()) != expected
    assert any("with an eps of 1e-05, or of another under `batch_norm.eps`" in note for note in assumed.notes)
    assert answers(read(net.state_dict(), tmp_path / "w.pt", batch_norm={"eps": 0.1}), some_inputs()) == expected


def test_one_after_a_relu_makes_a_later_bias(tmp_path):
    net = lived_in(nn.Sequential(nn.Linear(24, 9), nn.ReLU(), nn.BatchNorm1d(9), nn.Linear(9, 1, bias=False)))
    model = read(net.state_dict(), tmp_path / "weights.pt")
    assert [bias is not None for bias in model.network.biases] == [True, True]
    assert answers(model, some_inputs()) == pytest.approx(net(some_inputs()).squeeze(1).tolist(), abs=1e-5)


def test_one_that_has_no_place_is_refused(tmp_path):
    odd = {**mlp(24, 9, 1).state_dict(), **{f"norm.{name}": torch.ones(7) for name in ("running_mean", "running_var")}}
    with pytest.raises(UserError, match="norm is a batch normalisation of 7 numbers whose place"):
        read(odd, tmp_path / "weights.pt")


def test_two_outputs_are_their_difference(tmp_path):
    net = mlp(24, 9, 8, 2)
    model = read(net.state_dict(), tmp_path / "weights.pt")
    outputs = net(some_inputs())
    assert answers(model, some_inputs()) == pytest.approx(((outputs[:, 1] - outputs[:, 0]) / 2**0.5).tolist(), abs=1e-6)
    assert model.notes == ("the two outputs are reduced to one, (w_1 - w_0) / sqrt 2, positive for the second class",)


def test_equal_biases_of_two_outputs_cancel(tmp_path):
    content = mlp(24, 9, 2).state_dict()
    assert read({**content, "2.bias": torch.ones(2)}, tmp_path / "weights.pt").network.sizes == (24, 9, 1)
    unequal = read({**content, "2.bias": torch.tensor([1.0, 2.0])}, tmp_path / "weights.pt")
    assert unequal.network.later_biases[0].tolist() == pytest.approx([0.5**0.5])


def test_inputs_flattened_as_h_w_c_are_permuted(tmp_path):
    net = mlp(24, 9, 1)
    model = read(net.state_dict(), tmp_path / "weights.pt", input_order="HWC")
    images = some_inputs().view(-1, *SHAPE)
    expected = net(images.permute(0, 2, 3, 1).flatten(1)).squeeze(1).tolist()
    assert answers(model, images.flatten(1)) == pytest.approx(expected, abs=1e-6)
    weight = torch.randn(5, 24)
    assert torch.equal(channels_last(channels_first(weight, SHAPE), SHAPE), weight)
