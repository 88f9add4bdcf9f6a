"""Layers in the order of their names' numbers and of their shapes; where neither tells, the order is asked for."""

import pytest
import torch
from checkpoint_helpers import answers, mlp, read, some_inputs
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.errors import UserError
from reconstruction.models.ordering import natural, orders
from safetensors.torch import save_file
from science_helpers import properties

SQUARE = (24, 8, 8, 8, 1)
NET = mlp(*SQUARE)
WEIGHTS = [tensor for tensor in NET.state_dict().values() if tensor.dim() == 2]


def named(names):
    return {f"{name}.weight": weight.contiguous() for name, weight in zip(names, WEIGHTS, strict=True)}


NAMES = [
    ["layer_one", "layer_two", "layer_three", "output"],
    ["layerOne", "layerTwo", "layerThree", "out"],
    ["first", "second", "third", "last"],
    ["fc9", "fc10", "fc11", "a_head"],
    ["net.2", "net.10", "net.11", "net.20"],
    ["z.0.lin", "z.1.lin", "z.2.lin", "head"],
    ["inp", "h1", "h2", "out"],
]


@pytest.mark.parametrize("names", NAMES)
def test_numbers_and_shapes_order_the_layers(names, tmp_path):
    found = read(named(names), tmp_path / "w.safetensors", save_file).network.weights
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, WEIGHTS, strict=True))


@properties
@given(st.permutations(range(4)), st.sampled_from(NAMES))
def test_the_order_in_the_file_does_not_matter(permutation, names):
    content = named(names)
    shuffled = {list(content)[place]: list(content.values())[place] for place in permutation}
    assert orders(shuffled, 24) == [list(content)]


@pytest.mark.parametrize("names", [["in", "alpha", "beta", "out"], ["in", "up", "down", "out"]])
def test_what_names_cannot_order_is_asked_for(names, tmp_path):
    with pytest.raises(UserError, match=r"the order of .*weight and .*weight cannot be told by .*; .*`layers`"):
        read(named(names), tmp_path / "w.safetensors", save_file)
    layers = [{"weight": f"{name}.weight"} for name in names]
    found = read(named(names), tmp_path / "w.safetensors", save_file, layers=layers).network.weights
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, WEIGHTS, strict=True))
    model = read(named(names), tmp_path / "w.pt")  # a state_dict has an order of its own
    without_bias = read(named(NAMES[0]), tmp_path / "v.pt")
    assert answers(model, some_inputs()) == answers(without_bias, some_inputs())


def test_numbers_of_any_length_are_compared():
    assert natural("a2") < natural("a10") < natural(f"a{'9' * 5000}")
    assert natural("bone.weight") == ["bone.weight"]


def test_many_matrices_take_no_time():
    alike = {f"{chr(97 + number % 26)}{'x' * number}": torch.ones(2, 2) for number in range(99)}
    assert len(orders(alike, 2)) == 2
    assert orders({**alike, "end": torch.ones(2, 3)}, 2) == []
