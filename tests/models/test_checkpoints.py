"""Checkpoints written by the libraries that people write them with: what is read, and which network is meant."""

import numpy as np
import pytest
import torch
from checkpoint_helpers import SHAPE, answers, mlp, read, some_inputs
from huggingface_hub import save_torch_state_dict
from reconstruction.configuration import AdoptedModel, parsing
from reconstruction.errors import UserError
from reconstruction.models import adopted
from reconstruction.models.mlp import phi
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune

NET = mlp(24, 9, 8, 1)
RAW = NET.state_dict()


def prefixed(prefix, state_dict=RAW):
    return {f"{prefix}{name}": tensor for name, tensor in state_dict.items()}


def of_lightning(**others):
    """The layout of a Lightning checkpoint, whose state_dict has buffers of the loss beside the network."""
    optimiser = torch.optim.Adam(NET.parameters())
    NET(some_inputs()).sum().backward()
    return {
        "epoch": 3,
        "global_step": 9,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": {**prefixed("net."), "criterion.pos_weight": torch.tensor([2.0]), **others},
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.1)}},
        "optimizer_states": [optimiser.state_dict()],
        "hyper_parameters": {"lr": 0.1},
    }


def averaged():
    model = torch.optim.swa_utils.AveragedModel(NET)
    model.update_parameters(NET)
    return model.state_dict()


@pytest.mark.parametrize(
    "content",
    [
        *({key: RAW, "epoch": 17, "acc": 91.2} for key in ("net", "params", "weights", "ema", "whatever")),
        {"checkpoint": {"model": RAW}, "optimizer": {"state": {0: {"exp_avg": torch.ones(9, 24)}}}},
        prefixed("module."),
        prefixed("_orig_mod."),
        of_lightning(),
        averaged(),
        {"n_averaged": torch.tensor(3), "model": averaged()},
        nn.DataParallel(NET).state_dict(),
    ],
)
def test_the_network_is_found_wherever_it_lies(content, tmp_path):
    model = read(content, tmp_path / "weights.ckpt")
    assert answers(model, some_inputs()) == pytest.approx(NET(some_inputs()).squeeze(1).tolist(), abs=1e-6)


@pytest.mark.parametrize("optimiser", [torch.optim.Adam, lambda of: torch.optim.SGD(of, momentum=0.9)])
def test_the_state_of_an_optimiser_is_no_network_whatever_it_is_called(optimiser, tmp_path):
    net = mlp(24, 9, 8, 1)
    solver = optimiser(net.parameters())
    net(some_inputs()).sum().backward()
    solver.step()
    model = read({"net": net.state_dict(), "solver": solver.state_dict()}, tmp_path / "weights.pt")
    assert answers(model, some_inputs()) == pytest.approx(net(some_inputs()).squeeze(1).tolist(), abs=1e-6)
    assert not model.notes


def prefixed_layers(sizes):
    return prefixed("body.", mlp(24, *sizes).state_dict())


@pytest.mark.parametrize(
    ("others", "of"),
    [
        ({"head.weight": torch.ones(3, 8), "auxiliary.weight": torch.ones(5, 8)}, "head.weight"),
        ({"classes.weight": torch.ones(7, 5), "mean": torch.ones(1, 1, 1)}, "classes.weight"),
        ({"mean": torch.ones(3, 1, 1), "std": torch.ones(3, 1, 1)}, "mean"),
        ({"history": torch.ones(4)}, "history"),
    ],
)
def test_a_part_of_what_may_be_one_network_is_asked_for(others, of, tmp_path):
    content = {**prefixed_layers((9, 8)), **others}
    with pytest.raises(UserError, match=rf"{of} of shape .* is no weight .*, or set `entry: body` if that part alone"):
        read(content, tmp_path / "weights.pt")
    model = read(content, tmp_path / "weights.pt", entry="body")
    assert model.network.sizes == (24, 9, 8)
    assert model.notes[0].startswith(f"passed over: {of}")


