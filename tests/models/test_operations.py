"""What programs call: real modules, exported, answer and are differentiated as PyTorch does it, one by one."""

import io
from contextlib import contextmanager, suppress

import pytest
import torch
from program_helpers import SHAPE, convolutional, exported, read
from reconstruction.errors import UserError
from reconstruction.models.calls import step
from reconstruction.models.operations import NAMESPACE, operation
from science_helpers import normal
from torch import nn
from torch.func import grad, vmap
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

IMAGE, VECTOR = (2, 8, 8), (6,)


class With(nn.Module):
    """Modules, and a function of them and the images."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.modules_ = function, nn.ModuleList(modules)

    def forward(self, images):
        return self.function(images, *self.modules_)


def recurrent(kind, **options):
    width = 3 * (1 + options.get("bidirectional", False))
    layers = kind(8, 3, batch_first=True, **options), nn.Linear(width, 2)
    return With(lambda images, rnn, last: last(rnn(images[:, 0])[0][:, -1]), *layers)


def hidden(function):
    """A function of six hidden units (1, 6), to six numbers that a linear layer follows."""
    return With(lambda inputs, first, last: last(function(first(inputs))), nn.Linear(6, 6), nn.Linear(6, 2))


def resized(**options):
    layers = nn.Conv2d(2, 2, 3), nn.Linear(18, 2)
    return With(
        lambda images, first, last: last(first(functional.interpolate(images, (5, 5), **options)).flatten(1)), *layers
    )


def masked(inputs):
    kept = torch.where((inputs > 0) & (inputs < 1) | (inputs.abs() >= 0.5), inputs, -inputs)
    return kept.masked_fill(inputs == 0, 1.0) * (inputs.argmax(1, keepdim=True) != torch.arange(6))


def written(inputs):
    found = torch.zeros(1, 6)
    found[:, :3] = inputs[:, 3:]
    return found + torch.ones_like(inputs)


def statistics(inputs):
    spread, centre = torch.std_mean(inputs, 1, keepdim=True)
    largest, smallest = inputs.max(1, keepdim=True).values, inputs.min(1, keepdim=True)[0]
    return (inputs - centre) / (1 + spread) * inputs.var(1, keepdim=True) + inputs.logsumexp(1) * (largest - smallest)


def windows(images, last):
    """A table of relative places, as Swin's attention looks it up, and images in blocks."""
    table, places = last.weight[:, :4], torch.tensor([[0, 3], [2, 1]])
    blocks = images.unfold(2, 4, 4).unfold(3, 4, 4).mean((1, 4, 5))
    return (torch.roll(blocks, 1, 1) @ table[:, places.flatten()].view(2, 2, 2)).sum((1, 2))[None]


def rearranged(units):
    """By PyTorch's second names and the rarer ways to move numbers about."""
    rows = units.view(1, 2, 3)
    turned = rows.swapdims(1, 2).mT.fliplr().flipud().rot90(2, (1, 2)).reshape_as(units)
    joined = torch.hstack(torch.tensor_split(torch.concat([units, turned], 1), 3, 1)[:2])
    wide = torch.concatenate([joined.tile(1, 2), units.repeat_interleave(2, 1)], 1)[:, 3:9]
    both, _ = torch.broadcast_tensors(wide, units.ravel().broadcast_to(1, 6))
    return torch.vstack([both, both.diff(dim=1, prepend=units[:, :1])]).mean(0, keepdim=True)


def placed(units):
    places, row = torch.tensor([[1, 0, 3]]), torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")[0]
    found = torch.zeros(1, 6).scatter(1, places, units[:, :3]).scatter_add(1, places, units[:, 3:])
    found = found.index_add(1, places[0], torch.take_along_dim(units, places, 1)).cumprod(1)
    return found * functional.one_hot(places[0], 6).sum(0) + torch.linspace(0, 1, 6) * row.flatten()


def arithmetic(units):
    found = torch.subtract(torch.multiply(units, 2), torch.divide(units, 3)).absolute().negative()
    return found / torch.linalg.norm(units, dim=1, keepdim=True) @ (torch.ones(6, 6).triu() + torch.eye(6))


