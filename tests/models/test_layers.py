"""What tensors beside the layers' own stand for."""

import pytest
import torch
from checkpoint_helpers import mlp, read, some_inputs
from reconstruction.errors import UserError
from reconstruction.models.mlp import phi


def test_weights_of_classes_are_left_out_where_they_can_be_nothing_else(tmp_path):
    net, weights = mlp(24, 9, 8, 3), torch.tensor([1.0, 2.0, 0.5])
    model = read({**net.state_dict(), "l.weight": weights}, tmp_path / "weights.pt")
    torch.testing.assert_close(phi(model.network, some_inputs()), net(some_inputs()).detach())
    assert any(note.startswith("l.weight is taken for") for note in model.notes)
    square = mlp(24, 3, 3).state_dict()  # of a PReLU or a normalisation in between, for all that one can tell
    one = mlp(24, 9, 1).state_dict()
    for content in (
        {**net.state_dict(), "l.weight": -weights},
        {**net.state_dict(), "l.weight": weights, "l.bias": weights},
        {**net.state_dict(), "last_bias": weights},
        {**net.state_dict(), "5.weight": weights},  # of an RMSNorm after the outputs
        {**square, "l.weight": weights},
        {**one, "l.weight": torch.ones(1)},
    ):
        with pytest.raises(UserError, match="is no weight or bias of an MLP"):
            read(content, tmp_path / "weights.pt")
