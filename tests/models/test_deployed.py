"""model.h5: what is written is what is read, the activation included."""

import numpy as np
import pytest
import torch
from reconstruction.errors import UserError
from reconstruction.files import store
from reconstruction.models import deployed
from science_helpers import EVERY_ACTIVATION, random_network

MEAN = np.full((1, 2, 3), 0.5, np.float32)


@pytest.mark.parametrize("name", EVERY_ACTIVATION)
def test_a_network_is_read_as_it_was_written(name, tmp_path):
    written = random_network(6, [4], later_biases=True, activation=name).to(dtype=torch.float32)
    store.write(tmp_path / "model.h5", "model", deployed.arrays(written, MEAN), settings_json="{}")
    read = deployed.read(tmp_path / "model.h5").network
    assert read.activation == EVERY_ACTIVATION[name]
    assert all(torch.equal(*pair) for pair in zip(written.parameters, read.parameters, strict=True))


@pytest.mark.parametrize("found", [np.asarray("elu"), np.asarray(3.0), np.asarray(["relu", "gelu"])])
def test_an_activation_that_is_none_is_refused(found, tmp_path):
    arrays = {**deployed.arrays(random_network(6, [4]), MEAN), "activation": found}
    store.write(tmp_path / "model.h5", "model", arrays, settings_json="{}")
    with pytest.raises(UserError, match=r"model\.h5: .*its activation is"):
        deployed.read(tmp_path / "model.h5")


@pytest.mark.parametrize(
    ("activation", "slope"),
    [("leaky-relu", 1.0), ("leaky-relu", -0.2), ("leaky-relu", np.nan), ("relu", 0.2), ("leaky-relu", [0.2])],
)
def test_a_slope_that_is_none_is_refused(activation, slope, tmp_path):
    arrays = deployed.arrays(random_network(6, [4], activation=activation).to(dtype=torch.float32), MEAN)
    store.write(tmp_path / "model.h5", "model", {**arrays, "negative_slope": np.asarray(slope)}, settings_json="{}")
    with pytest.raises(UserError, match=r"model\.h5: .*slope"):
        deployed.read(tmp_path / "model.h5")


def test_a_leaky_relu_without_a_slope_has_pytorchs(tmp_path):
    arrays = deployed.arrays(random_network(6, [4], activation="leaky-relu").to(dtype=torch.float32), MEAN)
    del arrays["negative_slope"]
    store.write(tmp_path / "model.h5", "model", arrays, settings_json="{}")
    assert deployed.read(tmp_path / "model.h5").network.activation == EVERY_ACTIVATION["leaky-relu"]
