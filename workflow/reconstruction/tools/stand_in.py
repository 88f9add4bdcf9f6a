"""The network that an estimate times: an experiment's own, or a random one in its place while it is not trained."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..configuration import (
    AdoptedModel,
    AllLabels,
    Configuration,
    Dataset,
    Experiment,
    Model,
    TargetLabels,
    VectorFile,
    of_each,
)
from ..data import sources
from ..data.drawing import draw
from ..errors import UserError
from ..files.layout import MODEL
from ..machine.devices import require_memory
from ..models import deployed
from ..models.mlp import Network
from ..models.softmax import outputs_for
from ..training.capacity import to_train
from ..training.fit import begin

CLASSES = {"mnist": 10, "fashion-mnist": 10, "cifar10": 10, "cifar100": 100}
INPUT_SIZES = {"mnist": 28 * 28, "fashion-mnist": 28 * 28, "cifar10": 3 * 32 * 32, "cifar100": 3 * 32 * 32}


def network_of(configuration: Configuration, experiment: Experiment, results: Path) -> tuple[Network, bool, Tensor]:
    """The experiment's trained network, or one of its size whose first layer has the rank that training can give it."""
    path = results / MODEL.format(**experiment.names)
    if path.exists():
        model = deployed.read(path)
        return model.network, True, model.stds
    settings = configuration.models[experiment.model]
    if isinstance(settings, AdoptedModel) or experiment.dataset is None:
        raise UserError(f"{path}: weights from elsewhere are estimated once adopted", f"run `snakemake {path}` first")
    dataset = configuration.datasets[experiment.dataset]
    size, outputs = input_size(dataset), outputs_of(dataset)
    images = images_of(dataset)
    require_memory(
        to_train(size, settings.hidden, images, 2 * images),
        f"{path}: to train a network of {'-'.join(map(str, (size, *settings.hidden)))}-{outputs} with {images} images",
        "lower hidden or per_label, or scale the images down",
    )
    network = made_up(settings, size, images, outputs)
    return network, False, torch.ones(size if isinstance(dataset.source, VectorFile) else (1, 1, size))


def made_up(model: Model, size: int, images: int, outputs: int = 1) -> Network:
    """A random network whose first layer lies in a span of images - 1 directions, as after mean subtraction."""
    generator = torch.Generator().manual_seed(model.seed)
    network = begin(model, size, outputs, generator)
    rank = max(1, min(images - 1, size, model.hidden[0]))
    left, right = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((model.hidden[0], rank), (rank, size))
    )
    return network.with_first_layer(left @ right / (size * rank) ** 0.5)


def images_of(dataset: Dataset) -> int:
    """That are trained on."""
    if isinstance(dataset.per_label, str):
        pools = sources.load(dataset.source)
        return len(draw(pools.training, dataset, pools.held_out)[0].indices)
    labels = 1 if isinstance(dataset.labels, TargetLabels) else max(2, outputs_of(dataset))
    return sum(of_each(dataset.per_label, labels))


def outputs_of(dataset: Dataset) -> int:
    """Of a network that tells the data set's labels apart."""
    if not isinstance(dataset.labels, AllLabels):
        return 1
    if dataset.labels.classes is not None:
        return len(dataset.labels.classes)
    return CLASSES.get(dataset.source.kind) or outputs_for(sources.load(dataset.source)[0].classes)


def input_size(dataset: Dataset) -> int:
    """Pixels of an image, all channels together."""
    return INPUT_SIZES.get(dataset.source.kind) or sources.load(dataset.source)[0].images[0].size
