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


def test_names_place_a_batch_normalisation(tmp_path):
    torch.manual_seed(0)
    modules = {"fc1": nn.Linear(24, 9), "relu": nn.ReLU(), "fc2": nn.Linear(9, 1, bias=False), "bn1": nn.BatchNorm1d(9)}
    net = nn.Sequential(*(modules[name] for name in ("fc1", "bn1", "relu", "fc2")))
    lived_in(net)
    content = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    model = read(content, tmp_path / "weights.pt")
    assert answers(model, some_inputs()) == pytest.approx(net(some_inputs()).squeeze(1).tolist(), abs=1e-5)


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