def test_a_convolution_before_the_layers_is_no_part_to_pass_over(tmp_path):
    content = {"conv.weight": torch.ones(3, 3, 3, 3), "classes.weight": torch.ones(7, 5), **prefixed_layers((9, 1))}
    with pytest.raises(UserError, match=r"conv\.weight has shape 3x3x3x3: a convolution, .*under `entry`"):
        read(content, tmp_path / "weights.pt")
    assert read(content, tmp_path / "weights.pt", entry="body").network.sizes == (24, 9, 1)
    content["perceptual_loss.conv.weight"] = content.pop("conv.weight")
    content["loss.classes.weight"] = content.pop("classes.weight")
    assert read(content, tmp_path / "weights.pt").network.sizes == (24, 9, 1)


def test_what_is_passed_over_is_told(tmp_path):
    assert read(of_lightning(), tmp_path / "l.ckpt").notes == ("passed over: state_dict.criterion.pos_weight (1)",)
    scaled = read({**RAW, "logit_scale": torch.tensor(2.0)}, tmp_path / "scaled.pt")
    assert scaled.notes == ("passed over: logit_scale (a number)",)


@pytest.mark.slow  # importing Lightning takes seconds
@pytest.mark.parametrize("prefix", ["net", "model"])
@pytest.mark.filterwarnings("ignore:The `srun` command", r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated")
def test_a_checkpoint_that_lightning_writes_is_read(prefix, tmp_path):
    import pytorch_lightning as lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.save_hyperparameters()
            self.add_module(prefix, mlp(24, 9, 8, 3))
            self.l = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]))

        def training_step(self, batch, _):
            images, labels = batch
            loss = self.l(self.get_submodule(prefix)(images), labels)
            self.log("train_loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())

    module = Module()
    batches = torch.utils.data.DataLoader(list(zip(some_inputs(6), torch.arange(6) % 3, strict=True)), batch_size=6)
    saved = lightning.callbacks.ModelCheckpoint(tmp_path, "last", monitor="train_loss", every_n_train_steps=1)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    lightning.Trainer(accelerator="cpu", max_steps=1, callbacks=[saved], **quiet).fit(module, batches)
    settings = parsing.parse(AdoptedModel, {"weights": str(tmp_path / "last.ckpt"), "input_shape": SHAPE}, "theirs")
    model = adopted.read(settings)
    expected = module.get_submodule(prefix)(some_inputs()).detach()
    torch.testing.assert_close(phi(model.network, some_inputs()), expected)
    assert model.notes[0].startswith("state_dict.l.weight is taken for the weights of the classes in a loss")
    assert not any("callbacks" in note for note in model.notes)


@pytest.mark.parametrize("name", ["W.PT", "W.SAFETENSORS", "w.Pth"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_and_endings_in_capitals(name, dtype, tmp_path):
    content = {key: tensor.to(dtype) for key, tensor in RAW.items()}
    model = read(content, tmp_path / name, save_file if "SAFE" in name else torch.save)
    assert all(parameter.dtype == torch.float32 for parameter in model.network.parameters)
    assert answers(model, some_inputs()) == pytest.approx(NET(some_inputs()).squeeze(1).tolist(), abs=0.02)


@pytest.mark.parametrize(
    ("content", "entry", "names"),
    [
        ({"model": RAW, "ema": prefixed("", mlp(24, 9, 8, 1).state_dict())}, "ema", "model, ema"),
        ({"state_dict": {**prefixed("net."), **prefixed("net_ema.")}}, "net_ema", "state_dict.net, state_dict.net_ema"),
        ({"state_dict": RAW, "averaged": averaged()}, "averaged", "averaged, state_dict"),
        (prefixed("model.") | prefixed("ema_model.module."), "ema_model", "ema_model, model"),
        (RAW | prefixed("ema."), "ema", "'', ema"),
        (RAW | prefixed("ema."), "", "'', ema"),
    ],
)
def test_of_a_copy_beside_the_weights_one_is_asked_for(content, entry, names, tmp_path):
    with pytest.raises(UserError, match="holds 2 networks that fit") as caught:
        read(content, tmp_path / "weights.pt")
    assert all(name in str(caught.value) for name in names.split(", "))
    assert "`entry`" in str(caught.value)
    model = read(content, tmp_path / "weights.pt", entry=entry)
    (note,) = model.notes
    assert note.startswith("passed over: ")
    assert answers(model, some_inputs()) == pytest.approx(NET(some_inputs()).squeeze(1).tolist(), abs=1e-6)
    with pytest.raises(UserError, match="has 0 entries 'nosuch'; the entries with weights are"):
        read(content, tmp_path / "weights.pt", entry="nosuch")


def test_the_copy_that_is_named_is_the_one_that_is_read(tmp_path):
    doubled = {name: 2 * tensor for name, tensor in RAW.items()}
    content = {"model": RAW, "ema": {"shadow": doubled, "decay": 0.99}}
    for entry, factor in (("model", 1), ("ema", 2), ("ema.shadow", 2), ("shadow", 2)):
        model = read(content, tmp_path / "weights.pt", entry=entry)
        assert torch.equal(model.network.weights[0], factor * RAW["0.weight"])
    layers = [{"weight": f"shadow.{name}"} for name in ("0.weight", "2.weight", "4.weight")]
    with pytest.raises(UserError, match=r"ema\.shadow\.0\.bias .* no layer names it"):
        read(content, tmp_path / "weights.pt", layers=layers)
    layers[0]["bias"] = "shadow.0.bias"
    assert torch.equal(read(content, tmp_path / "weights.pt", layers=layers).network.bias, 2 * RAW["0.bias"])


def test_weights_in_lists_are_named_by_their_places(tmp_path):
    content = {"model": RAW, "ema": {"shadow_params": list(RAW.values())}}
    with pytest.raises(UserError, match=r"holds 2 networks that fit, 'ema', 'model'"):
        read(content, tmp_path / "weights.pt")
    layers = [{"weight": "ema.shadow_params.0", "bias": "ema.shadow_params.1"}]
    layers += [{"weight": f"ema.shadow_params.{place}"} for place in (2, 3)]
    model = read(content, tmp_path / "weights.pt", layers=layers)
    assert answers(model, some_inputs()) == pytest.approx(NET(some_inputs()).squeeze(1).tolist(), abs=1e-6)


class Positive(nn.Module):
    def forward(self, weight):
        return weight.abs()


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("parametrise", "removed"),
    [
        (nn.utils.weight_norm, nn.utils.remove_weight_norm),
        (nn.utils.parametrizations.weight_norm, nn.utils.parametrize.remove_parametrizations),
        (nn.utils.spectral_norm, nn.utils.remove_spectral_norm),
        (nn.utils.parametrizations.spectral_norm, nn.utils.parametrize.remove_parametrizations),
        (nn.utils.parametrizations.orthogonal, nn.utils.parametrize.remove_parametrizations),
        (
            lambda layer: nn.utils.parametrize.register_parametrization(layer, "weight", Positive()),
            nn.utils.parametrize.remove_parametrizations,
        ),
        (lambda layer: prune.l1_unstructured(layer, "weight", 0.3), prune.remove),
    ],
)
def test_a_weight_that_is_made_up_is_refused_until_it_is_one(parametrise, removed, bias, tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(24, 9, bias=bias), nn.ReLU(), nn.Linear(9, 1, bias=False))
    parametrise(net[0])
    net.eval()
    names = [name for name, tensor in net.state_dict().items() if tensor.dim() == 2 and name.startswith("0.")]
    layers = [{"weight": names[0], "bias": "0.bias" if bias else None}, {"weight": "2.weight"}]
    for given in (None, layers):
        with pytest.raises(UserError, match="remove the parametrisation"):
            read(net.state_dict(), tmp_path / "weights.pt", layers=given)
    removed(net[0], "weight")
    model = read(net.state_dict(), tmp_path / "weights.pt")
    assert answers(model, some_inputs()) == pytest.approx(net(some_inputs()).squeeze(1).tolist(), abs=1e-6)


def contiguous(content, path):
    save_file({name: tensor.contiguous() for name, tensor in content.items()}, path)


def test_matrices_of_other_libraries_are_refused_as_transposed(tmp_path):
    content = {f"W{place}": tensor.T for place, tensor in enumerate(t for t in RAW.values() if t.dim() == 2)}
    with pytest.raises(UserError, match=r"its matrices are transposed, \(inputs, outputs\)"):
        read(content, tmp_path / "weights.pt")
    plain = {name: tensor.T for name, tensor in content.items()} | {"b0": RAW["0.bias"]}
    assert torch.equal(read(plain, tmp_path / "weights.pt").network.bias, RAW["0.bias"])
    with pytest.raises(UserError, match=r"weights\.npz: no PyTorch checkpoint.* of another library as \.safetensors"):
        read(plain, tmp_path / "weights.npz", lambda content, path: np.savez(path, **content))
    assert torch.equal(read(plain, tmp_path / "weights.safetensors", contiguous).network.bias, RAW["0.bias"])


def in_shards(content, path):
    """As safetensors files of a tensor each with an index, by Hugging Face's library."""
    save_torch_state_dict(content, path.parent, max_shard_size=1)
    assert path.exists()


def test_shards_are_read_by_their_index(tmp_path):
    model = read(RAW, tmp_path / "model.safetensors.index.json", in_shards)
    assert answers(model, some_inputs()) == pytest.approx(NET(some_inputs()).squeeze(1).tolist(), abs=1e-6)
    with pytest.raises(UserError, match=r"is one shard of a model in several files; name their index"):
        read(None, tmp_path / "model-00001-of-00004.safetensors", lambda *_: None)
    (tmp_path / "model-00002-of-00004.safetensors").unlink()
    with pytest.raises(UserError, match=r"model-00002-of-00004\.safetensors: cannot be read"):
        read(None, tmp_path / "model.safetensors.index.json", lambda *_: None)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": {"a": 3}}', '{"weight_map": {"a": "../b.pt"}}',
             '{"weight_map": {"a": "/etc/passwd"}}', '{"weight_map": {"a": "b.index.json"}}', "[" * 60_000]
)  # fmt: skip
def test_an_index_that_is_none_is_refused(text, tmp_path):
    with pytest.raises(UserError, match=r"x\.index\.json: ") as caught:
        read(text, tmp_path / "x.index.json", lambda content, path: path.write_text(content))
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused_as_what_it_is(tmp_path):
    traced = torch.jit.trace(NET, some_inputs())
    with pytest.raises(UserError, match=r"a TorchScript archive, which holds code; .*state_dict"):
        read(traced, tmp_path / "script.pt", torch.jit.save)