def sampled(images, last):
    """Images at places between their pixels, and signals and volumes of another size."""
    grid = torch.stack(torch.meshgrid(torch.linspace(-1, 1, 3), torch.linspace(-1, 1, 3), indexing="ij"), -1)
    found = functional.grid_sample(images, grid[None], align_corners=False).flatten(1)[:, :4]
    signal, volume = images.flatten(2), images.view(1, 2, 4, 4, 4)
    for mode, of in (("linear", signal), ("nearest", signal), ("trilinear", volume), ("nearest", volume)):
        found = found + functional.interpolate(of, scale_factor=0.5, mode=mode).flatten(1)[:, :4]
    return last(found)


def standardised(images, first, last):
    """A convolution of weights that are brought to one spread, as of networks without normalisation."""
    weight = functional.batch_norm(first.weight.view(1, 3, -1), None, None, training=True).view_as(first.weight)
    return last(functional.conv2d(images, weight).flatten(1))


NETWORKS = {
    "rearranged": (hidden(rearranged), VECTOR),
    "placed": (hidden(placed), VECTOR),
    "arithmetic": (hidden(arithmetic), VECTOR),
    "sampled": (With(sampled, nn.Linear(4, 2)), IMAGE),
    "folded": (
        With(lambda x, last: last(functional.fold(functional.unfold(x, 4, stride=2).sigmoid(), 8, 4, stride=2)
                                  .flatten(1)), nn.Linear(128, 2)), IMAGE,
    ),
    "standardised": (With(standardised, nn.Conv2d(2, 3, 3), nn.Linear(108, 2)), IMAGE),
    "lstm": (recurrent(nn.LSTM, num_layers=2, bidirectional=True), IMAGE),
    "gru": (recurrent(nn.GRU), IMAGE),
    "rnn": (recurrent(nn.RNN), IMAGE),
    "lstm cell": (With(lambda x, cell, last: last(cell(x)[0]), nn.LSTMCell(6, 3), nn.Linear(3, 2)), VECTOR),
    "gru cell": (With(lambda x, cell, last: last(cell(x)), nn.GRUCell(6, 3), nn.Linear(3, 2)), VECTOR),
    "cosine head": (
        With(lambda x, head: 9 * functional.linear(functional.normalize(x), functional.normalize(head.weight)),
             nn.Linear(6, 3)), VECTOR,
    ),
    "similarity": (With(lambda x, head: functional.cosine_similarity(x[:, None], head.weight, -1), nn.Linear(6, 3)),
                   VECTOR),
    "distances": (With(lambda x, head: -torch.cdist(x, head.weight), nn.Linear(6, 3)), VECTOR),
    "einsum": (With(lambda x, head: torch.einsum("bd,cd->bc", x, head.weight), nn.Linear(6, 3)), VECTOR),
    "instance norm": (
        nn.Sequential(nn.Conv2d(2, 3, 3), nn.InstanceNorm2d(3, affine=True), nn.Flatten(), nn.Linear(108, 2)), IMAGE,
    ),
    "weight norm": (nn.Sequential(weight_norm(nn.Linear(6, 4)), nn.GLU(), nn.Linear(2, 2)), VECTOR),
    "spectral norm": (nn.Sequential(spectral_norm(nn.Linear(6, 4)), nn.Softshrink(), nn.Linear(4, 2)), VECTOR),
    "waves": (hidden(lambda units: units.sin() + units.cos() * units.atan() + units.square().log1p().expm1()), VECTOR),
    "comparisons": (hidden(masked), VECTOR),
    "written into": (hidden(written), VECTOR),
    "statistics": (hidden(statistics), VECTOR),
    "sorted": (hidden(lambda units: units.sort(1)[0] + units.topk(6)[0] + units.cumsum(1)), VECTOR),
    "cast": (hidden(lambda units: units.to(torch.float64).type_as(units)), VECTOR),
    "bicubic": (resized(mode="bicubic", antialias=True), IMAGE),
    "bilinear": (resized(mode="bilinear", antialias=True), IMAGE),
    "windows": (With(windows, nn.Linear(6, 2)), IMAGE),
    "channels last": (
        With(lambda x, first, last: last(first(x.contiguous(memory_format=torch.channels_last)).flatten(1)),
             nn.Conv2d(2, 2, 3), nn.Linear(72, 2)), IMAGE,
    ),
}  # fmt: skip


