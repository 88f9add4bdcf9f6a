"""Programs of torch.export read as data: what they hold by name, and nothing of a stranger's carried out."""

import io
import pickle
from pathlib import Path

import pytest
import torch
from hostile_helpers import refusal, succeed_or_refuse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_helpers import SHAPE, convolutional, convolutional_program, rewritten, saved, with_json
from reconstruction.files import exported

WEIGHTS = "data/weights/model_weights_config.json"


class Hostile:
    """What makes a file at this path once it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def payload(path):
    """As torch.export would unpickle it, and proof that it does harm."""
    harm = path.with_name("proof")
    pickle.loads(pickle.dumps(Hostile(harm)))
    assert harm.exists()
    file = io.BytesIO()
    torch.save({"0.weight": Hostile(path)}, file)
    return file.getvalue()


def test_the_tensors_are_the_network_s(tmp_path):
    found = exported.read(saved(tmp_path / "network.pt2", convolutional_program()))
    network = convolutional()
    assert found.tensors.keys() == network.state_dict().keys()
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in found.tensors.items())
    assert found.trainable == dict(network.named_parameters()).keys()


def test_a_pickled_weight_is_refused_unread(tmp_path):
    harm = tmp_path / "harm"

    def change(members):
        members["data/weights/weight_0"] = payload(harm)
        members[WEIGHTS] = members[WEIGHTS].replace(b'"use_pickle": false', b'"use_pickle": true', 1)

    path = saved(tmp_path / "network.pt2", rewritten(convolutional_program(), change))
    assert "0.weight is pickled, and reading that could run code of its author's" in refusal(exported.read, path)
    assert not harm.exists()


def test_pickled_sample_inputs_are_not_read(tmp_path):
    harm = tmp_path / "harm"
    content = rewritten(
        convolutional_program(), lambda members: members.update({"data/sample_inputs/model.pt": payload(harm)})
    )
    assert exported.read(saved(tmp_path / "network.pt2", content)).tensors
    assert not harm.exists()


def first_tensor(**changes):
    return lambda document: document["config"]["0.weight"]["tensor_meta"].update(changes)


def numbers(*values):
    return [{"as_int": value} for value in values]


@pytest.mark.parametrize(
    "changes",
    [
        {"sizes": numbers(2**20, 2**20, 1, 1), "strides": numbers(0, 0, 0, 0)},
        {"sizes": numbers(-4, -1, 3, 3)},
        {"strides": numbers(9, 9, 3, 2**40)},
        {"storage_offset": {"as_int": 2**62}},
        {"dtype": 9},
        {"layout": 1},
        {"sizes": [{"as_expr": {"expr_str": "__import__('os')"}}]},
    ],
)
def test_a_tensor_that_its_bytes_cannot_make_is_refused(changes, tmp_path):
    content = with_json(convolutional_program(), WEIGHTS, first_tensor(**changes))
    assert "no program of torch.export, or truncated" in refusal(
        exported.read, saved(tmp_path / "network.pt2", content)
    )


def torchscript(path):
    torch.jit.trace(convolutional(), torch.zeros(1, *SHAPE)).save(str(path))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("save", "said"),
    [
        (torchscript, "a TorchScript archive, which holds code"),
        (lambda path: torch.save(convolutional().state_dict(), path), "a checkpoint of weights, without the network"),
        (lambda path: saved(path, rewritten(convolutional_program(), dict.clear)), "or one of an older PyTorch"),
        (lambda path: saved(path, b"no archive"), "no program of torch.export, or truncated"),
        (lambda path: None, "cannot be read (no such file or directory)"),
    ],
)
def test_what_is_no_program_is_named(save, said, tmp_path):
    save(tmp_path / "network.pt2")
    sentence = refusal(exported.read, tmp_path / "network.pt2")
    assert said in sentence
    assert sentence.endswith("export the network and save it with torch.export.save, in PyTorch 2.9 or later")


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_one_sentence(tmp_path, data):
    content = bytearray(convolutional_program())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    succeed_or_refuse(exported.read, saved(tmp_path / "network.pt2", bytes(content)))