def test_a_refusal_lists_what_was_found(tmp_path):
    with pytest.raises(UserError) as caught:
        read({"a": torch.ones(5, 23), "b\n\x1b[31m": torch.ones(1, 5)}, tmp_path / "weights.pt")
    assert "a (5x23), b\\n\\x1b[31m (1x5)" in str(caught.value)


def test_numbers_of_a_layer_normalisation_are_refused(tmp_path):
    net = nn.Sequential(nn.Linear(24, 9), nn.LayerNorm(9), nn.ReLU(), nn.Linear(9, 1, bias=False))
    with pytest.raises(UserError, match=r"1\.weight of shape 9 is no weight or bias of an MLP"):
        read(net.state_dict(), tmp_path / "weights.pt")


def test_a_layer_may_be_named_by_the_end_of_its_name(tmp_path):
    layers = [{"weight": "0.weight", "bias": "0.bias"}, {"weight": "net.2.weight"}, {"weight": "4.weight"}]
    model = read(of_lightning(), tmp_path / "l.ckpt", layers=layers)
    assert answers(model, some_inputs()) == pytest.approx(NET(some_inputs()).squeeze(1).tolist(), abs=1e-6)
    with pytest.raises(UserError, match=r"give the whole name in place of '0\.weight'"):
        read({"a": RAW, "b": RAW}, tmp_path / "two.pt", layers=layers)


def test_the_tensors_are_those_of_the_file(tmp_path):
    found = read({"net": RAW}, tmp_path / "weights.pt").network.weights
    for ours, theirs in zip(found, (RAW["0.weight"], RAW["2.weight"], RAW["4.weight"]), strict=True):
        assert np.array_equal(ours, theirs)
