"""A network given as a program: the network's own answers, and what is no such network refused in one sentence."""

import pytest
import torch
from hostile_helpers import refusal, succeed_or_refuse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_helpers import SHAPE, convolutional, convolutional_program, exported, read, with_json
from science_helpers import normal
from torch import nn
from torch.nn import functional

GRAPH = "models/model.json"


class Mixed(nn.Module):
    """Layers of many kinds, and branches."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(1, 8, 3, padding=1, groups=1)
        self.branch = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=4), nn.GroupNorm(2, 8), nn.SiLU(inplace=True))
        self.mixing = nn.MultiheadAttention(8, 2, batch_first=True)
        self.last = nn.Sequential(nn.LayerNorm(8), nn.GELU("tanh"), nn.Linear(8, 5))
        self.register_buffer("mean", torch.full((1, 1, 1), 0.5))

    def forward(self, images):
        found = self.first(images - self.mean)
        found = torch.cat([self.branch(found)[:, :4], found[:, 4:].tanh()], 1) + found
        rows = nn.functional.adaptive_avg_pool2d(found, 3).flatten(2).transpose(1, 2)
        return self.last((rows + self.mixing(rows, rows, rows, need_weights=False)[0]).mean(1))


@pytest.mark.parametrize("made", [convolutional, Mixed])
def test_the_outputs_are_the_network_s(made, tmp_path):
    network, images = made().eval(), normal(4, *SHAPE)
    found = read(tmp_path / "network.pt2", exported(network))
    expected = network.double()(images)
    assert torch.allclose(torch.stack([found.outputs({}, image) for image in images]), expected, atol=1e-12)
    assert found.image_shape == SHAPE
    assert found.family.outputs == expected.shape[1]
    assert found.parameters.keys() == dict(network.named_parameters()).keys()


def test_vectors_are_taken_as_they_are(tmp_path):
    network, vectors = nn.Sequential(nn.Linear(7, 5), nn.GELU(), nn.Linear(5, 3)), normal(4, 7)
    found = read(tmp_path / "head.pt2", exported(network, torch.zeros(1, 7)))
    assert found.image_shape == (7,)
    outputs = torch.stack([found.outputs({}, vector) for vector in vectors])
    assert torch.allclose(outputs, network.double()(vectors), atol=1e-12)


def test_an_image_is_left_as_it_is(tmp_path):
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(36, 1)

        def forward(self, images):
            return self.last(nn.functional.relu_(images).flatten(1))

    found, image = read(tmp_path / "network.pt2", exported(InPlace())), normal(*SHAPE)
    before = image.clone()
    found.outputs({}, image)
    assert torch.equal(image, before)


def node(index, **changes):
    return lambda document: document["graph_module"]["graph"]["nodes"][index].update(changes)


@pytest.mark.parametrize(
    "target",
    ["torch.os.system", "torch.ops.aten.from_file.default", "torch.ops.aten.relu.out", "_operator.add", "eval", ""],
)
def test_no_other_function_is_called(target, tmp_path):
    content = with_json(convolutional_program(), GRAPH, node(0, target=target))
    sentence = refusal(read, tmp_path / "network.pt2", content)
    assert f"network.pt2: calls {target or repr(target)}, which" in sentence


def test_an_expression_is_not_evaluated(tmp_path):
    argument = {"name": "stride", "arg": {"as_sym_int": {"as_name": "__import__('os')"}}, "kind": 1}
    content = with_json(convolutional_program(), GRAPH, node(0, inputs=[argument]))
    assert "is made for images of several sizes or numbers" in refusal(read, tmp_path / "network.pt2", content)


def test_a_graph_that_would_fill_memory_is_tried_by_shapes_alone(tmp_path):
    padding = {"name": "padding", "arg": {"as_ints": [2**20, 2**20]}, "kind": 1}

    def change(document):
        document["graph_module"]["graph"]["nodes"][0]["inputs"][-1] = padding

    assert "cannot be run" in refusal(read, tmp_path / "network.pt2", with_json(convolutional_program(), GRAPH, change))


class Doubled(nn.Module):
    def __init__(self, inner, gives):
        super().__init__()
        self.inner, self.gives = inner, gives

    def forward(self, *images):
        return self.gives(self.inner(images[0]), *images)


@pytest.mark.parametrize("device", [None, {"as_none": True}, {"as_device": {"type": "cpu", "index": None}}])
def test_neither_would_one_that_names_no_device_or_another(device, tmp_path):
    network = Doubled(convolutional(), lambda out, *_: out + torch.ones(6).sum())

    def change(document):
        (made,) = (node for node in document["graph_module"]["graph"]["nodes"] if ".ones." in node["target"])
        others = [given for given in made["inputs"] if given["name"] not in ("size", "device")]
        made["inputs"] = [{"name": "size", "arg": {"as_ints": [2**50]}, "kind": 1}, *others]
        if device:
            made["inputs"].append({"name": "device", "arg": device, "kind": 2})

    sentence = refusal(read, tmp_path / "network.pt2", with_json(exported(network), GRAPH, change))
    assert "to differentiate it" in sentence
    assert "allocate" not in sentence


def test_numbers_within_an_operation_are_counted(tmp_path):
    """Attention makes a product of every pair, and gives back a row for each."""

    def attended(out, *_):
        rows = out.view(1, 1, 32, 1)
        return functional.scaled_dot_product_attention(rows, rows, rows).flatten(1)

    content = exported(Doubled(nn.Linear(6, 32), attended), torch.zeros(1, 6))
    assert read(tmp_path / "network.pt2", content).values > 32**2


def test_an_index_beyond_a_tensor_is_refused(tmp_path):
    network = Doubled(convolutional(), lambda out, *_: out[:, torch.tensor([2]) * 2])
    assert "several images at once (index 4" in refusal(read, tmp_path / "network.pt2", exported(network))


PLAIN = st.one_of(
    st.integers(-(2**70), 2**70).map(lambda value: {"as_int": value}),
    st.lists(st.integers(-3, 2**40), max_size=3).map(lambda values: {"as_ints": values}),
    st.floats().map(lambda value: {"as_float": value}),
    st.sampled_from([{"as_none": True}, {"as_string": "x"}, {"as_tensor": {"name": "p_6_weight"}}, {"as_int": {}}, {}]),
)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_graph_with_other_arguments_is_read_or_refused(tmp_path, data):
    def change(document):
        called = data.draw(st.sampled_from(document["graph_module"]["graph"]["nodes"]))
        data.draw(st.sampled_from(called["inputs"]))["arg"] = data.draw(PLAIN)

    content = with_json(convolutional_program(), GRAPH, change)
    succeed_or_refuse(read, tmp_path / "network.pt2", content)


def test_what_cannot_be_differentiated_for_several_images_is_refused(tmp_path):
    class Into(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(36, 1)

        def forward(self, images):
            found = self.last.bias * 2
            found += self.last(images.flatten(1))[0]
            return found[None]

    sentence = refusal(read, tmp_path / "network.pt2", exported(Into()))
    assert "network.pt2: cannot be differentiated for several images at once (" in sentence


class Under(nn.Module):
    """A head on top of a network that runs in a context."""

    def __init__(self, context):
        super().__init__()
        self.context, self.inner, self.head = context, convolutional(), nn.LazyLinear(2)
        self(torch.zeros(1, *SHAPE))

    def forward(self, images):
        with self.context():
            found = self.inner(images)
        return self.head(found.float())


@pytest.mark.parametrize(
    ("network", "images", "said"),
    [
        (convolutional().train(), [torch.zeros(1, *SHAPE)], "call network.eval() before exporting it"),
        (convolutional(), [torch.zeros(2, *SHAPE)], "takes an input of shape 2 x 1 x 6 x 6"),
        (nn.Linear(6, 2), [torch.zeros(2, 6)], "takes an input of shape 2 x 6"),
        (nn.Linear(6, 2), [torch.zeros(1, 3, 6)], "takes an input of shape 1 x 3 x 6"),
        (
            Doubled(convolutional(), lambda out, *_: out[None]),
            [torch.zeros(1, *SHAPE)],
            "gives a result of shape (1, 1, 3)",
        ),
        (Doubled(convolutional(), lambda out, *_: (out, out + 1)), [torch.zeros(1, *SHAPE)], "gives 2 results"),
        (
            Doubled(convolutional(), lambda out, _, other: out + other.mean()),
            [torch.zeros(1, *SHAPE), torch.zeros(1, *SHAPE)],
            "takes 2 inputs",
        ),
        (convolutional().requires_grad_(False), [torch.zeros(1, *SHAPE)], "has no parameters that were trained"),
        (
            Doubled(convolutional(), lambda out, *_: out + torch.rand(1)),
            [torch.zeros(1, *SHAPE)],
            "calls torch.ops.aten.",
        ),
        *(
            (Under(context), [torch.zeros(1, *SHAPE)], "; export it without either; requires_grad_(False) freezes")
            for context in (torch.no_grad, lambda: torch.autocast("cpu"))
        ),
    ],
)
def test_a_network_that_cannot_be_asked_is_refused(network, images, said, tmp_path):
    assert said in refusal(read, tmp_path / "network.pt2", exported(network, *images))


@pytest.mark.parametrize("outputs", [1, 3])
def test_squeezed_outputs_are_the_same(outputs, tmp_path):
    network = convolutional(outputs)
    found = read(tmp_path / "network.pt2", exported(Doubled(network, lambda out, *_: out.squeeze())))
    image = normal(*SHAPE)
    assert torch.equal(found.outputs({}, image), network.double()(image[None])[0])


@pytest.mark.parametrize(
    ("outputs", "last", "known"),
    [
        (1, lambda out: out.sigmoid().squeeze(), True),
        (1, lambda out: out.sigmoid().view(-1, 1).clamp(1e-6, 1 - 1e-6), True),
        (2, lambda out: out.softmax(1)[:, 1:], True),
        (2, lambda out: out.softmax(1)[:, 1], True),
        (4, torch.sigmoid, True),
        (3, lambda out: out.exp() / out.exp().sum(1, keepdim=True), True),
        (3, lambda out: out.log_softmax(1), False),
        (3, lambda out: out.softmax(1).log(), False),
        (1, lambda out: out * out.sigmoid(), False),
        (3, torch.abs, False),
    ],
)
def test_probabilities_are_known(outputs, last, known, tmp_path):
    network = Doubled(convolutional(outputs), lambda out, *_: last(out))
    assert read(tmp_path / "network.pt2", exported(network)).gives_probabilities == known


def test_a_buffer_that_is_written_by_way_of_a_view_is_found(tmp_path):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(36, 2)
            self.register_buffer("seen", torch.zeros(1, 2))

        def forward(self, images):
            self.seen.view(2).add_(1)
            return self.last(images.flatten(1)) + self.seen

    sentence = refusal(read, tmp_path / "network.pt2", exported(Counting()))
    assert "network.pt2: changes its own buffers, as a network in training does; call network.eval()" in sentence


def test_a_program_for_many_images_is_refused(tmp_path):
    batch = torch.export.Dim("batch")
    content = exported(convolutional(), torch.zeros(2, *SHAPE), dynamic_shapes=({0: batch},))
    sentence = refusal(read, tmp_path / "network.pt2", content)
    assert "export it for one image and without dynamic_shapes, torch.export.export(network, (torch.zeros(1" in sentence


def test_a_weight_that_is_no_number_is_refused(tmp_path):
    network = convolutional()
    with torch.no_grad():
        network[0].weight[0, 0, 0, 0] = torch.nan
    sentence = refusal(read, tmp_path / "network.pt2", exported(network))
    assert sentence.endswith("network.pt2: 0.weight has a number that is not finite; train the model again")