@contextmanager
def of_float64():
    """What a network makes of no tensor is of float64, as all else of it."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights")
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_gradients_are_pytorch_s_own(name, tmp_path):
    network, shape = NETWORKS[name]
    network = network.eval()
    program = read(tmp_path / "network.pt2", exported(network, torch.zeros(1, *shape)))
    network = network.double()
    images = torch.rand(3, *shape, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        found = vmap(program.outputs, in_dims=(None, 0))({}, images)
    gradients = vmap(grad(lambda given, image: program.outputs(given, image)[1]), (None, 0))(program.parameters, images)
    own = {known: value for known, value in network.named_parameters() if known in program.parameters}
    assert own
    for place, image in enumerate(images):
        with of_float64():
            expected = network(image[None])[0]
        assert torch.allclose(found[place], expected, atol=1e-12)
        for known, value in zip(
            own, torch.autograd.grad(expected[1], own.values(), materialize_grads=True), strict=True
        ):
            assert torch.allclose(gradients[known][place], value, atol=1e-12), known


@pytest.mark.parametrize(
    "name",
    [
        "from_file.default", "_print.default", "rand.default", "bernoulli.default", "multinomial.default",
        "native_dropout.default", "rrelu_with_noise.default", "empty.memory_format", "set_.source_Storage",
        "resize_.default", "as_strided.default", "_cudnn_rnn.default", "_flash_attention_forward.default", "sin.out",
        "_upsample_bilinear2d_aa.default",
        "_embedding_bag.default", "gather.out", "_pin_memory.default", "item.default", "overloads", "__class__.default",
    ],
)  # fmt: skip
def test_operations_that_do_more_than_compute_are_not_known(name):
    with pytest.raises(UserError, match="none of the operations known here"):
        operation(f"{NAMESPACE}{name}")


def test_what_is_known_draws_no_random_numbers_and_writes_into_its_first_argument_only():
    known = []
    for name in torch._C._dispatch_get_all_op_names():
        namespace, _, rest = name.partition("::")
        target = rest if "." in rest else f"{rest}.default"
        if namespace == "aten":
            with suppress(UserError):
                known.append(operation(f"{NAMESPACE}{target}"))
    assert {"aten::conv2d", "aten::sin", "aten::lstm.input"} <= {called.name() for called in known}
    for called in known:
        names = [each.name for each in called._schema.arguments]
        draws = torch.Tag.nondeterministic_seeded in called.tags
        assert not draws or {"train", "training", "p", "dropout", "dropout_p"} & set(names), called
        written_into = [each.name for each in called._schema.arguments if each.alias_info and each.alias_info.is_write]
        assert written_into in ([], names[:1]), called


def test_a_weight_norm_reads_nothing_beyond_its_lengths():
    given = [{"name": name, "arg": {"as_tensor": {"name": name}}} for name in "vg"]
    called = step(
        {"target": f"{NAMESPACE}_weight_norm.default", "inputs": given, "outputs": [{"as_tensor": {"name": "w"}}]}
    )
    image, rows = torch.zeros(1), torch.ones(4, 9)
    values = {"v": rows, "g": torch.full((4, 1), 6.0)}
    called.run(values, image)
    assert torch.equal(values["w"], 2 * rows)
    with pytest.raises(RuntimeError, match="must match"):
        called.run({"v": rows, "g": torch.ones(2, 1)}, image)


@pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated")
def test_a_decomposed_batch_normalisation_is_the_same_and_reads_nothing_beyond_its_numbers(tmp_path):
    network, file = convolutional(), io.BytesIO()
    torch.export.save(torch.export.export(network, (torch.zeros(1, *SHAPE),)).run_decompositions(), file)
    program = read(tmp_path / "network.pt2", file.getvalue())
    normalise = next(each for each in program.steps if "native_batch_norm" in each.operation.name())
    image = normal(*SHAPE)
    assert torch.allclose(program.outputs({}, image), network.double()(image[None])[0], atol=1e-12)
    values = dict.fromkeys((name for name in program.names), torch.ones(2).double())
    given = {each.name: torch.ones(1, 4, 6, 6).double() for each in [normalise.arguments["input"]]}
    with pytest.raises(RuntimeError, match="should contain 4 elements"):
        normalise.run({**values, **given}, image)
